import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { lastKnownProfile, type CreditProfile } from '../../../src/credits/statement/credit-profile.js';
import { micros } from '../../../src/kit/money/micros.js';

const profile = (purchased: number): CreditProfile => ({ purchased: micros(purchased), plan: null, lastRefillAtMs: null });

test('what Postgres says now, else what it said last, else nothing; never a failure', async () => {
  let answer = (): Promise<CreditProfile> => Promise.resolve(profile(1));
  const errors: unknown[] = [];
  const read = lastKnownProfile({ read: () => answer(), onError: (error) => { errors.push(error); }, deadlineMs: 20 });
  expect(await read('a')).toEqual(profile(1));
  answer = () => Promise.resolve(profile(2));
  expect(await read('a')).toEqual(profile(2));
  answer = () => Promise.reject(new Error('away'));
  expect([await read('a'), await read('b'), errors.length]).toEqual([profile(2), null, 2]);
  answer = () => sleep(1_000, profile(3), { ref: false });
  const startedMs = Date.now();
  expect([await read('a'), await read('c')]).toEqual([profile(2), null]);
  expect(Date.now() - startedMs).toBeLessThan(500);
});

test('reads of one account are shared, and hanging ones are bounded', async () => {
  let reads = 0;
  const release: ((value: CreditProfile) => void)[] = [];
  const read = lastKnownProfile({
    read: () => {
      reads += 1;
      return new Promise((resolve) => { release.push(resolve); });
    },
    onError: () => undefined, deadlineMs: 20,
  });
  await Promise.all(Array.from({ length: 50 }, () => read('a')));
  expect(reads).toBe(1);
  await Promise.all(Array.from({ length: 200 }, (_, index) => read(`b-${index}`)));
  expect(reads).toBe(32);
  for (const resolve of release) resolve(profile(9));
  await sleep(5);
  expect(await read('a')).toEqual(profile(9));
});
