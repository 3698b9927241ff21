import { expect, test } from '@jest/globals';
import type { HoldColumns } from '../../src/books/account-image.table.js';
import { recallHolds } from '../../src/books/recall-hold.js';
import { breaker } from '../../src/stores/redis/breaker.js';

const ended = { hold_id: 'h7', state: 'settled' } as HoldColumns;

test('all look-ups of one turn are one statement, and each gets its own answer', async () => {
  const asked: string[][] = [];
  const recall = recallHolds({
    gate: breaker(Date.now),
    readEndedHolds: (names) => {
      asked.push(names.map(({ holdId }) => holdId));
      return Promise.resolve(names.map(({ holdId }) => (holdId === 'h7' ? ended : null)));
    },
  });
  const named = (index: number) => ({ accountId: 'a', holdId: `h${index}` });
  const found = await Promise.all([recall([named(0)]), recall([named(1), named(7), named(2)]), recall([named(7)]), recall([])]);
  expect(asked).toEqual([['h0', 'h1', 'h7', 'h2', 'h7']]);
  expect(found).toEqual([[null], [null, ended, null], [ended], []]);
  // Nothing is remembered: the hold may have ended meanwhile.
  await recall([named(7)]);
  expect(asked).toHaveLength(2);
});

test('a Postgres that is away or hangs delays holds for a moment, and then not at all', async () => {
  let nowMs = 1_000_000;
  let asked = 0;
  let answer: () => Promise<(HoldColumns | null)[]> = () => Promise.reject(new Error('ECONNREFUSED'));
  const recall = recallHolds({ gate: breaker(() => nowMs), readEndedHolds: () => { asked += 1; return answer(); } });
  const names = [{ accountId: 'a', holdId: 'h7' }];
  for (let times = 0; times < 4; times += 1) expect(await recall(names)).toEqual([null]);
  answer = () => new Promise(() => undefined);
  expect(await recall(names)).toEqual([null]);
  // Five failures in a row: it is not asked any more, until it has had time to come back.
  for (let times = 0; times < 20; times += 1) expect(await recall(names)).toEqual([null]);
  expect(asked).toBe(5);
  answer = () => Promise.resolve([ended]);
  nowMs += 1_000;
  expect(await recall(names)).toEqual([ended]);
});
