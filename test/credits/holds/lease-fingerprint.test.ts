import { expect, test } from '@jest/globals';
import { fingerprintOf } from '../../../src/credits/holds/native/place-lease.js';
import { fingerprint } from '../../../src/kit/ids.js';
import { micros } from '../../../src/kit/money/micros.js';
import { sortedJson } from '../../../src/kit/sorted-json.js';

type Asked = Parameters<typeof fingerprintOf>[0];

/** Open holds have the fingerprints that earlier versions made: sorted JSON of everything that was asked for. */
test.each<[string, Asked]>([
  ['an amount', { asked: { minimum: micros(10), desired: micros(10) }, leaseMs: null }],
  ['a range of amounts, with everything', {
    asked: { minimum: micros(1), desired: micros(999_999_999_999_999) }, leaseMs: 60_000, onExpiry: 'release', overCapture: 'debt',
    debtLimit: micros(5), ownLimits: [['a"b', micros(7)]], metadata: { 'é': ['\u2028', null], 10: 1, 9: { b: 1, a: undefined } },
    spending: { spender: 's\\"', feature: 'chat', key: 'not a part of it' },
  }],
  ['a model', {
    asked: { model: 'm', provider: undefined, usage: { inputTokens: 5 }, serviceTier: 'standard', maxOutputTokens: 7 }, leaseMs: null,
    spending: { spender: undefined, feature: undefined, key: 'k' },
  }],
])('the fingerprint of %s is that of its sorted JSON', (_, command) => {
  const { spending: { spender, feature } = {}, ...rest } = command;
  expect(fingerprintOf(command)).toBe(fingerprint('lease', sortedJson({ ...rest, spender, feature })));
});
