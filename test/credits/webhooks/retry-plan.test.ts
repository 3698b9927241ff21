import { expect, test } from '@jest/globals';
import { DELIVERY_LIFE_MS, nextAttemptMs } from '../../../src/credits/webhooks/retry-plan.js';

test('attempts grow apart up to six hours, last three days, and end with one at the very end', () => {
  const gaps: number[] = [];
  let [nowMs, attempts] = [0, 1];
  for (;;) {
    const next = nextAttemptMs({ attempts, nowMs, giveUpAtMs: DELIVERY_LIFE_MS, random: 0 });
    if (next === null) break;
    gaps.push((next - nowMs) / 1_000);
    [nowMs, attempts] = [next, attempts + 1];
  }
  expect(gaps.slice(0, 9)).toEqual([5, 15, 45, 135, 405, 1_215, 3_645, 10_935, 21_600]);
  expect(nowMs).toBe(DELIVERY_LIFE_MS);
  expect(gaps.length).toBeLessThan(25);
  expect(nextAttemptMs({ attempts: 1, nowMs: 0, giveUpAtMs: DELIVERY_LIFE_MS, random: 1 })).toBe(6_000);
});
