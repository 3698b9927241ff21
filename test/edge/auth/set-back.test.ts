import { expect, jest, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { knownKeyLimits } from '../../../src/edge/auth/key-limits.js';
import { serverKeyRing } from '../../../src/edge/auth/server-key-ring.js';
import type { ServerKeyRow } from '../../../src/edge/auth/server-key.table.js';
import { steadyClock } from '../../../src/kit/clock.js';
import { breaker } from '../../../src/stores/redis/breaker.js';

/** The machine's clock is set back by an hour: nothing that waits or grows old may do so for an hour more. */
const HOUR_MS = 3_600_000;
const setBack = () => jest.spyOn(Date, 'now').mockReturnValue(Date.now() - HOUR_MS);

test('an open breaker lets a probe through as soon as before', async () => {
  const gate = breaker(undefined, () => 0);
  for (let count = 0; count < 5; count += 1) gate.failed();
  expect(gate.allows()).toBe(false);
  const clock = setBack();
  await sleep(600);
  expect(gate.allows()).toBe(true);
  clock.mockRestore();
});

test('a revoked server key and a changed limit are read as soon as before', async () => {
  const row = { callerId: 'c', keyId: '1', name: 'n', digest: 'ab', expiresAtMs: null, scopes: ['*'],
    accountPrefix: null, payer: null, rateLimit: null };
  let rows = [row as unknown as ServerKeyRow];
  let limit = 5;
  const onError = (error: unknown): void => { throw error as Error; };
  const ring = serverKeyRing({
    configured: ['from-the-environment'], read: () => Promise.resolve(rows), touch: () => Promise.resolve(),
    clock: Date.now, steadyClock, onError,
  });
  const limits = knownKeyLimits({ read: () => Promise.resolve(new Map([['n', { credits: limit } as never]])),
    clock: steadyClock, onError });
  const known = async (): Promise<unknown> => [(await ring.keys()).map(({ keyId }) => keyId), await limits('n')];
  expect(await known()).toEqual([[null, '1'], { credits: 5 }]);
  [rows, limit] = [[], 7];
  const clock = setBack();
  await sleep(600);
  expect(await known()).toEqual([[null], { credits: 7 }]);
  clock.mockRestore();
  await ring.close();
});
