import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { send } from '../support/fake-gateway.js';
import { seriesOf } from '../support/gauges.js';
import type { GatewayProcess } from '../support/processes.js';
import { chaosLab, until, type ChaosLab } from './lab.js';
import { startLoad } from './load.js';

/** Faults that last: Postgres is away for an hour, a worker's event loop is blocked past its time-outs, the clock jumps. */
const TIMEOUT_MS = 300_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const STEPS = 4;
/** Longer than the limit of an idle transaction, 10 s, and than the silence after which a worker counts as down. */
const BLOCKED_MS = 11_000;
const SEED = 14;
const CALLERS = 8;
const SOME = 100;
const MODEL = 'gpt-4';
const alice = 'user-1';

let lab: ChaosLab;
beforeAll(async () => {
  lab = await chaosLab(4, { POSTGRES_TIMEOUT_MS: '2000' });
  for (const accountId of lab.accounts) await lab.proxy.grant(accountId, 200, 30);
}, TIMEOUT_MS);
afterAll(() => lab.close(), TIMEOUT_MS);

const roles = (): readonly GatewayProcess[] => [lab.processes.api, lab.processes.worker];
const postgresIsWell = async ({ operationsUrl }: GatewayProcess): Promise<boolean> => {
  const { body } = await send(`${operationsUrl()}/readyz`, 'GET');
  return (body['checks'] as { postgres: { ok: boolean } }).postgres.ok;
};
const gauge = async ({ operationsUrl }: GatewayProcess, name: string): Promise<number | undefined> =>
  seriesOf((await send(`${operationsUrl()}/metrics`, 'GET')).text).get(name);

/** A load that runs while `faults` do their work, and the books after it. */
async function underLoad(seed: number, faults: (answers: (count: number) => Promise<void>) => Promise<void>): Promise<void> {
  const load = startLoad(lab.proxy, lab.accounts, CALLERS, seed);
  await faults((count) => {
    const target = lab.client.traffic.answers + count;
    return until(`${count} more answers`, () => lab.client.traffic.answers >= target);
  });
  await load.stop();
  await lab.processes.advance(HOUR_MS); // past every lease
  expect(await lab.wrongs()).toEqual([]);
}

test('Postgres is away for an hour: messages go on, leases end, and the journal arrives afterwards', async () => {
  const { proxy, postgres, processes: { advance, worker }, books } = lab;
  const before = await proxy.open(alice, MODEL, 1_000);
  await books.settled();
  await postgres.kill('SIGKILL');
  for (let step = 0; step < STEPS; step += 1) {
    const session = await proxy.open(alice, MODEL, 1_000);
    if (session !== null) await proxy.end(session, 'completed', 700);
    await proxy.open(alice, MODEL, 1_000); // its lease ends
    await proxy.charge(alice, 0.25, true, { isDoubled: true });
    await advance(HOUR_MS / STEPS);
    await until('leases end without Postgres', async () => (await proxy.balance(alice)).held === 0);
  }
  if (before !== null) await proxy.end(before, 'completed', 500); // late
  expect(await lab.client.once({
    method: 'POST', path: '/api/credits/allocate', token: lab.adminToken, body: { userId: alice, credits: 1 }, isRepeatable: true,
  })).toMatchObject({ status: 503, retryAfter: '1', body: { outcome: 'not_executed' } });
  for (const role of roles()) {
    await until(`${role.role} says it`, async () => !(await postgresIsWell(role)));
    // Scrapers share a text for a second, so the gauges may follow the check.
    for (const name of ['cg_postgres_up', 'cg_postgres_writable']) {
      await until(`${role.role} shows ${name} as 0`, async () => await gauge(role, name) === 0);
    }
  }
  await until('the lag is told', async () => (await gauge(worker, 'cg_journal_lag_seconds') ?? 0) > 1);

  await postgres.restart();
  for (const role of roles()) await until(`${role.role} is well`, () => postgresIsWell(role));
  expect(await lab.wrongs()).toEqual([]);
  expect(await gauge(worker, 'cg_shards_stopped')).toBe(0);
}, TIMEOUT_MS);

test("a worker's event loop is blocked for longer than its transactions may take: nothing is written twice", async () => {
  const { worker, api } = lab.processes;
  await underLoad(SEED, async (answers) => {
    await answers(SOME);
    worker.block(BLOCKED_MS);
    await until('it does not answer', async () =>
      fetch(`${worker.operationsUrl()}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(() => false, () => true));
    expect((await fetch(`${api.operationsUrl()}/readyz`)).status).toBe(200);
    await answers(SOME);
    await until('it answers', async () => (await fetch(`${worker.operationsUrl()}/readyz`)).status === 200);
    await answers(SOME);
  });
}, TIMEOUT_MS);

test('the clock jumps by hours, forward and back: nothing is lost, charged twice or held for ever', async () => {
  const { advance } = lab.processes;
  await underLoad(SEED + 1, async (answers) => {
    for (const hours of [3, -5, 2]) {
      await answers(SOME);
      await advance(hours * HOUR_MS);
    }
    await answers(SOME);
  });
}, TIMEOUT_MS);
