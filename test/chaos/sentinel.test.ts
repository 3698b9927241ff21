import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { inParallel } from '../support/parallel.js';
import { eventually } from '../support/redis-cluster.js';
import { throwawaySentinels, type TestSentinels } from '../support/redis-sentinels.js';
import { chaosLabOn, MAY_MISS, until, type ChaosLab } from './lab.js';
import { startLoad, type Load } from './load.js';

/** A master that Sentinels watch, under load: they choose another one, and the gateway follows without a human. */

const ACCOUNTS = 6;
const CALLERS = 8;
const ANSWERS = 40;
/** Past every lease (600 s). */
const PAST_LEASES_MS = 660_000;
const TIMEOUT_MS = 300_000;

let sentinels: TestSentinels;
let lab: Omit<ChaosLab, 'redis'>;
let load: Load | undefined;
beforeAll(async () => {
  sentinels = await throwawaySentinels();
  lab = await chaosLabOn(sentinels.url, ACCOUNTS, { REDIS_TIMEOUT_MS: '500', POSTGRES_TIMEOUT_MS: '20000' });
  await inParallel(4, lab.accounts.map((accountId) => () => lab.proxy.grant(accountId, 150, 30)));
}, TIMEOUT_MS);
afterEach(async () => {
  await load?.stop();
  load = undefined;
}, TIMEOUT_MS);
afterAll(async () => {
  await lab.close();
  await sentinels.discard();
}, TIMEOUT_MS);

test.each([
  ['a failover by hand', async () => { await sentinels.failOver(); }],
  ['kill -9 of the master', async () => { await (await sentinels.master()).kill('SIGKILL'); }],
])('%s under load', async (what, fail) => {
  load = startLoad(lab.proxy, lab.accounts, CALLERS, 1);
  const answers = (count: number): Promise<void> => {
    const target = lab.client.traffic.answers + count;
    return until(`${count} more answers`, () => lab.client.traffic.answers >= target);
  };
  await answers(ANSWERS);
  const old = await sentinels.master();
  const startedAt = performance.now();
  await fail();
  await eventually('another master', async () => await sentinels.master() !== old);
  await until('an account is served', async () => (await lab.client.once({
    method: 'GET', path: '/api/credits/balance', token: lab.tokenOf('user-1'), isRepeatable: true,
  })).status === 200);
  process.stderr.write(`${what}: first positive answer after ${Math.round(performance.now() - startedAt)} ms\n`);
  await answers(ANSWERS);
  await load.stop();
  await lab.processes.advance(PAST_LEASES_MS);
  // Until a Sentinel has told the old master, it takes itself for one, and the auditor may still be connected to it.
  if (old.isRunning()) {
    await eventually('the old master follows the new one', async () =>
      /role:slave[^]*master_link_status:up/.test(await old.admin.info('replication')));
  }
  // A connection that is being made would end for good.
  await until('the auditor is connected', () => lab.books.redis.status === 'ready');
  lab.books.redis.disconnect(true);
  const wrongs = await lab.wrongs();
  const { rows } = await lab.books.db.raw<{ rows: { lost: number }[] }>('select coalesce(sum(entries), 0)::int as lost from shard_losses');
  const lost = rows[0]?.lost ?? 0;
  process.stderr.write(`${what}: ${lab.client.traffic.answers} answers, ${lab.client.traffic.unknown} unknown, ${lost} entries lost\n`);
  expect(wrongs.filter(({ check }) => lost === 0 || !MAY_MISS.includes(check))).toEqual([]);
  if (!old.isRunning()) await old.restart();
}, TIMEOUT_MS);
