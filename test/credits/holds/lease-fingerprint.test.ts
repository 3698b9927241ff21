import { expect, test } from '@jest/globals';
import { fingerprintOf, type PlaceLease } from '../../../src/credits/holds/native/place-lease.js';
import { fingerprint } from '../../../src/kit/ids.js';
import { micros } from '../../../src/kit/money/micros.js';
import { sortedJson } from '../../../src/kit/sorted-json.js';
import { randomOf, type Random } from '../../support/random.js';

/** What a release before made of a request: its holds are open, and a repeat must get their answer. */
const before = ({ asked, leaseMs, onExpiry, overCapture, debtLimit, ownLimits, metadata, spending }: PlaceLease): string =>
  fingerprint('lease', sortedJson({
    asked, leaseMs, onExpiry, overCapture, debtLimit, ownLimits, metadata, spender: spending?.spender, feature: spending?.feature,
  }));

const picked = (random: Random, ...values: readonly unknown[]): unknown => random.pick(values.map((value) => ({ value }))).value;

test('a request to place a hold has the fingerprint that it had in the release before', () => {
  const random = randomOf(7);
  const some = { minimum: micros(random.integer(1, 9)), desired: micros(Number.MAX_SAFE_INTEGER) };
  const model = {
    model: 'a"b', provider: picked(random, undefined, 'p'), usage: { outputTokens: 1, inputTokens: 2 }, serviceTier: 'standard',
    maxOutputTokens: undefined, minimumOutputTokens: 3,
  };
  for (let round = 0; round < 2_000; round += 1) {
    const command = {
      asked: picked(random, some, { desired: micros(5), minimum: micros(5) }, model),
      leaseMs: picked(random, null, 60_000), onExpiry: picked(random, undefined, 'release', 'charge_input'),
      overCapture: picked(random, undefined, 'cap'), debtLimit: picked(random, undefined, micros(0), micros(7)),
      ownLimits: picked(random, undefined, [], [['a', micros(5)], ['b', micros(1)]]),
      metadata: picked(random, undefined, {}, { b: [null, { z: 1, y: 'ü\u2028' }], 10: 1, 9: 2 }, JSON.parse('{"__proto__":{"asked":1}}')),
      spending: picked(random, undefined, {}, { spender: 's\\', key: 'k' }, { feature: 'f\n', spender: undefined }),
    } as unknown as PlaceLease;
    expect([command, fingerprintOf(command)]).toEqual([command, before(command)]);
  }
});
