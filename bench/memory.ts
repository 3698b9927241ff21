import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { mintToken } from '../src/edge/auth/mint-token.js';
import { ENDED_HOLD_TTL_SECONDS_MIN, RECEIPT_TTL_SECONDS } from '../src/kit/limits.js';
import { migrate } from '../src/stores/postgres/migrate.js';
import { scanKeys } from '../test/support/scan-keys.js';
import { throwawayPostgres, throwawayRedis } from '../test/support/servers.js';
import { openAccounts } from './bench-accounts.js';
import { openLedgerView } from './ledger-view.js';
import { startGatewayProcess } from './processes.js';

/**
 * `npm run bench:memory`: bytes in Redis (`MEMORY USAGE`) of an idle account, of an open hold and of an ended one, as a gateway and its
 * worker write them for calls of `/v1`. An ended hold is whole for ENDED_HOLD_TTL_SECONDS_MIN after Postgres has its end, then a mark
 * until RECEIPT_TTL_SECONDS: its figure is what it takes on average over this time. Exits with code 1 when a figure is above its target.
 */
const { values } = parseArgs({ options: { accounts: { type: 'string', default: '500' }, holds: { type: 'string', default: '1000' } } });
const accounts = Number(values.accounts);
const holds = Number(values.holds);
const TARGETS = { account: 400, open: 700, ended: 300 };
const POLL_MS = 50;
const HOUR_SECONDS = 3_600;

const redis = await throwawayRedis();
const postgres = await throwawayPostgres();
const secret = randomBytes(32).toString('hex');
const environment = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: secret, LOG_LEVEL: 'warn' };
await migrate(postgres.ownerUrl, () => undefined);
const settings = { ...environment, LOG_LEVEL: 'info' };
const worker = await startGatewayProcess('worker', settings);
const api = await startGatewayProcess('api', settings);
const view = await openLedgerView(environment);
const client = new Redis(redis.operatorUrl);
const token = await mintToken(secret, { sub: 'bench-operator', role: 'admin' }, HOUR_SECONDS, Date.now());

const { ids } = await openAccounts(view.ledger, secret, 1, accounts);
await drained();
/** Without the receipts of the grants, which live for seven days. */
const account = (await bytesOf('account', 'lots', 'lot', 'lots-due')) / accounts;
const receipt = (await bytesOf('receipt')) / accounts;

const names = Array.from({ length: holds }, (_, index) => ({ account: ids[index % ids.length] ?? '', id: `msg-${randomUUID()}` }));
await batch(names.map((name) => ({
  op: 'holds.place', body: { ...name, amount: '0.25', reason: 'bench', metadata: { conversation: randomUUID() } },
})), 201);
const open = (await bytesOf('hold', 'open', 'holds-due')) / holds;

await batch(names.map(({ account: accountId, id }) => ({
  op: 'holds.settle', id, body: { account: accountId, amount: '0.125', reason: 'completed' },
})), 200);
await drained();
while ((await keysOf('ended')).length < holds) await setTimeout(POLL_MS);
const whole = (await bytesOf('hold')) / holds;
const mark = (await bytesOf('ended')) / holds;
const ended = (ENDED_HOLD_TTL_SECONDS_MIN * whole + (RECEIPT_TTL_SECONDS - ENDED_HOLD_TTL_SECONDS_MIN) * mark) / RECEIPT_TTL_SECONDS;

const line = (name: string, bytes: number, target: number, more = ''): string =>
  `${name.padEnd(36)}${bytes.toFixed(0).padStart(6)} B, target ${target} B${bytes > target ? ', MISSED' : ''}${more}`;
console.log([
  `${accounts} accounts with one lot, ${holds} holds; ids of accounts have ${ids[0]?.length ?? 0} characters, those of holds 40`,
  line('idle account', account, TARGETS.account, ` (its receipt of the grant: ${receipt.toFixed(0)} B)`),
  line('open hold', open, TARGETS.open),
  line('ended hold, average of its hour', ended, TARGETS.ended, ` (whole: ${whole.toFixed(0)} B, its mark: ${mark.toFixed(0)} B)`),
].join('\n'));
process.exitCode = account > TARGETS.account || open > TARGETS.open || ended > TARGETS.ended ? 1 : 0;

client.disconnect();
await view.close();
await api.stop();
await worker.stop();
await redis.discard();
await postgres.discard();

/** Keys of these kinds; an index that all accounts of a shard share is a kind, too. */
async function keysOf(...kinds: readonly string[]): Promise<string[]> {
  const pages = await Promise.all(kinds.flatMap((kind) => [scanKeys(client, `*:{s*}:*:${kind}:*`), scanKeys(client, `*:{s*}:*:${kind}`)]));
  return pages.flat();
}

async function bytesOf(...kinds: readonly string[]): Promise<number> {
  const pipeline = client.pipeline();
  for (const key of await keysOf(...kinds)) pipeline.memory('USAGE', key, 'SAMPLES', 0);
  const replies = (await pipeline.exec()) ?? [];
  return replies.reduce((total, [, bytes]) => total + Number(bytes ?? 0), 0);
}

/** Until Postgres has every entry: an account has as many as its number says. */
async function drained(): Promise<void> {
  const written = (await Promise.all(ids.map((id) => view.ledger.readAccount(id)))).reduce((total, { seq }) => total + seq, 0);
  for (;;) {
    const { rows } = await view.db.raw<{ rows: { entries: string | null }[] }>('select sum(seq) as entries from accounts');
    if (Number(rows[0]?.entries) >= written) return;
    await setTimeout(POLL_MS);
  }
}

async function batch(operations: readonly object[], expected: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${api.port}/v1/batch`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ operations }),
  });
  const { results } = (await answer.json()) as { readonly results?: readonly { readonly status: number; readonly body: unknown }[] };
  const wrong = results?.find(({ status }) => status !== expected);
  if (results?.length !== operations.length || wrong !== undefined) {
    throw new Error(`a batch was answered ${answer.status}: ${JSON.stringify(wrong ?? results)}`);
  }
}
