import { expect, test } from '@jest/globals';
import { foreseeing } from '../../src/books/foresee-holds.js';
import { recallHolds } from '../../src/books/recall-hold.js';
import type { AccountSource } from '../../src/ledger/account-image.js';
import { emptyImage } from '../support/ledger.js';

test('holds that are foreseen are looked up in one statement, each under its own name, and forgotten', async () => {
  const statements: string[][] = [];
  const recall = recallHolds({
    gate: { allows: () => true, succeeded: () => undefined, failed: () => undefined },
    readEndedHolds: (names) => {
      statements.push(names.map(({ accountId, holdId }) => `${accountId} ${holdId}`));
      return Promise.resolve(names.map(() => null));
    },
  });
  const source: AccountSource = {
    loadAccount: () => Promise.resolve(emptyImage), loadEndedHold: () => Promise.resolve(null), loadCharge: () => Promise.resolve(null),
    recallEndedHold: async (accountId, holdId) => {
      await recall([{ accountId, holdId }]);
      return null;
    },
    recallEndedHolds: async (names) => (await recall(names)).map(() => null),
  };
  const ahead = foreseeing(source);
  const forget = ahead.foresee([{ accountId: 'a', holdId: '1' }, { accountId: 'a', holdId: '2' }, { accountId: 'b', holdId: '1' }]);
  for (const [account, hold] of [['a', '1'], ['a', '2'], ['b', '1']] as const) await ahead.recallEndedHold(account, hold);
  await ahead.recallEndedHolds([{ accountId: 'b', holdId: '1' }, { accountId: 'a', holdId: '1' }]);
  expect(statements).toEqual([['a 1', 'a 2', 'b 1']]);
  await ahead.recallEndedHold('b', '2'); // of another request
  expect(statements.slice(1)).toEqual([['b 2']]);

  // Another batch with one of these holds keeps its own answer.
  const forgetOther = ahead.foresee([{ accountId: 'a', holdId: '1' }]);
  forget();
  await ahead.recallEndedHold('a', '1');
  expect(statements.slice(2)).toEqual([['a 1']]);
  forgetOther();
  await ahead.recallEndedHold('a', '1');
  expect(statements.slice(3)).toEqual([['a 1']]);
});

test('a look-up that fails fails no hold: each asks for itself, and one that no hold waits for ends no process', async () => {
  const asked: string[] = [];
  const ahead = foreseeing({
    loadAccount: () => Promise.resolve(emptyImage), loadEndedHold: () => Promise.resolve(null), loadCharge: () => Promise.resolve(null),
    recallEndedHold: (_, holdId) => {
      asked.push(holdId);
      return holdId === 'bad' ? Promise.reject(new RangeError('not integer text')) : Promise.resolve(null);
    },
    recallEndedHolds: () => Promise.reject(new RangeError('not integer text')),
  });
  const forget = ahead.foresee([{ accountId: 'a', holdId: 'good' }, { accountId: 'a', holdId: 'bad' }]);
  await new Promise(setImmediate); // Jest fails a test with a rejection that nothing handles
  expect(await ahead.recallEndedHold('a', 'good')).toBeNull();
  await expect(ahead.recallEndedHold('a', 'bad')).rejects.toThrow(RangeError);
  await expect(ahead.recallEndedHolds([{ accountId: 'a', holdId: 'good' }])).rejects.toThrow(RangeError);
  expect(asked).toEqual(['good', 'bad']);
  forget();
});
