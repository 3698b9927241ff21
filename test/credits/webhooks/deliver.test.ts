import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { eventIdOf, insertEvents, listEvents, type EventType } from '../../../src/books/event.table.js';
import { readBalanceThreshold, setBalanceThreshold } from '../../../src/credits/webhooks/balance-threshold.js';
import { deliverDue, sweepWebhooks, type DeliverDeps } from '../../../src/credits/webhooks/deliver.js';
import type { EndpointSettings } from '../../../src/credits/webhooks/endpoint.table.js';
import { deliveries } from '../../../src/credits/webhooks/manage-deliveries.js';
import { webhooks } from '../../../src/credits/webhooks/manage-endpoints.js';
import { forgetEvents, tellExpiring } from '../../../src/credits/webhooks/tell-expiring.js';
import { micros } from '../../../src/kit/money/micros.js';
import type { Post, PostAnswer } from '../../../src/stores/outbound/post.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';

const DAY_MS = 86_400_000;

let lab: DurableLedger;
beforeAll(async () => { lab = await durableLedger(); });
afterAll(async () => { await lab.close(); });

let offsetMs = 0;
const clock = (): number => Date.now() + offsetMs;
const everything = (): boolean => true;
let answers: (post: Post) => PostAnswer | Promise<PostAnswer>;
let posts: Post[] = [];
beforeEach(() => {
  posts = [];
  answers = () => ({ status: 204, body: '' });
});

const depsOf = (): DeliverDeps => ({
  db: lab.db, clock, random: () => 0,
  post: async (post) => {
    posts.push(post);
    return answers(post);
  },
});
const endpoints = () => webhooks({ db: lab.db, clock, rules: { allowsPrivate: true } });
const sent = () => deliveries({ db: lab.db, clock, webhooks: endpoints() });
const settings = (over: Partial<EndpointSettings>): EndpointSettings => ({
  url: 'http://127.0.0.1:9/', description: null, eventTypes: [], accountId: null, accountPrefix: null, lowBalance: null, enabled: true,
  ...over,
});
const hook = async (over: Partial<EndpointSettings>) => {
  const { endpoint, secret } = await endpoints().create({ settings: settings(over), createdBy: 'test', key: null });
  return { id: endpoint.endpointId, secret: secret ?? '' };
};
/** Drains, makes deliveries and sends what is due to one endpoint. */
const turn = async (endpointId: string, deps = depsOf()) => {
  await lab.drain();
  const started: string[] = [];
  await sweepWebhooks({ db: lab.db, clock, start: (id) => {
    started.push(id);
    return Promise.resolve();
  } });
  return started.includes(endpointId) ? deliverDue(deps, endpointId) : null;
};
const listed = (endpointId: string) => sent().list(endpointId, everything, { state: undefined, before: undefined, limit: 100 });
const grant = (accountId: string, amount: number, expiresAtMs: number | null = null) => lab.ledger.grantLot({
  accountId, lotId: randomUUID().slice(0, 8), amount: micros(amount), expiresAtMs, key: randomUUID(), kind: 'grant', about: '{}',
});
const charge = (accountId: string, amount: number) => lab.ledger.charge({
  accountId, amount: micros(amount), key: null, fingerprint: 'f', price: '', about: '{}',
});
const place = (accountId: string, amount: number) => lab.ledger.placeHold({
  accountId, holdId: 'h', kind: 'test', minimum: micros(amount), desired: micros(amount), leaseMs: 60_000, expiryPolicy: 'release',
  price: 'p', fingerprint: '', about: '{}',
});
const told = async (accountId: string) => {
  await lab.drain();
  return (await listEvents(lab.db, { after: 0, limit: 100, accountId })).map(({ type, data }): [EventType, object] => [type, data]);
};

describe('events of entries', () => {
  test('a balance that falls below a threshold is told once per fall, and a hold is no fall', async () => {
    const accountId = `low-${randomUUID()}`;
    const by = { check: () => undefined, actor: 'test' };
    await setBalanceThreshold(lab.db, accountId, micros(5), by);
    await grant(accountId, 10);
    await place(accountId, 7);
    await lab.ledger.voidHold({ accountId, holdId: 'h', about: '{}' });
    expect(await told(accountId)).toEqual([]);
    await charge(accountId, 5);
    await charge(accountId, 1);
    await charge(accountId, 1);
    const low = ['balance.low', { threshold: '0.000005', available: '0.000004', held: '0', entry: 5 }];
    expect(await told(accountId)).toEqual([low]);
    await grant(accountId, 10);
    await charge(accountId, 10);
    expect(await told(accountId)).toMatchObject([low, ['balance.low', { available: '0.000003' }]]);
    expect(await readBalanceThreshold(lab.db, accountId)).toEqual({ amount: 5, version: 1 });
  });

  test('a freeze, an expired hold and a debt are told with what they changed', async () => {
    const accountId = `ev-${randomUUID()}`;
    await grant(accountId, 10);
    await place(accountId, 3);
    await lab.ledger.settleHold({
      accountId, holdId: 'h', cost: micros(14), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: '', about: '{}',
    });
    await lab.ledger.freeze({ accountId, about: JSON.stringify({ source: 'x', actor: 'ops', reason: 'fraud', type: 'change' }) });
    expect(await told(accountId)).toEqual([
      ['debt.incurred', { amount: '0.000004', debt: '0.000004', hold: 'h', entry: 3 }], ['account.frozen', { reason: 'fraud', entry: 4 }],
    ]);
    const other = `ev-${randomUUID()}`;
    await grant(other, 10);
    await place(other, 3);
    lab.advance(61_000);
    await lab.ledger.expireHold(other, 'h');
    expect(await told(other)).toEqual([['hold.expired', { hold: 'h', captured: '0', available: '0.00001', entry: 3 }]]);
  });

  test('a lot is told once before it ends: a week before, or at half of a shorter life', async () => {
    const accountId = `lot-${randomUUID()}`;
    const expiresAtMs = Math.floor(clock()) + 10 * DAY_MS;
    await grant(accountId, 10, expiresAtMs);
    const tell = async (days: number): Promise<unknown> => {
      await lab.drain();
      return tellExpiring({ db: lab.db, clock: () => Date.now() + days * DAY_MS, aheadMs: 7 * DAY_MS });
    };
    expect([await tell(0), await tell(4.9), await tell(5.1), await tell(6)]).toEqual([{ told: 0 }, { told: 0 }, { told: 1 }, { told: 0 }]);
    const expiresAt = new Date(expiresAtMs).toISOString();
    expect(await told(accountId)).toMatchObject([['lot.expiring', { available: '0.00001', expiresAt }]]);
  });

  test('positions are visible in their order, so a reader that continues misses none', async () => {
    const accountId = `order-${randomUUID()}`;
    const event = (name: string) => ({
      eventId: eventIdOf('account.frozen', accountId, name), accountId, type: 'account.frozen' as const, atMs: 1, threshold: null,
      ofAccount: false, data: { name },
    });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => { release = resolve; });
    let began = (): void => undefined;
    const isIn = new Promise<void>((resolve) => { began = resolve; });
    const first = lab.db.transaction(async (trx) => {
      await insertEvents(trx, [event('first')]);
      began();
      await held;
    });
    await isIn;
    const ended: string[] = [];
    const second = lab.db.transaction((trx) => insertEvents(trx, [event('second')])).then(() => { ended.push('second'); });
    while (ended.length === 0) {
      const { rows } = await lab.db.raw<{ rows: object[] }>(
        `select from pg_locks where locktype = 'advisory' and not granted
           and database = (select oid from pg_database where datname = current_database())`,
      );
      if (rows.length > 0) break;
    }
    const seen = (await listEvents(lab.db, { after: 0, limit: 100, accountId })).length;
    release();
    await Promise.all([first, second]);
    await lab.db.transaction((trx) => insertEvents(trx, [event('first')]));
    expect(seen).toBe(0);
    expect((await told(accountId)).map(([, data]) => data)).toEqual([{ name: 'first' }, { name: 'second' }]);
  });
});

describe('deliveries', () => {
  test('go to the endpoints that want them, signed with both live secrets, under the id of the event', async () => {
    const accountId = `d-${randomUUID()}`;
    const { id, secret } = await hook({ accountId, eventTypes: ['account.frozen'] });
    const other = await hook({ accountId, eventTypes: ['debt.incurred'] });
    const rotated = await endpoints().rotate({ endpointId: id, keepMs: DAY_MS, check: () => undefined, key: null }, everything);
    await lab.ledger.freeze({ accountId, about: '{}' });
    expect(await turn(other.id)).toBeNull();
    expect(await turn(id)).toEqual({ delivered: 1, failed: 0 });
    const [{ headers, body }] = posts as [Post];
    for (const each of [secret, rotated.secret ?? '']) {
      const verified = new Webhook(each).verify(body, { ...headers });
      expect(verified).toMatchObject({ type: 'account.frozen', account: accountId, id: headers['webhook-id'] });
    }
    expect(() => new Webhook(other.secret).verify(body, { ...headers })).toThrow('No matching signature');
    expect(await turn(id)).toBeNull();
    expect(await listed(id)).toMatchObject([{ state: 'delivered', attempts: 1, answers: [{ status: 204, problem: null }] }]);
    offsetMs += 2 * DAY_MS;
    await sent().resend(id, everything, (await listed(id))[0]?.deliveryId ?? 0);
    await turn(id);
    const same = [headers['webhook-id'], body];
    expect(posts.map((post) => [post.headers['webhook-id'], post.body])).toEqual([same, same]);
    expect(posts[1]?.headers['webhook-signature']?.split(' ')).toHaveLength(1);
  });

  test('a process that ends in the middle of an attempt: the same is sent again, once', async () => {
    const accountId = `d-${randomUUID()}`;
    const { id } = await hook({ accountId });
    await lab.ledger.freeze({ accountId, about: '{}' });
    // Between the events and their deliveries: nothing is made until the next sweep, which makes it once.
    await lab.drain();
    expect(await listed(id)).toEqual([]);
    answers = () => { throw new Error('killed'); };
    await expect(turn(id)).rejects.toThrow('killed');
    answers = () => ({ status: 200, body: '' });
    expect(await turn(id)).toBeNull();
    offsetMs += 61_000;
    expect(await turn(id)).toEqual({ delivered: 1, failed: 0 });
    offsetMs += 61_000;
    expect(await turn(id)).toBeNull();
    expect(new Set(posts.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(posts).toHaveLength(2);
  });

  test('failures are tried again for three days, then given up; five days of them disable the endpoint', async () => {
    const accountId = `d-${randomUUID()}`;
    const { id } = await hook({ accountId });
    await lab.ledger.freeze({ accountId, about: '{}' });
    answers = () => ({ status: null, problem: 'the connection was refused' });
    const began = clock();
    for (;;) {
      await turn(id);
      const [row] = await listed(id);
      if (row?.state !== 'pending') break;
      offsetMs += row.nextAtMs - clock();
    }
    expect(Math.round((clock() - began) / DAY_MS)).toBe(3);
    const [row] = await listed(id);
    expect(row?.state).toBe('failed');
    expect(new Set(row?.answers.map(({ problem }) => problem))).toEqual(new Set(['the connection was refused']));
    expect(row?.answers).toHaveLength(row?.attempts ?? 0);
    expect(await endpoints().read(id, everything)).toMatchObject({ state: 'enabled', failingSinceMs: expect.any(Number), version: 1 });
    offsetMs += 2.1 * DAY_MS;
    await lab.ledger.thaw({ accountId, about: '{}' });
    await lab.ledger.freeze({ accountId, about: '{}' });
    await turn(id);
    expect(await endpoints().read(id, everything)).toMatchObject({ state: 'disabled', disabledReason: 'failures', version: 2 });
    await expect(sent().resend(id, everything, row?.deliveryId ?? 0)).rejects.toMatchObject({ code: 'conflict' });
    offsetMs += 4 * DAY_MS;
    await turn(id);
    expect((await listed(id)).map(({ state }) => state)).toEqual(['failed', 'failed']);
    // What happens while it is disabled is not sent later.
    await lab.ledger.thaw({ accountId, about: '{}' });
    await lab.ledger.freeze({ accountId, about: '{}' });
    await lab.drain();
    await endpoints().update(id, settings({ accountId }), () => undefined, everything);
    expect(await turn(id)).toBeNull();
    expect(await endpoints().read(id, everything)).toMatchObject({ state: 'enabled', failingSinceMs: null, version: 3 });
  });

  test('410 disables at once; a success ends a row of failures', async () => {
    const accountId = `d-${randomUUID()}`;
    const { id } = await hook({ accountId });
    await lab.ledger.freeze({ accountId, about: '{}' });
    answers = () => ({ status: 500, body: 'no' });
    expect(await turn(id)).toEqual({ delivered: 0, failed: 1 });
    offsetMs += 6_000;
    answers = () => ({ status: 200, body: '' });
    expect(await turn(id)).toEqual({ delivered: 1, failed: 0 });
    expect(await endpoints().read(id, everything)).toMatchObject({ failingSinceMs: null });
    await lab.ledger.thaw({ accountId, about: '{}' });
    await lab.ledger.freeze({ accountId, about: '{}' });
    answers = () => ({ status: 410, body: '' });
    await turn(id);
    expect(await endpoints().read(id, everything)).toMatchObject({ state: 'disabled', disabledReason: 'gone' });
    expect((await listed(id))[0]).toMatchObject({ state: 'failed', answers: [{ status: 410 }] });
  });

  test('runs at once send each delivery once, and old events are forgotten with their deliveries', async () => {
    const accountId = `d-${randomUUID()}`;
    const { id } = await hook({ accountId });
    for (let count = 0; count < 10; count += 1) {
      await lab.ledger.freeze({ accountId, about: '{}' });
      await lab.ledger.thaw({ accountId, about: '{}' });
    }
    await lab.drain();
    await Promise.all([1, 2].map(() => sweepWebhooks({ db: lab.db, clock, start: () => Promise.resolve() })));
    await sweepWebhooks({ db: lab.db, clock, start: () => Promise.resolve() });
    await Promise.all([1, 2, 3].map(() => deliverDue(depsOf(), id)));
    expect(posts).toHaveLength(10);
    expect(new Set(posts.map(({ headers }) => headers['webhook-id'])).size).toBe(10);
    await forgetEvents(lab.db, Date.now() + 31 * DAY_MS);
    expect(await listed(id)).toEqual([]);
  });
});
