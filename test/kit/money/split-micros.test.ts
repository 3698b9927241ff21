import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BALANCE_MAX, micros } from '../../../src/kit/money/micros.js';
import { splitMicros } from '../../../src/kit/money/split-micros.js';

const split = (amount: number, weights: readonly number[]): number[] => splitMicros(micros(amount), weights);

test.each<[number, number[], number[]]>([
  [10, [1, 1], [5, 5]], [10, [1, 1, 1], [4, 3, 3]], [1, [1, 1], [1, 0]], [2, [0, 5, 0], [0, 2, 0]], [10, [1, 2], [3, 7]],
  [3, [0, 0], [2, 1]], [0, [3, 4], [0, 0]], [7, [], []], [5, [0], [5]], [7, [1, 6, 7], [1, 3, 3]],
])('%d by %j', (amount, weights, parts) => {
  expect(split(amount, weights)).toEqual(parts);
});

describe('for any amount and weights', () => {
  const amounts = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: BALANCE_MAX }));
  const weights = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 1_000_000_000_000_000 })), {
    minLength: 1, maxLength: 40,
  });

  test('the parts add up to the amount, and each is its share rounded down or up', () => {
    fc.assert(fc.property(amounts, weights, (amount, given) => {
      const parts = split(amount, given);
      expect(parts.reduce((sum, part) => sum + BigInt(part), 0n)).toBe(BigInt(amount));
      const isEven = given.every((weight) => weight === 0);
      const exact = given.map((weight) => (isEven ? 1n : BigInt(weight)));
      const total = exact.reduce((sum, weight) => sum + weight, 0n);
      for (const [index, part] of parts.entries()) {
        const off = BigInt(part) * total - BigInt(amount) * (exact[index] ?? 0n);
        expect(off > -total && off < total).toBe(true);
      }
    }));
  });

  test('a part with weight zero gets nothing, unless all weights are zero', () => {
    fc.assert(fc.property(amounts, weights, (amount, given) => {
      fc.pre(given.some((weight) => weight > 0));
      for (const [index, part] of split(amount, given).entries()) if (given[index] === 0) expect(part).toBe(0);
    }));
  });
});
