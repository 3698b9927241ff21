import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { inParallel } from '../support/parallel.js';
import { patience, volume } from '../support/volume.js';
import { chaosLab, until, type ChaosLab } from './lab.js';
import { startLoad } from './load.js';

const ACCOUNTS = 12;
const CALLERS = 16;
const SEED = 7;
/** Past every lease (600 s), so that holds left open must have been ended. */
const PAST_LEASES_MS = 660_000;
/** Number of answers that callers get between two faults. */
const FEW = volume(50, 200);
const SOME = volume(75, 300);
const MANY = volume(100, 400);
const TIMEOUT_MS = patience(600_000);

let lab: ChaosLab;
beforeAll(async () => { lab = await chaosLab(ACCOUNTS); }, TIMEOUT_MS);
afterAll(() => lab.close(), TIMEOUT_MS);

/** Waits for this many more answers: a measure of progress that does not depend on the machine's speed. */
const answers = (count: number): Promise<void> => {
  const target = lab.client.traffic.answers + count;
  return until(`${count} more answers`, () => lab.client.traffic.answers >= target, TIMEOUT_MS);
};

test('kill -9 of the worker, the API and Redis under load: the books balance', async () => {
  const { processes: { api, worker, advance }, redis, proxy, client, accounts } = lab;
  await inParallel(4, accounts.flatMap((accountId) => [() => proxy.grant(accountId, 150, 30), () => proxy.grant(accountId, 20, 1)]));
  const load = startLoad(proxy, accounts, CALLERS, SEED);

  await answers(MANY);
  await worker.kill('SIGKILL');
  await answers(SOME); // the API works without a worker
  await worker.start();

  await answers(FEW);
  await api.kill('SIGKILL');
  await api.start();

  await answers(SOME);
  await redis.kill('SIGKILL');
  await redis.restart();

  await answers(SOME);
  await worker.kill('SIGSTOP');
  await answers(FEW);
  await worker.kill('SIGCONT');

  await answers(FEW);
  await Promise.all([redis.kill('SIGKILL'), api.kill('SIGKILL'), worker.kill('SIGKILL')]);
  await redis.restart();
  await Promise.all([api.start(), worker.start()]);

  await answers(SOME);
  await load.stop();
  await advance(PAST_LEASES_MS);
  expect(await lab.wrongs()).toEqual([]);

  // Without interrupted requests the test would have proved nothing.
  expect(client.traffic.unknown).toBeGreaterThan(0);
  const { rows } = await lab.books.db.raw<{ rows: { state: string }[] }>('select distinct state from holds order by state');
  expect(rows.map(({ state }) => state)).toEqual(['expired', 'settled']);
}, TIMEOUT_MS);
