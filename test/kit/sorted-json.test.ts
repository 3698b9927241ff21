import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sortedJson } from '../../src/kit/sorted-json.js';

/** How fingerprints that are stored were made. */
const first = (value: unknown): string => JSON.stringify(value, (_, each: unknown) => (
  typeof each === 'object' && each !== null && !Array.isArray(each)
    ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each
));

test('JSON with sorted members is the same text as ever', () => {
  const name = fc.oneof(fc.string({ unit: 'binary' }), fc.nat().map(String), fc.constantFrom(
    '__proto__', '01', '-1', '4294967294', '4294967295', '4294967296', '10', '9', '', 'é', '\ud800',
  ));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), fc.array(tie('tree')), fc.array(fc.tuple(name, tie('tree'))).map(Object.fromEntries)),
  }));
  fc.assert(fc.property(tree, (value) => { expect(sortedJson(value)).toBe(first(value)); }), { numRuns: 100 });
  const withGaps = { b: undefined, a: [undefined, null, -0], 2: 1, 10: 1 };
  expect(sortedJson(withGaps)).toBe(first(withGaps));
});
