/**
 * `npm run day`: a day of scripted traffic against a real gateway, with a kill -9 of the API and one of the worker, and
 * then the books. Everything it starts is thrown away at the end, on Ctrl-C too.
 */
import { migrate } from '../../src/stores/postgres/migrate.js';
import { readKinds, readTotals } from '../../test/support/books-postgres.js';
import { openBooks } from '../../test/support/books.js';
import { chatProxy } from '../../test/support/chat-proxy.js';
import { isClean } from '../../test/support/finding.js';
import { inParallel } from '../../test/support/parallel.js';
import { patientClient } from '../../test/support/patient-client.js';
import { startProcesses, type GatewayProcesses } from '../../test/support/processes.js';
import { randomOf } from '../../test/support/random.js';
import { throwawayPostgres, throwawayRedis, type TestServer } from '../../test/support/servers.js';
import { nothingTold } from '../../test/support/told.js';
import { liveTheDay } from './day.js';
import { readOptions, USAGE, type DayOptions } from './options.js';
import { peopleOf, type Person } from './people.js';
import { conservationReport } from './report.js';
import { trafficOf } from './traffic.js';

/** As in production: a commit is on disk when it is acknowledged. */
const DURABLE = { fsync: 'on', full_page_writes: 'on' };
/** Small enough to be reached, so that debt and what cannot be collected both appear in the books. */
const GATEWAY = { DEBT_LIMIT: '5', HOLD_TTL_SECONDS: '600' };
const LOOKS_AT_ONCE = 8;

const say = (line: string): void => { process.stdout.write(`${line}\n`); };

/** Lives the day against these servers and prints its report. Answers whether the books balance. */
async function runDay(options: DayOptions, processes: GatewayProcesses): Promise<boolean> {
  const startedAt = performance.now();
  const random = randomOf(options.seed);
  const people = peopleOf(random, options.users);
  const client = patientClient(processes.url);
  const tokens = await tokensOf(processes, people);
  const tokenOf = (accountId: string): string => tokens.get(accountId) ?? '';
  const proxy = chatProxy({ client, tokenOf, adminToken: await processes.token({ sub: 'operator', role: 'admin' }), told: nothingTold() });
  const traffic = trafficOf(random, people, proxy);
  await liveTheDay({ processes, client, proxy, people, traffic, sessions: options.sessions, say });

  const books = openBooks(processes);
  try {
    say('waiting until Postgres has everything ...');
    await inParallel(LOOKS_AT_ONCE, people.map(({ accountId }) => () => proxy.balance(accountId)));
    await books.settled();
    const findings = await books.audit(proxy.told);
    say(conservationReport({
      options, seconds: (performance.now() - startedAt) / 1_000, findings, told: proxy.told, http: client.traffic, fates: traffic.fates,
      totals: await readTotals(books.db), kinds: await readKinds(books.db),
    }));
    return isClean(findings);
  } catch (error) {
    say(`log of the worker:\n${processes.worker.log()}\nlog of the API:\n${processes.api.log()}`);
    throw error;
  } finally {
    await books.close();
  }
}

const tokensOf = async (processes: GatewayProcesses, people: readonly Person[]): Promise<Map<string, string>> =>
  new Map(await Promise.all(people.map(async ({ accountId }) => [accountId, await processes.token({ sub: accountId })] as const)));

async function main(options: DayOptions): Promise<boolean> {
  const servers: TestServer[] = [];
  let processes: GatewayProcesses | undefined;
  try {
    say('starting a Redis and a Postgres of our own ...');
    const redis = await throwawayRedis();
    servers.push(redis);
    const postgres = await throwawayPostgres(DURABLE);
    servers.push(postgres);
    await migrate(postgres.ownerUrl);
    processes = await startProcesses({ redisUrl: redis.url, databaseUrl: postgres.url }, GATEWAY);
    say(`API: process ${processes.api.pid() ?? 0}, worker: process ${processes.worker.pid() ?? 0}`);
    return await runDay(options, processes);
  } finally {
    await processes?.stop();
    await Promise.all(servers.map((server) => server.discard()));
  }
}

let options: DayOptions;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
  process.exit(2);
}
process.once('SIGINT', () => { say('interrupted: cleaning up ...'); }); // who cleans up is test/support/servers.ts
try {
  process.exitCode = await main(options) ? 0 : 1;
} catch (error) {
  process.stderr.write(`the day was cut short: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exitCode = 1;
}
