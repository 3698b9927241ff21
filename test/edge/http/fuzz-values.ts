import fc, { type Arbitrary } from 'fast-check';
import type { TSchema } from 'typebox';
import { shapeOf, type Shape } from '../../../src/edge/openapi/examples.js';

/**
 * Values made from a schema: such as fit it, such as nearly fit it, and such as no client should send. Whether one really
 * fits is for the schema to say, not for the name of the generator.
 */

/** Names that two requests should often share; anything else would never meet what an earlier request has left. */
const SHARED: Record<string, readonly unknown[]> = {
  sessionId: ['s1', 's2', 's3', 'S1', 'a:b', 'a|b', '-'], userId: ['fuzz', 'fuzz@example.com', 'fuzz-name'],
  targetUserId: ['fuzz'], user_id: ['fuzz'], accountId: ['fuzz'], referrer: ['fuzz'], email: ['fuzz@example.com', 'FUZZ@example.com'],
  modelId: ['gpt-4', 'none', '__proto__', 'constructor'],
  // Many, because a key that named another request of /v1 is refused; some are sent twice.
  'Idempotency-Key': ['"k1"', ...Array.from({ length: 300 }, (_, index) => `k${index}`)],
  'If-Match': ['*', '"1"'], 'If-None-Match': ['"1"', '*'],
  transactionType: ['purchase', 'BONUS'], reason: ['manual_adjustment'], provider: ['openai', 'acme'], modelName: ['gpt-4', 'm'],
  feature_endpoint_value: ['ai_chat', 'summary'], value: ['ai_chat', 'summary'], plan: ['pro'], planId: ['pro'],
  startDate: ['2026-01-01', '2026-01-01T10:00:00Z'], endDate: ['2026-02-01', '2030-12-31'],
  account: ['fuzz'], holdId: ['h1', 'h2'], url: ['https://hooks.example/'],
};

/** Adds a name that only a running gateway can give, before values are made. */
export const share = (name: string, value: string): void => { SHARED[name] = [value]; };

/** What breaks programs that did not expect it (docs/reliability.md#bounds-against-misuse #1 to #21, #46, #63). */
const HOSTILE: readonly unknown[] = [
  null, true, false, 0, -0, -1, 1e-7, 0.1 + 0.2, 1e9, 1e21, 1e308, -1e308, 2 ** 53, 2 ** 53 + 2, 999_999_999.999_999,
  1_000_000_000, 2_147_483_648, 4.9e-324,
  '', ' ', '0', '-1', '7.50', '7,5', ' 7', '0x10', '1e3', '१२', '１２', '1.0000001', 'NaN', 'Infinity', 'null', 'undefined', 'true',
  '[object Object]',
  '\0', 'a\0b', '\ud800', '\udc00x', '\u202e', '\u200b', 'é', 'e\u0301', '😀', '\r\nX-Evil: 1', '\u001b[31m', '{}', '{x}', '}{',
  'a}b', ':', 'a:b', '*', '%', '%00', '%zz', '..', '../../etc/passwd',
  "' or 1=1 --", '"; drop table accounts; --', '$1', '\\', '<script>', '__proto__', 'constructor', 'toString', 'hasOwnProperty',
  'all', 'admin', 'x'.repeat(129), 'x'.repeat(321), 'x'.repeat(5_000),
  [], [1], ['fuzz'], [[]], {}, { a: 1 }, { toString: 1 }, { length: 1e9 }, { constructor: { prototype: { x: 1 } } },
];

/** Texts that are no value JSON.stringify would write. */
export const HOSTILE_BODIES: readonly string[] = [
  '', '{', '}', '[', '"', 'null', 'true', '7', '"text"', '[]', '[{}]', '{}x', '{"credits":1e400}', '{"credits":-1e400}',
  '{"credits":NaN}', '{"credits":01}', '{"credits":9007199254740993}',
  '{"__proto__":{"role":"admin"}}', '{"constructor":{"prototype":{"x":1}}}', '{"userId":"fuzz","userId":"root","credits":1}',
  "{'credits':1}", '{"credits":1,}', '\uFEFF{}', '\0', '{"a":"\\ud800"}', '{"metadata":{"a":1e400}}',
  `${'['.repeat(20_000)}${']'.repeat(20_000)}`, `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
  `{${Array.from({ length: 2_000 }, (_, i) => `"k${i}":1`).join()}}`,
];

const codePoint = fc.integer({ min: 0, max: 0x10_ffff - 0x800 }).map((index) =>
  String.fromCodePoint(index < 0xd800 ? index : index + 0x800));

/** Any text without lone surrogates. fast-check's own unit 'binary' is the same, but indexes all of Unicode first. */
export const anyText = (maxLength: number): Arbitrary<string> => fc.string({ unit: codePoint, maxLength });

export const hostile: Arbitrary<unknown> = fc.oneof(fc.constantFrom(...HOSTILE), fc.jsonValue({ maxDepth: 2 }), anyText(40));

/** A value that fits the schema; amounts and names are mostly such as lead somewhere. */
export function fitting(schema: TSchema, name = ''): Arbitrary<unknown> {
  const shared = SHARED[name];
  return shared === undefined ? plain(schema) : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...shared) }, {
    weight: 1, arbitrary: plain(schema),
  });
}

function plain(schema: TSchema): Arbitrary<unknown> {
  const shape = shapeOf(schema);
  if (shape.const !== undefined) return fc.constant(shape.const);
  if (shape.enum !== undefined) return fc.constantFrom(...shape.enum);
  if (shape.anyOf !== undefined) return fc.oneof(...shape.anyOf.map((each) => plain(each)));
  const types = [shape.type ?? []].flat();
  if (types.includes('number') && types.includes('string')) return amount;
  return types.length === 0 ? fc.jsonValue({ maxDepth: 2 }) : fc.oneof(...types.map((type) => ofType(type, shape)));
}

const amount = fc.oneof(
  fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 5_000_000 }).map((micros) => micros / 1_000_000),
  fc.integer({ min: 0, max: 9_999 }).map((cents) => (cents / 100).toFixed(2)), fc.double({ min: 0, max: 1e9, noNaN: true }),
);

function ofType(type: string, shape: Shape): Arbitrary<unknown> {
  const { minimum = 0, maximum = 1e12 } = shape;
  switch (type) {
    case 'object': return objectOf(shape);
    case 'array': return fc.array(shape.items === undefined ? fc.jsonValue() : plain(shape.items), {
      minLength: shape.minItems ?? 0, maxLength: Math.min(shape.maxItems ?? 5, 20),
    });
    case 'integer': return fc.oneof(
      fc.integer({ min: Math.ceil(minimum), max: Math.min(maximum, Math.ceil(minimum) + 2_000) }),
      fc.maxSafeInteger().map((n) => Math.min(maximum, Math.max(minimum, n))),
    );
    case 'number': return fc.oneof(
      fc.integer({ min: Math.ceil(minimum), max: Math.min(maximum, 3_000) }),
      fc.double({ min: minimum, max: maximum, noNaN: true }),
    );
    case 'boolean': return fc.boolean();
    case 'null': return fc.constant(null);
    default: return shape.pattern === undefined
      ? fc.string({ unit: 'grapheme', minLength: shape.minLength ?? 0, maxLength: Math.min(shape.maxLength ?? 40, 400) })
      : fc.stringMatching(new RegExp(shape.pattern), { size: 'small' });
  }
}

function objectOf({ properties = {}, required = [], patternProperties }: Shape): Arbitrary<unknown> {
  if (Object.keys(properties).length === 0) {
    const [values] = Object.values(patternProperties ?? {});
    return fc.dictionary(fc.string({ maxLength: 10 }), values === undefined ? fc.jsonValue({ maxDepth: 2 }) : plain(values), {
      maxKeys: 5,
    });
  }
  return fc.record(Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, fitting(each, name)])), {
    requiredKeys: [...required] as never[],
  });
}

/** An object that fits but for one field: missing, of another kind, just outside its bounds, or too much. */
export function nearlyFitting(schema: TSchema): Arbitrary<unknown> {
  const { properties = {} } = shapeOf(schema);
  const names = Object.keys(properties);
  const spoil = fc.record({
    name: fc.constantFrom(...names, 'userId', 'role', 'balance', 'accountId'),
    how: fc.constantFrom('drop', 'hostile', 'edge', 'list'), value: hostile,
  });
  return fc.tuple(fitting(schema), spoil).map(([value, { name, how, value: bad }]) => {
    if (typeof value !== 'object' || value === null) return bad;
    const fields = new Map(Object.entries(value));
    if (how === 'drop') fields.delete(name);
    else if (how === 'hostile') fields.set(name, bad);
    else if (how === 'list') fields.set(name, [fields.get(name) ?? null]);
    else fields.set(name, beyond(properties[name] ?? {}));
    return Object.fromEntries(fields);
  });
}

/** The last value that is allowed, and the first that is not. */
export const edgeOf = (schema: TSchema): Arbitrary<unknown> => {
  const { minimum, maximum } = shapeOf(schema);
  return fc.constantFrom(beyond(schema), ...[minimum, maximum].flatMap((bound) => (bound === undefined ? [] : [bound, bound - 1])));
};

/** The first value that is too much. */
function beyond(schema: TSchema): unknown {
  const { minimum, maximum, maxLength, anyOf } = shapeOf(schema);
  const [alternative] = anyOf ?? [];
  if (alternative !== undefined) return beyond(alternative);
  if (maxLength !== undefined) return 'x'.repeat(maxLength + 1);
  if (maximum !== undefined) return maximum + 1;
  return minimum === undefined ? -1 : minimum - 1;
}
