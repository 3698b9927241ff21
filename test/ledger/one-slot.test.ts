import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compareAccount } from '../../src/journal/reconcile/compare-account.js';
import { micros } from '../../src/kit/money/micros.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';

/** What a Redis Cluster asks of a script: all keys of a call are in one slot, because they carry the same hash tag. */
let under: DurableLedger;
const calls: { readonly keys: readonly string[]; readonly args: readonly string[] }[] = [];
beforeAll(async () => {
  under = await durableLedger();
  const evalsha = under.sharded.evalsha.bind(under.sharded) as (...values: (string | number)[]) => Promise<unknown>;
  const recorded = (sha1: string, keyCount: number, ...values: (string | number)[]): Promise<unknown> => {
    const words = values.map(String);
    calls.push({ keys: words.slice(0, keyCount), args: words.slice(keyCount) });
    return evalsha(sha1, keyCount, ...values);
  };
  Object.assign(under.sharded, { evalsha: recorded });
});
afterAll(async () => { await under.close(); });

const LOT = { lotId: 'l', amount: micros(100), expiresAtMs: null, kind: 'grant', about: '{}' } as const;
const HOLD = { kind: 'test', leaseMs: 60_000, expiryPolicy: 'release', price: 'p', fingerprint: 'f', about: '{}' } as const;
const place = (accountId: string, holdId: string) =>
  under.ledger.placeHold({ ...HOLD, accountId, holdId, minimum: micros(5), desired: micros(5) });

async function useEverything(accountId: string): Promise<void> {
  const { ledger, sharded, keys, fence, db, runDrain } = under;
  await ledger.grantLot({ ...LOT, accountId, key: 'k1' });
  await ledger.charge({
    accountId, amount: micros(3), key: { operation: 'use', caller: 'a', key: '1' }, fingerprint: 'f', price: '', about: '{}',
  });
  for (const holdId of ['h1', 'h2', 'h3']) await place(accountId, holdId);
  await ledger.settleHold({
    accountId, holdId: 'h1', cost: micros(2), price: 'p', overCapture: 'cap', debtLimit: null, fingerprint: 'f', about: '{}',
  });
  await ledger.voidHold({ accountId, holdId: 'h2', about: '{}' });
  await ledger.expireHold(accountId, 'h3');
  await ledger.expireLots(accountId);
  await ledger.revokeLot({ accountId, lotId: 'l', key: 'k2', about: '{}' });
  await ledger.readBalance(accountId);
  await ledger.readAccount(accountId);
  expect(await compareAccount({ redis: sharded, keys, fence, db, drain: runDrain }, accountId)).toMatchObject({ result: 'ok' });
}

test('every key of a call carries the same hash tag, and none is only what other keys begin with', async () => {
  const accountIds = Array.from({ length: 4 }, (_, index) => `one-slot-${index}`);
  for (const accountId of accountIds) await useEverything(accountId);
  await under.drain();
  await under.loseRedis();
  for (const accountId of accountIds) await useEverything(accountId).catch(() => under.ledger.readAccount(accountId)); // loads it
  const tagOf = (name: string): string => /\{s\d+\}/.exec(name)?.[0] ?? name;
  expect(calls.length).toBeGreaterThan(40);
  for (const { keys, args } of calls) {
    expect(new Set(keys.map(tagOf)).size).toBe(1);
    expect(keys.filter((key) => key.endsWith(':'))).toEqual([]);
    // A prefix that is passed as an argument is of the same slot.
    expect(args.filter((arg) => arg.includes('{s') && tagOf(arg) !== tagOf(keys[0] ?? ''))).toEqual([]);
  }
});

test('the open holds of an account are still listed, with what their hashes say', async () => {
  await under.ledger.grantLot({ ...LOT, accountId: 'lister', key: 'k' });
  await place('lister', 'open:1');
  await place('lister', 'open:2');
  const { holds } = await under.ledger.readAccount('lister');
  expect(holds.map(({ holdId, amount }) => [holdId, amount])).toEqual([['open:1', 5], ['open:2', 5]]);
});
