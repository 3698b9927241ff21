/** Credits as whole micros: millionths of a credit. */

const PLACES = 6;

/** @throws TypeError for what is no amount of credits with at most six decimals */
export function microsOf(text: string): bigint {
  const [, whole = '', fraction = ''] = /^(\d+)(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (whole === '') throw new TypeError(`'${text}' is no amount of credits, such as '2.5'`);
  return BigInt(whole + fraction.padEnd(PLACES, '0'));
}

/** Decimal text without zeros at its end. */
export function creditsText(micros: bigint): string {
  const digits = micros.toString().padStart(PLACES + 1, '0');
  return `${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`.replace(/\.?0+$/, '');
}

/** `amount` × `part` ÷ `whole`, rounded up. Both counts are whole. */
export function shareUp(amount: bigint, part: number, whole: number): bigint {
  const divisor = BigInt(whole);
  return (amount * BigInt(part) + divisor - 1n) / divisor;
}
