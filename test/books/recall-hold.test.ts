import { expect, test } from '@jest/globals';
import type { HoldColumns } from '../../src/books/account-image.table.js';
import { recallHold } from '../../src/books/recall-hold.js';
import { breaker } from '../../src/stores/redis/breaker.js';

const ended = { hold_id: 'h7', state: 'settled' } as HoldColumns;

test('all look-ups of one turn are one statement, and each gets its own answer', async () => {
  const asked: string[][] = [];
  const recall = recallHold({
    gate: breaker(Date.now),
    readEndedHolds: (names) => {
      asked.push(names.map(({ holdId }) => holdId));
      return Promise.resolve(names.map(({ holdId }) => (holdId === 'h7' ? ended : null)));
    },
  });
  const found = await Promise.all(Array.from({ length: 20 }, (_, index) => recall({ accountId: 'a', holdId: `h${index}` })));
  expect(asked).toEqual([Array.from({ length: 20 }, (_, index) => `h${index}`)]);
  expect(found).toEqual(Array.from({ length: 20 }, (_, index) => (index === 7 ? ended : null)));
  // Nothing is remembered: the hold may have ended meanwhile.
  await recall({ accountId: 'a', holdId: 'h7' });
  expect(asked).toHaveLength(2);
});

test('a Postgres that is away or hangs delays holds for a moment, and then not at all', async () => {
  let nowMs = 1_000_000;
  let asked = 0;
  let answer: () => Promise<(HoldColumns | null)[]> = () => Promise.reject(new Error('ECONNREFUSED'));
  const recall = recallHold({ gate: breaker(() => nowMs), readEndedHolds: () => { asked += 1; return answer(); } });
  const name = { accountId: 'a', holdId: 'h7' };
  for (let times = 0; times < 4; times += 1) expect(await recall(name)).toBeNull();
  answer = () => new Promise(() => undefined);
  expect(await recall(name)).toBeNull();
  // Five failures in a row: it is not asked any more, until it has had time to come back.
  for (let times = 0; times < 20; times += 1) expect(await recall(name)).toBeNull();
  expect(asked).toBe(5);
  answer = () => Promise.resolve([ended]);
  nowMs += 1_000;
  expect(await recall(name)).toEqual(ended);
});
