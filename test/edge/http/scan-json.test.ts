import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { NOT_JSON, scanJson } from '../../../src/edge/http/scan-json.js';
import { JSON_DEPTH_MAX } from '../../../src/kit/limits.js';
import { volume } from '../../support/volume.js';

/** More values than any text here has. */
const MANY = 1_000_000;
const RUNS = { numRuns: volume(2_000, 50_000) };

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('what it finds', () => {
  test.each([
    ['{"a":1,"a":2}', 'has the key "a" twice in one object'],
    ['{"a":1,"\\u0061":2}', 'has the key "a" twice in one object'],
    ['{"":1,"":2}', 'has the key "" twice in one object'],
    ['[{"x":{"a\\"b":1,"c":[{}],"a\\"b":2}}]', 'has the key "a\\"b" twice in one object'],
    ['{"\\ud800":1,"\\ud800":1}', 'has the key "\\ud800" twice in one object'],
    [`{"${'k'.repeat(100)}":1,"${'k'.repeat(100)}":1}`, `has the key "${'k'.repeat(64)}…" twice in one object`],
    [nested(JSON_DEPTH_MAX + 1), 'must not be nested deeper than 32'],
    ['{"a":'.repeat(JSON_DEPTH_MAX + 1), 'must not be nested deeper than 32'],
    ['{"__proto__":1}', NOT_JSON], ['[{"\\u005f_proto_\\u005f":1}]', NOT_JSON],
    ['{"a', NOT_JSON], ['{"a\\"', NOT_JSON], ['{"\\x":1}', NOT_JSON], ['[]]', NOT_JSON], [':', NOT_JSON],
  ])('%s', (text, problem) => {
    expect(scanJson(text, MANY)).toBe(problem);
  });
  test('as many values as are allowed, and one more', () => {
    expect([scanJson('[1,{"a":2},3]', 5), scanJson('[1,{"a":2},3,4]', 5)]).toEqual([null, 'must not have more than 5 values']);
  });
  test('equal keys of different objects, braces and quotes in strings, and the deepest that is allowed are fine', () => {
    for (const text of ['{"a":{"a":[{"a":1},{"a":2}]}}', '{"a":"}{][\\"\\\\","b":"\\\\"}', nested(JSON_DEPTH_MAX), '["a:b",{"c,":":"}]']) {
      expect([text, scanJson(text, MANY)]).toEqual([text, null]);
    }
  });
});

/** A text in which every character is escaped. */
const unicode = (text: string): string => `"${Array.from({ length: text.length }, (_, at) =>
  `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;
type Written = { readonly text: string; readonly twice: boolean };
const keyText = fc.constantFrom('a', 'b', 'ab', '', '\\', '"', ':', '\u00e9');
const written = fc.letrec<{ value: Written }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 },
    fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null))
      .map((value): Written => ({ text: JSON.stringify(value), twice: false })),
    fc.array(tie('value'), { maxLength: 4 })
      .map((items): Written => ({ text: `[${items.map(({ text }) => text).join(', ')}]`, twice: items.some(({ twice }) => twice) })),
    fc.array(fc.tuple(keyText, fc.boolean(), tie('value')), { maxLength: 4 }).map((members): Written => ({
      text: `{${members.map(([key, isUnicode, { text }]) => `${isUnicode ? unicode(key) : JSON.stringify(key)} : ${text}`).join(',')}}`,
      twice: new Set(members.map(([key]) => key)).size < members.length || members.some(([, , { twice }]) => twice),
    }))),
})).value;

test('it refuses a text of JSON exactly if an object has a key twice', () => {
  fc.assert(fc.property(written, ({ text, twice }) => {
    JSON.parse(text);
    expect([text, scanJson(text, MANY) !== null]).toEqual([text, twice]);
  }), RUNS);
});

test('what JSON.stringify writes passes', () => {
  fc.assert(fc.property(fc.json({ maxDepth: 8 }), (text) => {
    expect([text, scanJson(text, MANY)]).toEqual([text, text.includes('"__proto__":') ? NOT_JSON : null]);
  }), RUNS);
});

test('of a broken text the bounds hold for whatever JSON.parse still reads of it', () => {
  const broken = fc.tuple(fc.constantFrom('{', '[', '"', '\\', ':', ',', ']', '}', '1', ' ', '"a"'), fc.nat({ max: 40 }));
  fc.assert(fc.property(fc.array(broken, { maxLength: 12 }), (parts) => {
    const text = parts.map(([part, times]) => part.repeat(times)).join('');
    const problem = scanJson(text, MANY);
    if (problem !== null && !problem.includes('nested') && !problem.includes('twice')) {
      expect(() => { JSON.parse(text); }).toThrow(SyntaxError);
    }
  }), RUNS);
});
