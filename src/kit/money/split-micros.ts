import { micros, type Micros } from './micros.js';

/**
 * Splits an amount in proportion to weights, into whole micros that add up to it: each part is rounded down, and the
 * remainder goes to the parts that lost most by rounding, in their order. Evenly when all weights are zero; without
 * weights there are no parts. Weights are integers from 0; products are BigInts, because they may exceed a double.
 */
export function splitMicros(amount: Micros, weights: readonly number[]): Micros[] {
  const isEven = weights.every((weight) => weight === 0);
  const exact = weights.map((weight) => (isEven ? 1n : BigInt(weight)));
  const sum = exact.reduce((total, weight) => total + weight, 0n);
  const whole = BigInt(amount);
  const parts = exact.map((weight, index) => ({ index, floor: Number((whole * weight) / sum), lost: (whole * weight) % sum }));
  let left = amount - parts.reduce((total, { floor }) => total + floor, 0);
  const amounts = parts.map(({ floor }) => floor);
  for (const { index, floor } of [...parts].sort((a, b) => (a.lost === b.lost ? a.index - b.index : a.lost > b.lost ? -1 : 1))) {
    if (left === 0) break;
    amounts[index] = floor + 1;
    left -= 1;
  }
  return amounts.map(micros);
}
