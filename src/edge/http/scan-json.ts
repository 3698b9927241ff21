import { JSON_DEPTH_MAX } from '../../kit/limits.js';

/** A text has at most one value for so many of its bytes, on average. */
const BYTES_PER_VALUE = 8;

/** What values a body of at most `bytesMax` bytes may contain. */
export const valuesMaxOf = (bytesMax: number): number => Math.floor(bytesMax / BYTES_PER_VALUE);

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Longest key that a message repeats, in characters. */
const SHOWN_KEY_LENGTH_MAX = 64;

export const NOT_JSON = 'the body is not a valid JSON object';

/**
 * Looks through a JSON text once, before it is parsed: the memory and the time that parsing takes, and what callers of other
 * parsers would read, depend on what is refused here. Returns what is wrong, or null. Of text that is not JSON it finds only
 * the bounds; what it passes, `JSON.parse` judges.
 *
 * - nested deeper than JSON_DEPTH_MAX, or more than `valuesMax` values
 * - a key that an object has twice, however the two are escaped
 * - a key `__proto__`
 */
export function scanJson(text: string, valuesMax: number): string | null {
  /** The keys of each open object; null for a list, and for an object without keys so far. */
  const keys: (Set<string> | null)[] = [];
  let depth = 0;
  let values = 1;
  let keyFrom = 0;
  let keyTo = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        keyFrom = at + 1;
        keyTo = endOfString(text, keyFrom);
        if (keyTo < 0) return NOT_JSON;
        at = keyTo;
        break;
      }
      case COLON: {
        const key = keyIn(text, keyFrom, keyTo);
        if (key === null || key === '__proto__' || depth === 0) return NOT_JSON;
        const known = keys[depth] ??= new Set();
        if (known.has(key)) return `has the key ${shown(key)} twice in one object`;
        known.add(key);
        break;
      }
      case COMMA:
        values += 1;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth += 1;
        values += 1;
        if (depth > JSON_DEPTH_MAX) return `must not be nested deeper than ${JSON_DEPTH_MAX}`;
        keys[depth] = null;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth -= 1;
        if (depth < 0) return NOT_JSON;
        break;
      default:
    }
    if (values > valuesMax) return `must not have more than ${valuesMax} values`;
  }
  return null;
}

/** Where the quote is that ends a string; -1 when there is none. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (before > from && text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
  return -1;
}

/** The key as it will be parsed; null when it is not a JSON string. */
function keyIn(text: string, from: number, to: number): string | null {
  const key = text.slice(from, to);
  if (!key.includes('\\')) return key;
  try {
    return JSON.parse(`"${key}"`) as string;
  } catch {
    return null;
  }
}

/** Escaped, so that it can be stored with the refusal. */
const shown = (key: string): string => JSON.stringify(key.length > SHOWN_KEY_LENGTH_MAX ? `${key.slice(0, SHOWN_KEY_LENGTH_MAX)}…` : key);
