import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseCredits, toCredits } from '../../../src/kit/money/credits.js';
import { AMOUNT_MAX, micros, microsFromText, microsToText } from '../../../src/kit/money/micros.js';

test.each([
  [0, 0], [7.5, 7_500_000], [150.75, 150_750_000], [0.1 + 0.2, 300_000], [100.1 - 100, 100_000], [0.000001, 1],
  [999_999_999.999999, 999_999_999_999_999], [1e2, 100_000_000], [-0, 0],
  ['7.50', 7_500_000], ['0', 0], ['0.000001', 1], ['999999999.999999', 999_999_999_999_999], ['007', 7_000_000],
])('%p credits are %p micros', (credits, expected) => {
  expect(parseCredits(credits)).toBe(expected);
});

test.each([
  [NaN, 'not_a_number'], [Infinity, 'not_a_number'], [-1, 'negative'], [-0.000001, 'negative'], [0.0000001, 'too_precise'],
  [1.2345678, 'too_precise'], [99_999_999.1234567, 'too_precise'], [1e9, 'too_large'], [1e308, 'too_large'],
  [9_007_199_254_740_992, 'too_large'],
  ['7,5', 'not_a_number'], [' 7', 'not_a_number'], ['7 ', 'not_a_number'], ['0x10', 'not_a_number'], ['1e3', 'not_a_number'],
  ['', 'not_a_number'], ['.5', 'not_a_number'], ['5.', 'not_a_number'], ['+5', 'not_a_number'], ['-5', 'negative'],
  ['१२', 'not_a_number'], ['１２', 'not_a_number'], ['NaN', 'not_a_number'], ['0.0000001', 'too_precise'], ['1000000000', 'too_large'],
  [true, 'not_a_number'], [null, 'not_a_number'], [undefined, 'not_a_number'], [[], 'not_a_number'], [{}, 'not_a_number'],
  [[7], 'not_a_number'],
])('%p is refused: %s', (value, problem) => {
  expect(parseCredits(value)).toBe(problem);
});

test('every amount survives formatting and parsing, as a number and as JSON text', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: AMOUNT_MAX }), (amount) => {
    const credits = toCredits(micros(amount));
    expect(parseCredits(credits)).toBe(amount);
    expect(parseCredits(JSON.parse(JSON.stringify(credits)))).toBe(amount);
    expect(microsFromText(microsToText(micros(amount)))).toBe(amount);
  }));
});

test('micros are safe integers or nothing', () => {
  expect(() => micros(0.5)).toThrow(RangeError);
  expect(() => micros(2 ** 53)).toThrow(RangeError);
  expect(() => microsFromText('1e+14')).toThrow(RangeError);
  expect(Object.is(micros(-0), 0)).toBe(true);
});
