/** A value of an entry. Numbers are the text that stands in the file, digit by digit. */
export type MapValue = { readonly kind: 'number' | 'text' | 'other'; readonly text: string; readonly items?: readonly MapItem[] };

/** An item of a list: a number, or an object with its fields. */
export type MapItem = { readonly value: MapValue; readonly fields: MapFields | null };
export type MapFields = ReadonlyMap<string, MapValue>;

/** One model of the community price map. `fields` is null when the entry is not an object. */
export type MapEntry = { readonly model: string; readonly fields: MapFields | null };

/** No string of a JSON file can begin like this and be mistaken for a number: it would have to contain a NUL. */
const NUMBER_MARK = '\u0000number:';
/** Strings first, so that digits in them are left alone; then numbers, and the words that Python writes for them. */
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity|NaN)/g;

/**
 * Reads a price map: a JSON object keyed by model. Each number is turned into a marked string before the parser sees it,
 * because a double cannot hold 3.3333333333333335e-05, and money is not to be rounded by a parser. What is wrong
 * inside an entry is for `planImport` to say.
 *
 * @throws Error when the file as a whole is not a JSON object.
 */
export function readPriceMap(json: string): MapEntry[] {
  const marked = json.replace(/^\uFEFF/, '').replace(STRING_OR_NUMBER, (token) =>
    (token.startsWith('"') ? token : JSON.stringify(NUMBER_MARK + token)));
  const map = parse(marked);
  if (!isObject(map)) throw new Error('the file must be a JSON object with one entry per model');
  return Object.entries(map).map(([model, entry]) => ({
    model, fields: toFields(entry),
  }));
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The message of the parser quotes the marked text, which is not the caller's.
    throw new Error('the file is not JSON');
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const toFields = (value: unknown): MapFields | null =>
  (isObject(value) ? new Map(Object.entries(value).map(([field, each]) => [field, toMapValue(each)])) : null);

function toMapValue(value: unknown): MapValue {
  if (Array.isArray(value)) {
    return { kind: 'other', text: 'object', items: value.map((item) => ({ value: toMapValue(item), fields: toFields(item) })) };
  }
  if (typeof value !== 'string') return { kind: 'other', text: value === null ? 'null' : typeof value };
  return value.startsWith(NUMBER_MARK) ? { kind: 'number', text: value.slice(NUMBER_MARK.length) } : { kind: 'text', text: value };
}
