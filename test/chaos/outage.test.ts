import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Answer, Call } from '../support/patient-client.js';
import { chaosLab, until, type ChaosLab } from './lab.js';

const TIMEOUT_MS = 300_000;
/** The gateway's own deadline is 150 ms; the rest is for a busy machine. */
const REFUSED_WITHIN_MS = 2_000;
/** Past every lease (600 s). */
const PAST_LEASES_MS = 660_000;
/** The design promises a second; the rest is for a busy machine. */
const SWEPT_WITHIN_MS = 10_000;
const MODEL = 'gpt-4';

let lab: ChaosLab;
beforeAll(async () => { lab = await chaosLab(4, { POSTGRES_TIMEOUT_MS: '1000' }); }, TIMEOUT_MS);
afterAll(() => lab.close(), TIMEOUT_MS);

const alice = 'user-1';
const bob = 'user-2';
/** No test reads this account's balance after Redis was emptied. */
const carol = 'user-3';
let lastName = 0;

const get = (path: string, accountId = alice): Call => ({ method: 'GET', path, token: lab.tokenOf(accountId), isRepeatable: true });
const post = (path: string, body: object, token = lab.tokenOf(alice)): Call => ({ method: 'POST', path, token, body, isRepeatable: true });
const allocate = (accountId: string): Call => post('/api/credits/allocate', { userId: accountId, credits: 5 }, lab.adminToken);

/** One request to every route that needs the balance. */
const protectedCalls = (sessionId: string): Call[] => [
  get('/api/credits/balance'),
  get('/api/streaming-sessions/active'),
  post('/api/credits/check', { credits: 1 }),
  post('/api/streaming-sessions/initialize', { sessionId: `outage-${(lastName += 1)}`, modelId: MODEL, estimatedTokens: 100 }),
  post('/api/streaming-sessions/finalize', { sessionId, actualTokens: 10 }),
  post('/api/streaming-sessions/abort', { sessionId, tokensGenerated: 10 }),
  post('/api/usage/record', { service: 'outage', operation: 'none', credits: 0 }),
];

const ready = (): Promise<Answer> => lab.client.once(get('/readyz'));
const served = (): Promise<void> =>
  until('the gateway serves again', async () => (await lab.client.once(get('/api/credits/balance'))).status === 200);

/** Every request is refused in time with Retry-After; checked twice, before and after the breaker opens. */
async function expectRefusals(what: string, sessionId: string): Promise<void> {
  const refusals: Answer[] = [];
  for (let round = 0; round < 2; round += 1) {
    refusals.push(...await Promise.all(protectedCalls(sessionId).map((call) => lab.client.once(call))));
  }
  expect(refusals.map(({ status, retryAfter }) => `${status} ${String(retryAfter)}`)).toEqual(refusals.map(() => '503 1'));
  const slowestMs = Math.max(...refusals.map(({ ms }) => ms));
  process.stderr.write(`${what}: ${refusals.length} requests refused within ${Math.round(slowestMs)} ms\n`);
  expect(slowestMs).toBeLessThan(REFUSED_WITHIN_MS);
  expect(await ready()).toMatchObject({ status: 200, body: { status: 'degraded' } });
}

test('a Redis that hangs: 503 in time, then recovery without a restart', async () => {
  const { proxy, redis } = lab;
  for (const accountId of lab.accounts) await proxy.grant(accountId, 100, 30);
  const session = await proxy.open(alice, MODEL, 1_000);
  await redis.kill('SIGSTOP');
  await expectRefusals('Redis hangs', session?.sessionId ?? '');
  await redis.kill('SIGCONT');
  await served();
}, TIMEOUT_MS);

test('Redis down: 503 in time, money-in waits in Postgres, then recovery without a restart', async () => {
  const { proxy, redis, client } = lab;
  const session = await proxy.open(alice, MODEL, 1_000);
  await redis.kill('SIGKILL');
  await expectRefusals('Redis is gone', session?.sessionId ?? '');
  expect(await client.once(allocate(carol))).toMatchObject({ status: 202, body: { status: 'pending' } });
  const granted = proxy.grant('user-4', 7, 30); // repeats until it is applied
  await redis.restart();
  await served();
  await granted;
  await until('the pending allocation', async () => (await proxy.balance(carol)).available === 105_000_000);
}, TIMEOUT_MS);

test('Postgres down: messages continue, allocations are refused without an effect', async () => {
  const { proxy, postgres, client, books } = lab;
  await books.settled();
  const before = await proxy.balance(alice);
  const session = await proxy.open(alice, MODEL, 1_000);
  await postgres.kill('SIGKILL');
  if (session !== null) await proxy.end(session, 'completed', 700);
  const second = await proxy.open(alice, MODEL, 400);
  if (second !== null) await proxy.end(second, 'aborted', 20);
  await proxy.charge(alice, 0.25, true);
  expect(proxy.told.surprises).toEqual([]);
  expect(await client.once(allocate(alice))).toMatchObject({ status: 503, retryAfter: '1', body: { outcome: 'not_executed' } });
  expect(await ready()).toMatchObject({ status: 200 });
  const spent = 3_500_000 + 100_000 + 250_000;
  expect(await proxy.balance(alice)).toEqual({ ...before, available: before.available - spent });

  await postgres.restart();
  await books.settled();
  expect(await proxy.balance(alice)).toEqual({ ...before, available: before.available - spent });
}, TIMEOUT_MS);

test('a Postgres that hangs: messages continue, allocations are refused in time', async () => {
  const { proxy, postgres, client, books } = lab;
  await postgres.kill('SIGSTOP');
  const session = await proxy.open(bob, MODEL, 1_000);
  if (session !== null) await proxy.end(session, 'completed', 700);
  const refusal = await client.once(allocate(alice));
  expect(refusal).toMatchObject({ status: 503, retryAfter: '1' });
  process.stderr.write(`Postgres hangs: an allocation refused after ${Math.round(refusal.ms)} ms, ${String(refusal.body['outcome'])}\n`);
  expect(await ready()).toMatchObject({ status: 200 });
  await postgres.kill('SIGCONT');
  await until('allocations work again', async () => (await client.once(allocate('user-4'))).status === 201);
  await books.settled();
}, TIMEOUT_MS);

test('an emptied Redis: nothing is overspent, and all state is restored from Postgres', async () => {
  const { proxy, books, client } = lab;
  const ended = await proxy.open(alice, MODEL, 1_000);
  if (ended === null) throw new Error('alice has no credits');
  await proxy.end(ended, 'completed', 900);
  const open = await proxy.open(alice, MODEL, 2_000);
  const left = await Promise.all([bob, carol].map((accountId) => proxy.open(accountId, MODEL, 2_000)));
  if (open === null || left.includes(null)) throw new Error('a test account has no credits');
  const look = async (): Promise<object> => ({
    balances: await Promise.all([alice, bob].map((accountId) => proxy.balance(accountId))),
    open: (await client.once(get('/api/streaming-sessions/active'))).body,
  });
  const before = await look();
  const { available } = await proxy.balance(alice);
  await books.settled();

  const operator = new Redis(lab.redis.operatorUrl);
  await operator.flushall();
  operator.disconnect();
  const first = await client.once(get('/api/credits/balance'));
  expect(first).toMatchObject({ status: 503, retryAfter: '1', body: { outcome: 'not_executed' } });
  await served();
  expect(await look()).toEqual(before);
  // An earlier settlement is not charged again: Postgres has its first answer.
  const told = ended.end;
  await proxy.end(ended, 'completed', 900);
  expect(ended.end).toEqual(told);
  await proxy.end(open, 'completed', 1_500);
  expect(await proxy.balance(alice)).toMatchObject({ available: available + 12_000_000 - 7_500_000 });
}, TIMEOUT_MS);

/** Holds that are open in Postgres although their lease has ended. */
async function overdue(accountId: string): Promise<number> {
  const { rows } = await lab.books.db.raw<{ rows: { count: number }[] }>(
    `select count(*) from holds where account_id = ? and state = 'open' and expires_at <= to_timestamp(?::double precision / 1000)`,
    [accountId, lab.processes.nowMs()],
  );
  return rows[0]?.count ?? 0;
}

test('after Redis was emptied, the sweeper still ends the holds of accounts that are in use', async () => {
  await lab.processes.advance(PAST_LEASES_MS);
  await until('no hold of bob is past its lease', async () => (await overdue(bob)) === 0, SWEPT_WITHIN_MS);
}, TIMEOUT_MS);

test('after Redis was emptied, the sweeper still ends the holds of accounts that no request uses', async () => {
  await until('no hold of carol is past its lease', async () => (await overdue(carol)) === 0, SWEPT_WITHIN_MS);
}, TIMEOUT_MS);
