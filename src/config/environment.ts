import { parseCredits } from '../kit/money/credits.js';
import type { Micros } from '../kit/money/micros.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Secrets shorter than an HS256 digest can be guessed offline from one token (RFC 7518 §3.2). */
const SECRET_BYTES_MIN = 32;
const MS_PER_SECOND = 1_000;

export type Variables = ReturnType<typeof variablesOf>;

/** Readers of single variables, one per kind. An absent or empty variable gets its fallback; an invalid one adds to `problems`. */
export function variablesOf(env: Environment, problems: string[]) {
  const text = (name: string): string | undefined => {
    const value = env[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  };
  const integer = (name: string, fallback: number, min: number, max: number): number => {
    const value = text(name);
    if (value === undefined) return fallback;
    const parsed = Number(value);
    if (/^\d+$/.test(value) && parsed >= min && parsed <= max) return parsed;
    problems.push(`${name} must be an integer from ${min} to ${max}, not "${value}"`);
    return fallback;
  };
  /** A number of seconds, in milliseconds. */
  const seconds = (name: string, fallback: number, min: number, max: number): number => integer(name, fallback, min, max) * MS_PER_SECOND;
  const fraction = (name: string, fallback: number): number => {
    const value = text(name);
    if (value === undefined) return fallback;
    if (/^(0(\.\d+)?|1(\.0+)?)$/.test(value)) return Number(value);
    problems.push(`${name} must be a number from 0 to 1, not "${value}"`);
    return fallback;
  };
  const oneOf = <T extends string>(name: string, fallback: T, ...allowed: readonly T[]): T => {
    const value = text(name);
    if (value === undefined) return fallback;
    const found = allowed.find((each) => each === value);
    if (found !== undefined) return found;
    problems.push(`${name} must be one of ${allowed.join(', ')}, not "${value}"`);
    return fallback;
  };
  /** Credits with at most six decimals. */
  const credits = (name: string): Micros | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    const amount = parseCredits(value);
    if (typeof amount === 'number') return amount;
    problems.push(`${name} must be credits with at most six decimals, not "${value}"`);
    return undefined;
  };
  const secret = (name: string): string | undefined => {
    const value = text(name);
    if (value !== undefined && Buffer.byteLength(value) < SECRET_BYTES_MIN) {
      problems.push(`${name} must be at least ${SECRET_BYTES_MIN} bytes long`);
    }
    return value;
  };
  const url = (name: string, ...schemes: readonly string[]): string | undefined => {
    const value = text(name);
    if (value === undefined || (URL.canParse(value) && schemes.includes(new URL(value).protocol))) return value;
    problems.push(`${name} must be a URL that starts with ${schemes.map((each) => `${each}//`).join(' or ')}`);
    return undefined;
  };
  /** Comma-separated texts; undefined when there is none. */
  const list = (name: string): readonly string[] | undefined => {
    const items = (text(name) ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '');
    return items.length === 0 ? undefined : [...new Set(items)];
  };
  const name = (variable: string, fallback: string): string => {
    const value = text(variable);
    if (value === undefined || /^[a-z0-9-]{1,32}$/.test(value)) return value ?? fallback;
    problems.push(`${variable} must be 1 to 32 lower-case letters, digits or dashes, not "${value}"`);
    return fallback;
  };

  return { text, list, integer, seconds, fraction, oneOf, credits, secret, url, name };
}
