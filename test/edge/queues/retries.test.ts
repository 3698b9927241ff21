import { expect, test } from '@jest/globals';
import { readPayload } from '../../../src/edge/queues/handle-settlement.js';
import { ATTEMPTS_MAX, delayAfter, RETRY_DELAYS_MS } from '../../../src/edge/queues/queues.js';

test('waits grow, then stay; all attempts together are hours, not days', () => {
  const waits = Array.from({ length: ATTEMPTS_MAX - 1 }, (_, index) => delayAfter(index + 1));
  expect(waits.slice(0, 6)).toEqual([1_000, 5_000, 30_000, 120_000, 600_000, 600_000]);
  expect(RETRY_DELAYS_MS).toEqual([...RETRY_DELAYS_MS].sort((a, b) => a - b));
  const hours = waits.reduce((sum, each) => sum + each, 0) / 3_600_000;
  expect([hours > 3, hours < 6]).toEqual([true, true]);
});

test('a payload is JSON in UTF-8 or nothing', () => {
  expect(readPayload(Buffer.from('{"a":1}'))).toEqual({ a: 1 });
  for (const bad of [Buffer.from(''), Buffer.from('{'), Buffer.from([0x22, 0xff, 0x22])]) expect(readPayload(bad)).toBeUndefined();
});
