import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  ceilDivide, compare, decimal, minus, over, parseDecimal, plus, rational, times, toDecimal, toNumber,
} from '../../../src/credits/prices/rational.js';
import { volume } from '../../support/volume.js';

const RUNS = { numRuns: volume(500, 2_000) };
const big = fc.bigInt(-(10n ** 30n), 10n ** 30n);
const fraction = fc.tuple(big, fc.bigInt(1n, 10n ** 20n)).map(([n, d]) => rational(n, d));

describe('properties', () => {
  test('sums and products are those of fractions, in lowest terms', () => {
    fc.assert(fc.property(fraction, fraction, (a, b) => {
      const sum = plus(a, b);
      expect(sum.numerator * a.denominator * b.denominator)
        .toBe((a.numerator * b.denominator + b.numerator * a.denominator) * sum.denominator);
      expect(sum).toEqual(rational(sum.numerator * 6n, sum.denominator * 6n));
      expect(minus(sum, b)).toEqual(a);
      const product = times(a, b);
      expect(product.numerator * a.denominator * b.denominator).toBe(a.numerator * b.numerator * product.denominator);
      if (b.numerator !== 0n) expect(over(product, b)).toEqual(a);
      expect(Math.sign(compare(a, b))).toBe(-Math.sign(compare(b, a)));
    }), RUNS);
  });

  test('decimal text comes back as it went', () => {
    fc.assert(fc.property(big, fc.integer({ min: 0, max: 30 }), (n, places) => {
      const value = rational(n, 10n ** BigInt(places));
      expect(decimal(toDecimal(value))).toEqual(value);
      expect(parseDecimal(`${n.toString()}e-${places}`)).toEqual(value);
    }), RUNS);
  });

  test('a double is read and written as JSON does', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-30, max: 1e30 }), (value) => {
      expect(toNumber(decimal(String(value)))).toBe(value);
    }), RUNS);
  });

  test('rounding up is at least the fraction, and less than one above it', () => {
    fc.assert(fc.property(fc.bigInt(0n, 10n ** 30n), fc.bigInt(1n, 10n ** 12n), (a, b) => {
      const up = ceilDivide(a, b);
      expect(up * b >= a && (up - 1n) * b < a).toBe(true);
    }), RUNS);
  });
});

test.each([
  '', '.', '1.2.3', '0x10', 'NaN', 'Infinity', '1e', '1e99999', ' 1', '1 ', '1,5', '--1', '1_000', '9'.repeat(401),
])('%p is no decimal', (text) => {
  expect(parseDecimal(text)).toBeNull();
});

test.each([
  ['2.5e-07', '0.00000025'], ['1E3', '1000'], ['.5', '0.5'], ['5.', '5'], ['-0.0', '0'], ['+7', '7'],
  ['3.3333333333333335e-05', '0.000033333333333333335'],
])('%s is %s', (text, expected) => {
  expect(toDecimal(decimal(text))).toBe(expected);
});

test('a third has no decimal, and nothing is divided by zero', () => {
  expect(() => toDecimal(rational(1n, 3n))).toThrow(RangeError);
  expect(toNumber(rational(1n, 3n))).toBe(1 / 3);
  expect(() => rational(1n, 0n)).toThrow(RangeError);
});
