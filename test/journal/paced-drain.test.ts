import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { DrainReport } from '../../src/journal/drain.js';
import { pacedDrain } from '../../src/journal/paced-drain.js';

const LONG_MS = 3_600_000;
const report = (entries: number, batches = 1): DrainReport => ({ entries, redelivered: 0, batches, busy: [], stopped: [], durationMs: 1 });

/** A drain whose runs end when the test says so. */
function drainByHand() {
  type Run = { readonly shards: readonly number[]; readonly end: (report: DrainReport) => void; readonly fail: (error: Error) => void };
  const runs: Run[] = [];
  return {
    runs,
    drain: (shards: readonly number[]): Promise<DrainReport> =>
      new Promise((resolve, reject) => { runs.push({ shards, end: resolve, fail: reject }); }),
  };
}
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

test('the first run begins at once; calls in the pause after it are one run, which begins when there is no more time to wait', async () => {
  const { runs, drain } = drainByHand();
  const paced = pacedDrain(drain, LONG_MS);
  const first = paced.drain([1]);
  await turn();
  expect(runs.map(({ shards }) => shards)).toEqual([[1]]);
  runs[0]?.end(report(3));
  expect(await first).toMatchObject({ entries: 3 });

  const second = paced.drain([1, 2]);
  expect(await paced.drain([2, 3])).toBeNull();
  await turn();
  expect(runs).toHaveLength(1);
  paced.hurry();
  await turn();
  expect(runs[1]?.shards).toEqual([1, 2, 3]);
  runs[1]?.end(report(2));
  expect(await second).toMatchObject({ entries: 2 });

  const third = paced.drain([4]);
  await turn();
  expect(runs[2]?.shards).toEqual([4]);
  runs[2]?.end(report(1));
  await third;
});

test('one run at a time, and none waits behind full batches', async () => {
  const { runs, drain } = drainByHand();
  const paced = pacedDrain(drain, LONG_MS);
  const first = paced.drain([1]);
  await turn();
  const second = paced.drain([2]);
  await turn();
  expect(runs.map(({ shards }) => shards)).toEqual([[1]]);
  expect(await paced.drain([3])).toBeNull();
  runs[0]?.end(report(1_000, 2));
  await first;
  await turn();
  expect(runs[1]?.shards).toEqual([2, 3]);
  runs[1]?.end(report(999, 2));
  await second;

  const paused = paced.drain([4]);
  await turn();
  expect(runs).toHaveLength(2);
  paced.hurry();
  await turn();
  runs[2]?.end(report(0));
  await paused;
});

test('a pause ends, and is shorter after a slow run, so that entries do not wait longer', async () => {
  const { runs, drain } = drainByHand();
  const paced = pacedDrain(drain, 200);
  const first = paced.drain([1]);
  await turn();
  runs[0]?.end(report(1));
  await first;
  const second = paced.drain([2]);
  while (runs.length < 2) await sleep(1);
  await sleep(120);
  runs[1]?.end(report(1));
  await second;
  const third = paced.drain([3]);
  await turn();
  expect(runs).toHaveLength(3);
  runs[2]?.end(report(1));
  await third;
});

test('the error of a run is that of its call, and the next runs', async () => {
  const { runs, drain } = drainByHand();
  const paced = pacedDrain(drain, 0);
  const first = paced.drain([1]);
  await turn();
  const second = paced.drain([2]);
  runs[0]?.fail(new Error('no Postgres'));
  await expect(first).rejects.toThrow('no Postgres');
  await turn();
  expect(runs[1]?.shards).toEqual([2]);
  runs[1]?.end(report(0));
  await second;
});
