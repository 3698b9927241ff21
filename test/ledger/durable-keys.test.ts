import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readNamedEntries } from '../../src/books/earlier-charge.table.js';
import { intentIdOf } from '../../src/books/money-in.table.js';
import { createDrain } from '../../src/journal/drain.js';
import { KEYS_KEPT_DAYS, KEY_LOOKUPS_MAX, RECEIPT_TTL_SECONDS } from '../../src/kit/limits.js';
import { micros } from '../../src/kit/money/micros.js';
import type { ChargeKey } from '../../src/ledger/charge-key.js';
import type { ChargeReply } from '../../src/ledger/ledger.js';
import type { Db } from '../../src/stores/postgres/connect.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';
import { scanKeys } from '../support/scan-keys.js';

/** A key outlives its receipt: Redis keeps it for an hour, Postgres for KEYS_KEPT_DAYS. */
let under: DurableLedger;
/** What a lookup in Postgres does; null: the real lookup. */
let lookUp: (() => Promise<never>) | null = null;
let unrecalled = 0;
beforeAll(async () => {
  under = await durableLedger({
    recallMs: 20_000, unrecalled: () => { unrecalled += 1; },
    source: (real) => ({ ...real, loadCharge: (accountId, key) => (lookUp === null ? real.loadCharge(accountId, key) : lookUp()) }),
  });
});
afterAll(async () => { await under.close(); });
afterEach(() => {
  lookUp = null;
  unrecalled = 0;
});

type Account = {
  readonly accountId: string;
  charge(amount: number, key: string | null): Promise<ChargeReply>;
  available(): Promise<number>;
  forget(key: string): Promise<void>;
  ttl(key: string): Promise<number>;
};

/** The key whose text is `use:a:…`. */
const named = (text: string): ChargeKey => ({ operation: 'use', caller: 'a', key: text.slice('use:a:'.length) });

async function someone(credits: number): Promise<Account> {
  const accountId = `k-${randomUUID()}`;
  await under.ledger.grantLot({
    accountId, lotId: 'l', amount: micros(credits), expiresAtMs: null, key: `intent:${Math.floor(Math.random() * 1e9)}`,
    kind: 'grant', about: '{}',
  });
  const receipt = (key: string): string => under.keys.account(accountId, 1).receipt(key);
  return {
    accountId,
    charge: (amount, key) =>
      under.ledger.charge({
        accountId, amount: micros(amount), key: key === null ? null : named(key), fingerprint: String(amount), price: '', about: '{}',
      }),
    available: async () => (await under.ledger.readBalance(accountId)).available,
    forget: async (key) => { expect(await under.redis.del(receipt(key))).toBe(1); },
    ttl: (key) => under.redis.ttl(receipt(key)),
  };
}

const charged = (available: number, replayed: boolean) => expect.objectContaining({ status: 'charged', available, replayed });

test('Postgres answers a repeat after the receipt has expired, for the promised time', async () => {
  const alice = await someone(100);
  const first = await alice.charge(5, 'use:a:1');
  expect(first).toEqual(charged(95, false));
  await alice.charge(1, null);
  await under.drain();
  await alice.forget('use:a:1');
  expect(await alice.charge(5, 'use:a:1')).toEqual({ ...first, replayed: true });
  expect(await alice.charge(6, 'use:a:1')).toEqual({ status: 'idempotency_mismatch' });
  expect(await alice.available()).toBe(94);
  under.advance((KEYS_KEPT_DAYS - 1) * 86_400_000);
  expect(await alice.charge(5, 'use:a:1')).toEqual({ ...first, replayed: true });
  under.advance(2 * 86_400_000);
  expect(await alice.charge(5, 'use:a:1')).toEqual(charged(89, false));
  under.advance(-(KEYS_KEPT_DAYS + 1) * 86_400_000);
});

test('a key of one account means nothing for another', async () => {
  const [alice, bob] = [await someone(100), await someone(100)];
  await alice.charge(5, 'use:a:1');
  await under.drain();
  expect(await bob.charge(5, 'use:a:1')).toEqual(charged(95, false));
});

test('a receipt stays until Postgres has its entry, and for an hour after that', async () => {
  const alice = await someone(100);
  await alice.charge(5, 'use:a:1');
  expect(await alice.ttl('use:a:1')).toBeGreaterThan(6 * 86_400);
  expect(await alice.charge(5, 'use:a:1')).toEqual(charged(95, true));
  await under.drain();
  const left = await alice.ttl('use:a:1');
  expect([left > 0, left <= RECEIPT_TTL_SECONDS]).toEqual([true, true]);
});

test('the receipt of a charge stays long when Postgres has only the refusal before it', async () => {
  const alice = await someone(3);
  const charge = (): Promise<ChargeReply> => under.ledger.charge({
    accountId: alice.accountId, amount: micros(5), key: { operation: 'usage', caller: 'a', key: '1' }, fingerprint: '', price: '',
    about: '{}', purpose: 'usage',
  });
  expect(await charge()).toMatchObject({ status: 'insufficient_credits' });
  const { db, keys, ledger } = under;
  const drain = createDrain({
    db, redis: under.sharded, keys, clock: Date.now, tailMs: 0, entryName: (model) => model,
    // Postgres has the refusal, and Redis has not been told so.
    failpoint: async (name) => {
      if (name !== 'after_commit') return;
      await ledger.grantLot({
        accountId: alice.accountId, lotId: 'm', amount: micros(9), expiresAtMs: null, key: 'intent:2', kind: 'grant', about: '{}',
      });
      expect(await charge()).toMatchObject({ status: 'charged', available: 7 });
    },
  });
  await drain([keys.shardOf(alice.accountId)]);
  expect(await alice.ttl('usage:a:1')).toBeGreaterThan(6 * 86_400);
  await under.drain();
  expect(await alice.ttl('usage:a:1')).toBeLessThanOrEqual(RECEIPT_TTL_SECONDS);
});

test.each([
  ['fails', () => Promise.reject(new Error('away'))],
  ['does not answer', () => new Promise<never>(() => undefined)],
])('when Postgres %s, charges continue and Redis answers repeats', async (_, failing) => {
  const impatient = await durableLedger({
    recallMs: 50, unrecalled: () => { unrecalled += 1; }, source: (real) => ({ ...real, loadCharge: failing }),
  });
  try {
    const command = { accountId: 'a', amount: micros(5), key: named('use:a:1'), fingerprint: '', price: '', about: '{}' };
    await impatient.ledger.grantLot({
      accountId: 'a', lotId: 'l', amount: micros(100), expiresAtMs: null, key: 'intent:1', kind: 'grant', about: '{}',
    });
    expect(await impatient.ledger.charge(command)).toEqual(charged(95, false));
    expect(await impatient.ledger.charge(command)).toEqual(charged(95, true));
    expect(unrecalled).toBe(2);
  } finally {
    await impatient.close();
  }
});

test('a key that was charged twice during an outage stops no shard, and the first charge is the answer', async () => {
  const alice = await someone(100);
  const first = await alice.charge(5, 'use:a:1');
  lookUp = () => Promise.reject(new Error('away'));
  await alice.forget('use:a:1');
  expect(await alice.charge(5, 'use:a:1')).toEqual(charged(90, false));
  await under.drain();
  lookUp = null;
  await alice.forget('use:a:1');
  expect(await alice.charge(5, 'use:a:1')).toEqual({ ...first, replayed: true });
  expect((await under.journal(alice.accountId)).filter(({ key }) => key === 'use:a:1')).toHaveLength(2);
});

test('keys of one turn share a statement, and a charge without a key sends none', async () => {
  const people = await Promise.all(Array.from({ length: 20 }, () => someone(100)));
  const statements: string[] = [];
  const note = ({ sql }: { readonly sql: string }): void => { statements.push(sql); };
  under.db.on('query', note);
  try {
    const [first = await someone(1)] = people;
    await Promise.all(people.map((each) => each.charge(5, null)));
    expect(statements).toEqual([]);
    const answers = await Promise.all(people.map((each) => each.charge(5, 'use:a:1')));
    expect(answers).toEqual(people.map(() => charged(90, false)));
    expect(statements).toHaveLength(1);
    await Promise.all(Array.from({ length: KEY_LOOKUPS_MAX + 1 }, (_, index) => first.charge(0, `use:a:${index}`)));
    expect(statements).toHaveLength(3);
  } finally {
    under.db.off('query', note);
  }
});

test('a lookup reads one row of an index, however many entries the account has', async () => {
  const undone = new Error('only to look at the plan');
  let plan = '';
  await under.db.transaction(async (trx) => {
    await trx.raw(
      `insert into entries select 'busy', n, now(), 1, 'charge', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', 0, '',
              case when n % 2 = 0 then 'use:a:' || n else '' end, '', '' from generate_series(1, 5000) as n`,
    );
    await trx.raw('analyze entries');
    const explain = { raw: (sql: string, bindings: string[]) => trx.raw(`explain ${sql}`, bindings) } as unknown as Db;
    const rows = await readNamedEntries(explain, [{ accountId: 'busy', key: 'use:a:4000' }], Date.now() - 1_000_000) as unknown as {
      'QUERY PLAN': string;
    }[];
    plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    throw undone;
  }).catch((error: unknown) => { if (error !== undone) throw error; });
  expect(plan).toMatch(/Index Cond: \(\(account_id = n\.account_id\) AND \(key = n\.key\)\)/);
});

test('a key of a caller never reaches an intent, whatever it says', async () => {
  const accountId = `k-${randomUUID()}`;
  const charge = (operation: ChargeKey['operation']) => under.ledger.charge({
    accountId, amount: micros(5), key: { operation, caller: 'a', key: 'intent:5' }, fingerprint: '', price: '', about: '{}',
  });
  await under.ledger.grantLot({
    accountId, lotId: 'l', amount: micros(100), expiresAtMs: null, key: 'intent:5', kind: 'grant', about: '{}',
  });
  for (const operation of ['deduct', 'usage', 'use'] as const) {
    expect(await charge(operation)).toMatchObject({ status: 'charged', replayed: false });
  }
  const entries = await under.journal(accountId);
  expect(entries.map(({ key }) => [key, intentIdOf(key)])).toEqual([
    ['intent:5', 5], ['deduct:a:intent:5', null], ['usage:a:intent:5', null], ['use:a:intent:5', null],
  ]);
});

describe('keys of holds', () => {
  const key = { caller: 'a', key: '1' };
  const hold = { leaseMs: 86_400_000, kind: 'lease', expiryPolicy: 'release', price: '', fingerprint: 'f', about: '{}' } as const;
  const holdOf = (accountId: string, holdId: string) => {
    const named = { accountId, holdId };
    return {
      place: () => under.ledger.placeHold({ ...hold, ...named, minimum: micros(10), desired: micros(10), key }),
      extend: (amount: number, leaseMs = 86_400_000) => under.ledger.extendHold({
        ...named, mode: 'by', minimum: micros(amount), desired: micros(amount), leaseMs, defaultLeaseMs: 60_000, price: null, key,
        fingerprint: `${amount}`, about: '{}',
      }),
      renew: () => under.ledger.extendHold({
        ...named, mode: 'by', minimum: micros(0), desired: micros(0), leaseMs: 86_400_000, defaultLeaseMs: 60_000, price: null, key: null,
        fingerprint: '', about: '{}',
      }),
      settle: (cost: number) => under.ledger.settleHold({
        ...named, cost: micros(cost), price: '', overCapture: 'cap', debtLimit: null, fingerprint: `${cost}`, about: '{}', key,
      }),
    };
  };
  /** Redis forgets everything about the keys and the ended holds of an account. */
  const forget = async (accountId: string): Promise<void> => {
    const account = under.keys.account(accountId, 1);
    const found = await scanKeys(under.redis, `${account.receipt('').replace(/[{}]/g, '?')}*`);
    await under.redis.del(...found, account.hold('h1'));
  };

  test('after Redis has forgotten them, Postgres answers, for the promised time', async () => {
    const { accountId } = await someone(100);
    const [h1, h2] = [holdOf(accountId, 'h1'), holdOf(accountId, 'h2')];
    await h1.place();
    await h1.extend(5);
    const ended = await h1.settle(3);
    expect(await h1.extend(5)).toMatchObject({ status: 'extended', replayed: true });
    expect(await h1.extend(6)).toEqual({ status: 'idempotency_mismatch' });
    await under.drain();
    under.advance((KEYS_KEPT_DAYS - 1) * 86_400_000);
    for (let again = 0; again < 2; again += 1) {
      await forget(accountId);
      expect(await h2.place()).toEqual({ status: 'idempotency_mismatch' });
      expect(await h1.place()).toMatchObject({ status: 'hold_resolved' });
      expect(await h1.settle(4)).toEqual({ status: 'idempotency_mismatch' });
      expect(await h1.settle(3)).toEqual({ ...ended, replayed: true });
      expect(await h1.extend(6)).toEqual({ status: 'idempotency_mismatch' });
      expect(await h1.extend(5)).toMatchObject({ status: 'extended', replayed: true });
    }
    under.advance(2 * 86_400_000);
    await forget(accountId);
    expect(await h2.place()).toMatchObject({ status: 'placed', replayed: false });
    under.advance(-(KEYS_KEPT_DAYS + 1) * 86_400_000);
    expect(await under.ledger.readBalance(accountId)).toMatchObject({ available: 87, held: 10 });
  });

  test('an extension of a hold that lives for weeks is done once', async () => {
    const { accountId } = await someone(100);
    const h1 = holdOf(accountId, 'h1');
    await h1.place();
    await h1.extend(5);
    await under.drain();
    for (let day = 0; day < 34; day += 1) {
      under.advance(86_000_000);
      expect(await h1.renew()).toMatchObject({ status: 'extended' });
    }
    await under.redis.del(under.keys.account(accountId, 1).receipt('extend:a:2:h1:1'));
    expect(await h1.extend(6)).toEqual({ status: 'idempotency_mismatch' });
    expect(await h1.extend(5)).toMatchObject({ status: 'extended', replayed: true, hold: { amount: 15 } });
    under.advance(-34 * 86_000_000);
  });

  test('receipts stay until Postgres has their entries, and for an hour after that', async () => {
    const alice = await someone(100);
    const h1 = holdOf(alice.accountId, 'h1');
    await h1.place();
    await h1.settle(3);
    const names = ['place:a:1', 'end:a:2:h1:1'];
    for (const each of names) expect(await alice.ttl(each)).toBeGreaterThan(6 * 86_400);
    await under.drain();
    for (const each of names) {
      const left = await alice.ttl(each);
      expect([left > 0, left <= RECEIPT_TTL_SECONDS]).toEqual([true, true]);
    }
  });

  test('when Postgres fails, holds and their ends continue', async () => {
    const { accountId } = await someone(100);
    lookUp = () => Promise.reject(new Error('away'));
    const h1 = holdOf(accountId, 'h1');
    expect(await h1.place()).toMatchObject({ status: 'placed' });
    expect(await h1.settle(3)).toMatchObject({ status: 'settled', replayed: false });
    expect(await h1.settle(4)).toEqual({ status: 'idempotency_mismatch' });
    expect(unrecalled).toBe(1);
  });
});
