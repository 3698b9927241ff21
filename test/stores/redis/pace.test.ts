import { expect, test } from '@jest/globals';
import { pace } from '../../../src/stores/redis/pace.js';

function lab() {
  let nowMs = 10_000;
  const { read, expectedMs } = pace(() => nowMs);
  return {
    expectedMs,
    /** Reads so many answers after so many ms. `since`: how long the oldest that waits still has waited then; undefined: none waits. */
    readAfter: (ms: number, answers: number, since?: number) => {
      nowMs += ms;
      read(answers, since === undefined ? undefined : nowMs - since);
    },
    pass: (ms: number) => { nowMs += ms; },
  };
}

test('a call that is sent behind many waits for them as long as the ones before took', () => {
  const { readAfter, expectedMs } = lab();
  expect(expectedMs(300)).toBe(0); // nothing is known yet
  readAfter(10, 20, 30);
  expect(expectedMs(300)).toBe(0); // since when the server worked on these is not known
  readAfter(10, 20, 30);
  readAfter(30, 60, 60);
  expect(expectedMs(300)).toBe(300 * 0.5);
  for (let turn = 0; turn < 20; turn += 1) readAfter(40, 20, 100); // it became slower
  expect(expectedMs(300)).toBeGreaterThan(300 * 1.9);
  expect(expectedMs(300)).toBeLessThanOrEqual(300 * 2);
});

test('answers that this process read late say nothing about the server', () => {
  const { readAfter, expectedMs } = lab();
  readAfter(10, 20, 30);
  readAfter(500, 300); // all of them: it may have finished long ago
  readAfter(500, 300, 400); // what waits was sent after the last read
  expect(expectedMs(300)).toBe(0);
});

test('few calls are always sent, and what was measured before a pause counts no more', () => {
  const { readAfter, expectedMs, pass } = lab();
  readAfter(10, 1, 30);
  readAfter(100, 1, 200);
  expect(expectedMs(64)).toBe(6_400);
  expect(expectedMs(63)).toBe(0);
  pass(1_001);
  expect(expectedMs(64)).toBe(0);
});
