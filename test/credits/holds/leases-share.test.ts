import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { leasePrices } from '../../../src/credits/holds/native/lease-price.js';
import type { Lease, LeaseDeps } from '../../../src/credits/holds/native/lease.js';
import { placeLease } from '../../../src/credits/holds/native/place-lease.js';
import { reportLease } from '../../../src/credits/holds/native/report-lease.js';
import { settleLease } from '../../../src/credits/holds/native/settle-lease.js';
import { builtInTokenBook } from '../../../src/credits/prices/token-book.js';
import { micros } from '../../../src/kit/money/micros.js';
import { testLedger, type TestLedger } from '../../support/ledger.js';

/** A token of this model costs 5 000 micros, in or out. */
const MODEL = 'gpt-4';
const TOKEN_MICROS = 5_000;
const LEASES = 200;
const STREAM_TOKENS = 300;
const CHUNK_TOKENS = 7;
const HEADROOM_TOKENS = 10;

let under: TestLedger;
let deps: LeaseDeps;
beforeAll(async () => {
  under = await testLedger({ shards: 4 });
  deps = {
    ledger: under.ledger, book: { ...builtInTokenBook, list: () => [] }, leasePrices: leasePrices(), clock: Date.now, leaseMs: 600_000,
    beyond: { overCapture: 'debt', debtLimit: null }, holdMax: null,
  };
});
afterAll(async () => { await under.close(); });

test('200 streams share a balance for half of each: every one is told that it is the last grant, and none exceeds it', async () => {
  const accountId = `share-${randomUUID()}`;
  const credits = micros(LEASES * STREAM_TOKENS * TOKEN_MICROS / 2);
  await under.ledger.grantLot({
    accountId, lotId: 'l1', amount: credits, expiresAtMs: null, key: `intent:${randomUUID()}`, about: '{}', kind: 'grant',
  });
  const calls = Array.from({ length: LEASES }, (_, index) => ({
    accountId, holdId: `stream-${index}`, by: 'service', actor: 'proxy', key: null,
  } as const));
  const streams = await Promise.all(calls.map(async (call) => ({ call, sent: 0, sawFinal: false, lease: await placeLease(deps, {
    ...call, asked: { model: MODEL, usage: { inputTokens: 0 }, serviceTier: 'standard', maxOutputTokens: HEADROOM_TOKENS },
    leaseMs: null, reason: null, isNewId: true,
  }) })));

  /** What a proxy does with each chunk: send what is granted, report, stop at the last grant. True: goes on. */
  const step = async (stream: (typeof streams)[number]): Promise<boolean> => {
    const granted = (lease: Lease): number => lease.stopAtTokens ?? 0;
    stream.sent = Math.min(stream.sent + CHUNK_TOKENS, granted(stream.lease), STREAM_TOKENS);
    if (stream.lease.final && stream.sent === granted(stream.lease)) {
      stream.sawFinal = true;
      return false;
    }
    stream.lease = await reportLease(deps, {
      ...stream.call, used: { usage: { outputTokens: stream.sent } }, headroom: { tokens: HEADROOM_TOKENS }, leaseMs: null,
    });
    return stream.sent < STREAM_TOKENS;
  };
  for (let going = streams; going.length > 0;) {
    const goesOn = await Promise.all(going.map(step));
    going = going.filter((_, index) => goesOn[index] === true);
  }

  expect(streams.filter(({ sawFinal }) => !sawFinal)).toEqual([]);
  expect(streams.every(({ sent, lease }) => sent < STREAM_TOKENS && sent * TOKEN_MICROS <= lease.amount)).toBe(true);
  const ends = await Promise.all(streams.map(({ call, sent }) => settleLease(deps, {
    ...call, used: { usage: { outputTokens: sent }, serviceTier: undefined }, reason: 'cut_off',
  })));
  expect(ends.every(({ outcome }) => outcome.overage === 0 && outcome.debt === 0 && outcome.captured <= outcome.amount)).toBe(true);
  expect(await under.ledger.readBalance(accountId)).toMatchObject({ available: 0, held: 0, debt: 0 });
});
