import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { projectRoot } from '../kit/paths.js';
import { API_SCOPES, SERVER_SCOPES } from '../kit/principal.js';
import { printError, printResult, type Result } from './output.js';

/**
 * Every command, its arguments and its help. What a command does is in a file of its own, loaded when it runs: help needs no database
 * driver.
 */
const WHO = '<account>';
const WHO_HELP = 'id, username or e-mail address';
const REASON = ['--reason <text>', 'why; it is kept'] as const;
const SPEND = ['--spend <credits/period>', 'what it may spend an hour, day, week or month, such as 500/day, or none'] as const;
const ZONE = ['--zone <name>', 'time zone of that period, such as Europe/Berlin (default UTC)'] as const;
const RATE = ['--rate <number>', 'requests a second, or none'] as const;
const DAYS = ['--days <number>', 'days until it expires'] as const;
const ROLES = ['user', 'enduser', 'supervisor', 'admin'];
const EXIT_CODES = 'Exit codes: 0 done, 1 failed or found something wrong, 2 called in a wrong way.';
const SERVERS = `Commands work beside a running gateway: over REDIS_URL and DATABASE_URL or, without
them, over the embedded servers in DATA_DIR.`;

/** Runs one command. Sets the exit code, and never throws. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const program = buildProgram();
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Help and wrong calls: commander has written about them.
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 || error.code === 'commander.helpDisplayed' ? 0 : 2;
  }
}

export function buildProgram(): Command {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { readonly version: string };
  const program = new Command('credit-gateway')
    .description('Credit holds for AI products: a gateway, and the commands of its operators.')
    .version(version).option('--json', 'print the result, or the error, as JSON')
    .showHelpAfterError('(--help shows how it is called)').exitOverride()
    .addHelpText('after', `\n${EXIT_CODES}\n${SERVERS}`);
  program.command('serve').description('run the gateway; its settings are environment variables (docs/configuration.md)')
    .action(async () => { await import('../main.js'); });
  addAccess(program);
  addCatalogue(program);
  addAccounts(program);
  addOperations(program);
  return program;
}

type Work = (...args: never[]) => Promise<Result>;

/** Runs `work` with the arguments and options of its command, and prints what came of it. */
function act(command: Command, work: () => Promise<Work>): Command {
  return command.action(async (...args: unknown[]) => {
    const isJson = command.optsWithGlobals<{ json?: boolean }>().json === true;
    try {
      printResult(await (await work())(...args as never[]), isJson);
    } catch (error) {
      printError(error, fullName(command), isJson);
    }
  });
}

const fullName = (command: Command): string => (command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`);

function addAccess(program: Command): void {
  act(program.command('token').description('print an access token, signed with JWT_ACCESS_SECRET or the secret in DATA_DIR')
    .requiredOption('--sub <account>', 'the account that it is for')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).default('user'))
    .option('--username <name>').option('--email <address>').option('--ttl <time>', 'how long it lasts, such as 15m', '1h'),
  async () => (await import('./token.js')).token);

  const keys = program.command('keys').description('the keys with which services call the gateway');
  act(keys.command('create').description('make a key, which is printed once and never again')
    .requiredOption('--name <name>', 'the service that it is for')
    .option('--scopes <list>', `of /v1: ${API_SCOPES.join(',')}; of the credits process: ${SERVER_SCOPES.join(',')}; *: all but admin`,
      SERVER_SCOPES.join(','))
    .option(...DAYS).option('--prefix <text>', 'only accounts that begin with it').option('--payer <account>', 'only this account')
    .option(...RATE).option(...SPEND).option(...ZONE), async () => (await import('./keys.js')).createKey);
  act(keys.command('rotate <id>').description('make another key of the same name; the old one works until it is revoked').option(...DAYS),
    async () => (await import('./keys.js')).rotateKey);
  act(keys.command('limit <id>').description('change what a key may spend, and how often it may call')
    .option(...RATE).option(...SPEND).option(...ZONE), async () => (await import('./keys.js')).limitKey);
  act(keys.command('list').description('show all keys, without their secrets'), async () => (await import('./keys.js')).listKeys);
  act(keys.command('revoke <id>').description('end a key: it is refused within a second'),
    async () => (await import('./keys.js')).revokeKey);
}

function addCatalogue(program: Command): void {
  const features = program.command('features').description('endpoints and packages of the credits process');
  act(features.command('seed [file]').description('load them from a JSON file, or those of the guide; again changes nothing'),
    async () => (await import('./features.js')).seed);
  act(features.command('list').description('show them'), async () => (await import('./features.js')).listFeatures);

  const prices = program.command('prices').description('prices of models');
  act(prices.command('import <file>').description('show what a community price map (JSON, in dollars) would change; --apply changes it')
    .option('--apply', 'write it', false).option('--force', 'also take prices of 0 and changes of more than x10', false)
    .option('--book <book>', 'only this book; without it, every book that prices tokens: tokens, models and native')
    .option('--credits-per-dollar <number>', 'credits for a dollar (default 100000)'),
  async () => (await import('./import-prices.js')).importPrices);
}

function addAccounts(program: Command): void {
  const account = program.command('account').description('accounts');
  act(account.command(`show ${WHO}`).description(`balance, lots and open holds; <account>: ${WHO_HELP}`),
    async () => (await import('./account.js')).showAccount);
  act(account.command(`freeze ${WHO}`).description('refuse every hold, settlement, charge and grant of it with 423')
    .requiredOption(...REASON), async () => (await import('./account.js')).freezeAccount);
  act(account.command(`thaw ${WHO}`).description('lift the freeze').requiredOption(...REASON),
    async () => (await import('./account.js')).thawAccount);
  const holds = program.command('holds').description('open holds');
  act(holds.command(`list ${WHO}`).description(`open holds of an account, oldest first; <account>: ${WHO_HELP}`),
    async () => (await import('./account.js')).listHolds);
}

function addOperations(program: Command): void {
  const reconcile = program.command('reconcile')
    .description('show open differences between Redis and Postgres; exit code 1: there are some')
    .option(`--account ${WHO}`, `compare this one now (${WHO_HELP})`).option('--all', 'compare every account now', false);
  act(reconcile, async () => (await import('./reconcile.js')).reconcile);
  // Its options are read from both commands: commander gives --account to the one that has it first.
  act(reconcile.command('repair').description('bring accounts with differences, or --account, to what the books have')
    .option('--dry-run', 'only show what it would write', false)
    .option('--actor <name>', 'who does it').option(...REASON),
  async () => {
    const { repairAccounts } = await import('./reconcile.js');
    return (_options: unknown, command: Command) => repairAccounts(command.optsWithGlobals());
  });

  const shards = program.command('shards').description('shards whose journal contradicts Postgres, and losses of Redis');
  act(shards.command('list').description('shards that are stopped or behind, and unacknowledged losses')
    .option('--all', 'all of both', false), async () => (await import('./shards.js')).listShards);
  act(shards.command('resume <shard>').description('let the drain continue where it stopped; it skips nothing').requiredOption(...REASON),
    async () => (await import('./shards.js')).resume);
  act(shards.command('renew <shard>').description('go on from what Postgres has, in a new epoch; the rest is told and kept')
    .requiredOption(...REASON), async () => (await import('./shards.js')).renew);
  act(shards.command('left <shard>').description('what was left behind with an epoch')
    .requiredOption('--epoch <number>', 'the epoch that ended'), async () => (await import('./shards.js')).listLeft);
  act(shards.command('acknowledge <shard>').description('end the alarm about a loss; the record stays').requiredOption(...REASON),
    async () => (await import('./shards.js')).acknowledge);

  act(program.command('rebuild').description('load accounts into an empty Redis from Postgres, before anyone asks; gateways may run')
    .option('--all', 'also accounts that are idle', false), async () => (await import('./rebuild.js')).rebuildRedis);

  const letters = program.command('dead-letters').description('settlements of queues that failed; replayed, each is charged once');
  act(letters.command('list').description('show them'), async () => (await import('./dead-letters.js')).listDeadLetters);
  act(letters.command('replay [ids...]').description('send them again').option('--all', 'all of them', false)
    .option('--code <code>', 'those with this error code'), async () => (await import('./dead-letters.js')).replayDeadLetters);
  act(letters.command('discard [ids...]').description('delete them').option('--all', 'all of them', false)
    .option('--code <code>', 'those with this error code'), async () => (await import('./dead-letters.js')).discardDeadLetters);

  act(program.command('migrate')
    .description('bring the schema of MIGRATION_DATABASE_URL, DATABASE_URL or the embedded Postgres up to date'),
  async () => (await import('./migrate.js')).migrateSchema);
}
