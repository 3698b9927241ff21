import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { micros } from '../../src/kit/money/micros.js';
import { PLACED_TOGETHER_MAX } from '../../src/kit/limits.js';
import type { PlaceHold, PlaceHoldReply } from '../../src/ledger/ledger.js';
import { placeAmongOthers } from '../../src/ledger/place-operations.js';
import { randomOf, type Random } from '../support/random.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

/** Holds that one script call places: each is decided, written and answered as if it were alone. */
let under: TestLedger;
beforeAll(async () => { under = await testLedger({ shards: 1 }); });
afterAll(() => under.close());

async function account(credits: number): Promise<string> {
  const accountId = `p-${randomUUID()}`;
  await under.ledger.grantLot({
    accountId, lotId: 'l1', amount: micros(credits), expiresAtMs: null, key: 'intent:1', kind: 'grant', about: '{}',
  });
  return accountId;
}

const placeBy = (together: boolean) => (command: PlaceHold): Promise<PlaceHoldReply> =>
  (together ? placeAmongOthers(under.ledger, command) : under.ledger.placeHold(command));

const placing = (together: boolean) => (accountId: string, holdId: string, amount: number, fingerprint = 'f'): Promise<PlaceHoldReply> =>
  placeBy(together)({
    accountId, holdId, minimum: micros(amount), desired: micros(amount), leaseMs: 60_000, kind: 'test', expiryPolicy: 'release',
    price: 'p', fingerprint, about: '{}', isNewId: true, ...(holdId === 'h4' ? { key: { caller: 'c', key: 'k' } } : {}),
    ...(holdId === 'h5' ? { terms: { overCapture: 'cap', debtLimit: null, inputCost: micros(3), leaseMs: 30_000 } as const } : {}),
  });

/** What is the same whenever it was done. */
const timeless = (reply: PlaceHoldReply): object => ({ ...reply, ...('placedAtMs' in reply ? { placedAtMs: 0, expiresAtMs: 0 } : {}) });

/** The same holds on accounts of its own: replies, what the accounts have then, and their entries. */
async function history(place: ReturnType<typeof placing>): Promise<object> {
  const [rich, poor, frozen, unknown] = [await account(100), await account(10), await account(50), `p-${randomUUID()}`];
  await under.ledger.freeze({ accountId: frozen, about: '{}' });
  await place(rich, 'h0', 5);
  const replies = await Promise.all([
    place(rich, 'h1', 30), place(poor, 'h1', 20), place(rich, 'h1', 30), place(frozen, 'h1', 1), place(poor, 'h2', 10),
    place(unknown, 'h1', 1), place(rich, 'h0', 5, 'another'), place(poor, 'h3', 1), place(rich, 'h4', 39), place(rich, 'h5', 20),
    place(rich, 'h6', 6),
  ]);
  const accounts = await Promise.all([rich, poor, frozen, unknown].map(async (accountId) => {
    const { available, held, seq, lots, holds } = await under.ledger.readAccount(accountId);
    const entries = (await under.journal(accountId)).map(({ kind, lots: changed, holdId, key, terms, availableAfter, heldAfter }) =>
      ({ kind, changed, holdId, key, terms, availableAfter, heldAfter }));
    return { available, held, seq, lots: lots.map(({ remaining, held: inHolds }) => [remaining, inHolds]), holds: holds.length, entries };
  }));
  return { replies: replies.map(timeless), accounts };
}

test('holds placed together get the replies and leave the entries of holds placed one by one', async () => {
  const together = await history(placing(true));
  expect(together).toEqual(await history(placing(false)));
  expect(together).toMatchObject({ replies: [
    { status: 'placed', replayed: false, available: 65 }, { status: 'insufficient_credits', available: 10 },
    { status: 'placed', replayed: true, available: 65 }, { status: 'account_frozen' }, { status: 'placed', available: 0 },
    { status: 'insufficient_credits', available: 0 }, { status: 'hold_exists' }, { status: 'insufficient_credits', available: 0 },
    // The key is looked up first, so it comes last.
    { status: 'placed', available: 0 }, { status: 'placed', available: 45 }, { status: 'placed', available: 39 },
  ] });
});

/** What Redis has of an account, without times. */
async function stored(accountId: string) {
  const keys = under.keys.account(accountId, 1);
  const [figures, live, lots, open, due] = await Promise.all([
    under.redis.hgetall(keys.account), under.redis.zrange(keys.lots, '0', '-1'), under.redis.hgetall(keys.lot),
    under.redis.zrange(keys.open, '0', '-1'), under.redis.zrange(keys.holdsDue, '0', '-1'),
  ]);
  return {
    figures: { ...figures, next_expiry_ms: '', loaded_ms: '' }, live, open: [...open].sort(),
    lots: Object.entries(lots).map(([id, text]) => `${id} ${text.replace(/(?<=^\d+:\d+:\d+):\w+:\d+/, '')}`).sort(),
    due: due.flatMap((member) => (member.startsWith(`${accountId}:`) ? [member.slice(accountId.length)] : [])).sort(),
  };
}

const DAY_MS = 86_400_000;
const RULES = ['', '', '50;a;', '10;a;', '90;;', '10;b;'] as const;

/** Lots of an account, and holds on two accounts with such lots: of some the id comes again, and some are too large. */
function drawn(random: Random) {
  return {
    lots: Array.from({ length: random.integer(1, 6) }, (_, index) => (
      { lotId: `l${index}`, amount: micros(random.integer(1, 12)), days: random.integer(1, 9), rule: random.pick(RULES) })),
    holds: Array.from({ length: 20 }, () => ({
      of: random.integer(0, 1), holdId: `h${random.integer(0, 15)}`, minimum: random.integer(1, 3), more: random.integer(0, 8),
      model: random.pick(['', 'a', 'b']),
    })),
  };
}

type Ids = readonly [string, string];

/** Two new accounts with these lots. */
async function accountsWith({ lots }: ReturnType<typeof drawn>): Promise<Ids> {
  const ids = [`p-${randomUUID()}`, `p-${randomUUID()}`] as const;
  const nowMs = await under.nowMs();
  for (const { days, ...lot } of [...lots, ...lots].map((lot, index) => ({ ...lot, accountId: ids[index < lots.length ? 0 : 1] }))) {
    await under.ledger.grantLot({ ...lot, expiresAtMs: nowMs + days * DAY_MS, key: `intent:${lot.lotId}`, kind: 'grant', about: '{}' });
  }
  return ids;
}

/** Replies, entries and what Redis has after these holds, without times and names. */
async function after(ids: Ids, { holds }: ReturnType<typeof drawn>, together: boolean): Promise<object> {
  const place = ({ of, holdId, minimum, more, model }: (typeof holds)[number]): Promise<PlaceHoldReply> => placeBy(together)({
    accountId: ids[of === 0 ? 0 : 1], holdId, minimum: micros(minimum), desired: micros(minimum + more), leaseMs: 60_000, kind: 'test',
    expiryPolicy: 'release', price: 'p', fingerprint: model, about: '{}', isNewId: true, spending: { model },
  });
  const replies: PlaceHoldReply[] = [];
  if (together) replies.push(...await Promise.all(holds.map(place)));
  else for (const hold of holds) replies.push(await place(hold));
  return {
    replies: replies.map(timeless), redis: await Promise.all(ids.map(stored)),
    entries: (await Promise.all(ids.map((id) => under.journal(id)))).flat().map((entry) => ({
      ...entry, accountId: '', streamId: '', atMs: 0, leaseEndsAtMs: 0, spending: '',
      lots: entry.lots.map(({ lotId, remaining, held }) => [lotId, remaining, held]),
    })),
  };
}

test('what is placed together on accounts with many lots leaves what the same holds one by one leave', async () => {
  const random = randomOf(2_026);
  for (let round = 0; round < 8; round += 1) {
    const history = drawn(random);
    const [first, second] = await Promise.all([accountsWith(history), accountsWith(history)]);
    under.advance(random.integer(0, 4) * DAY_MS + DAY_MS / 2); // some lots are due
    const [together, alone] = await Promise.all([after(first, history, true), after(second, history, false)]);
    expect(together).toEqual(alone);
  }
});

test('one script call places them, and no call more than its maximum', async () => {
  const accountId = await account(1_000);
  const calls = jest.spyOn(under.sharded, 'evalsha');
  const count = 2 * PLACED_TOGETHER_MAX + 1;
  const replies = await Promise.all(Array.from({ length: count }, (_, index) => placing(true)(accountId, `n${index}`, 1)));
  expect(replies.map((reply) => [reply.status, 'available' in reply && reply.available]))
    .toEqual(Array.from({ length: count }, (_, index) => ['placed', 999 - index]));
  expect(calls).toHaveBeenCalledTimes(3);
  calls.mockRestore();
  expect((await under.journal(accountId)).map(({ seq }) => seq)).toEqual(Array.from({ length: count + 1 }, (_, index) => index + 1));
});

test('an error fails its own hold, not its neighbours', async () => {
  const [broken, sound] = [await account(10), await account(10)];
  await under.redis.hset(under.keys.account(broken, 1).lot, 'l1', 'unreadable');
  const place = placing(true);
  const replies = await Promise.allSettled([place(sound, 'h1', 4), place(broken, 'h1', 4), place(sound, 'h2', 5)]);
  expect(replies.map((reply) => (reply.status === 'fulfilled' ? timeless(reply.value) : String(reply.reason)))).toMatchObject([
    { status: 'placed', available: 6 }, expect.stringMatching(/place-hold: .*lot l1 is unreadable/), { status: 'placed', available: 1 },
  ]);
  expect(await under.redis.exists(under.keys.account(broken, 1).hold('h1'))).toBe(0);
  expect((await under.journal(broken)).map(({ kind }) => kind)).toEqual(['grant']);
});

test('an error halfway through the lots leaves nothing behind for the holds of its account that follow', async () => {
  const accountId = await account(10);
  await under.ledger.grantLot({
    accountId, lotId: 'l2', amount: micros(10), expiresAtMs: null, key: 'intent:2', kind: 'grant', about: '{}',
  });
  await under.redis.hset(under.keys.account(accountId, 1).lot, 'l2', 'unreadable');
  const place = placing(true);
  const replies = await Promise.allSettled([place(accountId, 'a', 4), place(accountId, 'b', 8), place(accountId, 'c', 6)]);
  expect(replies).toMatchObject([{ value: { available: 16 } }, { status: 'rejected' }, { value: { status: 'placed', available: 10 } }]);
  const { lots, open } = await stored(accountId);
  expect([lots, open]).toEqual([['l1 0:10:10', 'l2 unreadable'], ['a', 'c']]);
  expect((await under.journal(accountId)).map(({ kind, availableAfter }) => [kind, availableAfter]))
    .toEqual([['grant', 10], ['grant', 20], ['place', 16], ['place', 10]]);
});

test.each([true, false])('a lot whose expiry is unreadable fails its hold before an entry is written (together: %s)', async (together) => {
  const accountId = await account(10);
  const { lot } = under.keys.account(accountId, 1);
  await under.redis.hset(lot, 'l1', '10:0:10:unknown:1');
  const place = placing(together);
  const replies = await Promise.allSettled([place(accountId, 'a', 4), place(accountId, 'b', 5)]);
  const { open, figures } = await stored(accountId);
  expect([open, figures]).toMatchObject([[], { available: '10', held: '0', seq: '1' }]);
  expect(await under.redis.hgetall(lot)).toEqual({ l1: '10:0:10:unknown:1' });
  expect((await under.journal(accountId)).map(({ kind }) => kind)).toEqual(['grant']);
  expect(replies.map((reply) => (reply.status === 'rejected' ? String(reply.reason) : reply.value.status)))
    .toEqual([expect.stringMatching(/lot l1 is unreadable/), expect.stringMatching(/lot l1 is unreadable/)]);
});

test('a repeat whose stored answer has a part missing fails alone: its neighbours learn that they were placed', async () => {
  const accountId = await account(10);
  const place = placing(true);
  await place(accountId, 'old', 1);
  await under.redis.hdel(under.keys.account(accountId, 1).hold('old'), 'placed_available');
  const replies = await Promise.allSettled([place(accountId, 'a', 4), place(accountId, 'old', 1), place(accountId, 'b', 5)]);
  expect(replies).toMatchObject([
    { value: { status: 'placed', available: 5 } }, { status: 'rejected' }, { value: { status: 'placed', available: 0 } },
  ]);
  expect((await stored(accountId)).open).toEqual(['a', 'b', 'old']);
});

test('holds of one account are placed in their order, also when members of its pool spend, for whom another maximum holds', async () => {
  const accountId = await account(6);
  const place = (holdId: string, amount: number, spender = accountId): Promise<PlaceHoldReply> => placeBy(true)({
    accountId, holdId, minimum: micros(amount), desired: micros(amount), leaseMs: 60_000, kind: 'test', expiryPolicy: 'release', price: 'p',
    fingerprint: 'f', about: '{}', isNewId: true, spending: { spender },
  });
  const replies = await Promise.all([
    place('a', 1), place('b', 2, 'other'), place('c', 3), place('d', 1), place('e', 1, 'other'),
  ]);
  expect(replies.map(({ status }) => status)).toEqual(['placed', 'placed', 'placed', 'insufficient_credits', 'insufficient_credits']);
});

test('a text with a NUL, which ends a text in the call, fails its own hold and changes nothing', async () => {
  const accountId = await account(10);
  const place = (holdId: string, price: string): Promise<PlaceHoldReply> => placeBy(true)({
    accountId, holdId, minimum: micros(1), desired: micros(1), leaseMs: 60_000, kind: 'test', expiryPolicy: 'release', price,
    fingerprint: 'f', about: '{}', isNewId: true,
  });
  const replies = await Promise.allSettled([place('a', 'p'), place('b', 'p\0q'), place('c', 'p')]);
  expect(replies).toMatchObject([{ value: { available: 9 } }, { status: 'rejected' }, { value: { available: 8 } }]);
  expect((await stored(accountId)).open).toEqual(['a', 'c']);
});

test('texts arrive as they were sent, whatever the place of their hold in the call', async () => {
  const odd = '"\\u0041\\n\u0001\t\n\u007f\u2028é€𝄞';
  const accountId = await account(10);
  const about = JSON.stringify({ type: 'lease', metadata: { odd } });
  const holdIds = ['first', 'second', 'a:"b"\\'];
  await Promise.all(holdIds.map((holdId) => placeBy(true)({
    accountId, holdId, minimum: micros(1), desired: micros(1), leaseMs: 60_000, kind: 'test', expiryPolicy: 'release', price: odd,
    fingerprint: 'f', about, isNewId: true,
  })));
  const [, ...placed] = await under.journal(accountId);
  expect(placed).toMatchObject(holdIds.map((holdId) => ({ holdId, about, price: odd, policy: 'release', holdKind: 'test' })));
});

test('terms of the account, limits and what a hold asks for bind each of the holds that are placed together', async () => {
  const replies = await Promise.all([true, false].map(async (together) => {
    const accountId = await account(100);
    await under.ledger.setTerms(accountId, { version: 1, terms: { maxHold: micros(20), overCapture: 'available', debtLimit: null } });
    const limit = {
      limitId: 'daily', counter: 1, amount: micros(50), period: 'day', window: 'calendar', timeZone: 'UTC', mode: 'refuse', match: {},
    } as const;
    await under.ledger.setLimits({ accountId, limits: { version: 1, limits: [limit] }, nowMs: await under.nowMs() });
    const place = (holdId: string, desired: number | null, more: object = {}): Promise<PlaceHoldReply> => placeBy(together)({
      accountId, holdId, minimum: null, desired: desired === null ? null : micros(desired), leaseMs: 60_000, kind: 'test',
      expiryPolicy: 'release', price: 'p', fingerprint: 'f', about: '{}', isNewId: true,
      terms: { overCapture: 'debt', debtLimit: null, inputCost: micros(0), leaseMs: 30_000 }, ...more,
    });
    const calls = [
      place('a', 10), place('b', null), place('c', 30, { minimum: micros(21) }), place('d', 5, { askedTerms: { overCapture: 'debt' } }),
      place('e', null, { holdMax: micros(4) }), place('f', 9, { keyLimit: '3:0:1:day' }), place('g', 17),
    ];
    return (await Promise.all(calls)).map((reply) => ({ ...timeless(reply), limits: 'limits' in reply && reply.limits.length }));
  }));
  expect(replies[0]).toEqual(replies[1]);
  expect(replies[0]).toMatchObject([
    { status: 'placed', amount: 10, most: 20, limits: 1 }, { status: 'placed', amount: 20 }, { status: 'hold_limit', most: 20 },
    { status: 'laxer_terms', term: 'over_capture' }, { status: 'placed', amount: 4, most: 4 },
    { status: 'limit_reached', limit: { limitId: 'key' } }, { status: 'limit_reached', limit: { limitId: 'daily', remaining: 16 } },
  ]);
});
