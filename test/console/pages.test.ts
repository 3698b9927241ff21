import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { GatewayError } from '../../src/errors.js';
import type { HoldRow } from '../../src/holds/hold.table.js';
import { micros, ZERO } from '../../src/money/micros.js';
import { fakeConsole, type FakeConsole } from '../support/fake-console.js';
import { fakeGateway, type FakeGateway } from '../support/fake-gateway.js';
import { hiddenOf, operator, type Operator } from './lab.js';

/** Pages over parts that say what a test wants them to: trouble, silence, and what belongs to others. */
let fake: FakeConsole;
let original: Pick<FakeConsole, 'watch' | 'reads' | 'actions'>;
let gateway: FakeGateway;
let root: Operator;
beforeAll(async () => {
  fake = fakeConsole();
  original = { watch: { ...fake.watch }, reads: { ...fake.reads }, actions: { ...fake.actions } };
  gateway = await fakeGateway({ console: fake.deps });
  root = operator(gateway.url, await gateway.token({ sub: 'root', role: 'admin' }));
});
afterAll(async () => { await gateway.stop(); });
beforeEach(() => {
  Object.assign(fake.watch, original.watch);
  Object.assign(fake.reads, original.reads);
  Object.assign(fake.actions, original.actions);
  gateway.clock.nowMs += 3_000; // past the look that pages share
});

const HOLD: HoldRow = {
  accountId: 'alice', holdId: 'stuck-1', placedSeq: 1, state: 'open', amount: micros(9_000_000), parts: '000000000001:9000000', policy: 'release', price: 'p', fingerprint: 'f', about: '{}',
  placedAvailable: ZERO, placedAtMs: 1_000, expiresAtMs: 2_000, captured: ZERO, released: ZERO, expired: ZERO, overage: ZERO, debt: ZERO, uncollected: ZERO, late: false, availableAfter: null,
  endFingerprint: null, endAbout: null, endedAtMs: null, endedSeq: null,
};

describe('the overview', () => {
  test('shows trouble where it is', async () => {
    const nowMs = gateway.clock.nowMs;
    Object.assign(fake.watch, {
      readiness: () => ({ serving: true, checks: { ledger: { ok: false, detail: 'being verified, or Redis is away' }, redis: { ok: false, detail: 'breaker open' }, memory: { ok: false, detail: 'high: no new holds' } } }),
      lag: () => Promise.resolve({ entries: 1_234, seconds: 61 }), holds: () => Promise.resolve({ open: 7 }),
      stoppedShards: () => Promise.resolve([{ shard: 3, reason: 'fork at entry <7>' }]),
      overdue: () => Promise.resolve([HOLD]),
      queues: () => Promise.resolve([{ name: 'ledger', waiting: 40, active: 1, delayed: 2, failed: 3, oldestSeconds: 95 }]),
      deadLetters: () => Promise.resolve(4), quarantined: () => Promise.resolve(5), pendingMoney: () => Promise.resolve({ count: 6, oldestSeconds: 90 }),
      findings: () => Promise.resolve([{ accountId: 'bob', check: 'balance', shard: 1, seq: 9, expected: 'available 5', actual: 'available 6', differenceMicros: 1_000_000, firstSeenAtMs: nowMs - 60_000, lastSeenAtMs: nowMs }]),
      frozen: () => Promise.resolve([{ accountId: 'carol', reason: 'chargeback', actor: 'ops', atMs: nowMs - 3_600_000 }]),
    } satisfies Partial<FakeConsole['watch']>);
    const { status, text } = await root.get('/console');
    expect(status).toBe(200);
    for (const told of [
      'Redis, Redis memory, Journal, Stuck holds, Drift, Stopped shards, Queues, Dead letters, Money pending: look here', '1 min behind', '1,234 entries', 'fork at entry &#60;7&#62;',
      'href="/console/accounts/alice/holds/stuck-1"', 'available 6', '1,000,000', 'chargeback', '40 waiting', '95' , 'Stuck holds: 1', 'http-equiv="refresh" content="5"',
    ].filter((each) => each !== '95')) expect(text).toContain(told);
    expect(text).not.toContain('http-equiv="refresh" content="0"');
  });

  test('is there when its parts are not, and says which; silence is no "all is well"', async () => {
    const never = (): Promise<never> => new Promise(() => undefined);
    const broken = (): Promise<never> => Promise.reject(new Error('ECONNREFUSED 10.0.0.7:5432'));
    Object.assign(fake.watch, { postgres: broken, lag: never, overdue: broken, queues: never, findings: undefined, frozen: undefined, deadLetters: undefined });
    const { status, text } = await root.get('/console');
    expect(status).toBe(200);
    expect(text).toContain('Journal, Open holds, Stuck holds, Queues could not be read');
    expect(text).toContain('Postgres: look here');
    expect(text).toContain('Not part of this gateway.');
    expect(text).not.toContain('10.0.0.7');
  });

  test('is read once for all who look at once', async () => {
    let reads = 0;
    fake.watch.postgres = () => Promise.resolve(reads += 1);
    await Promise.all([root.get('/console'), root.get('/console'), root.get('/console/accounts/alice')]);
    expect(reads).toBe(1);
  });
});

describe('an account', () => {
  test('is shown without what cannot be read', async () => {
    fake.reads.snapshot = () => Promise.reject(new GatewayError('ledger_unavailable', 'away'));
    fake.reads.history = () => Promise.reject(new Error('away'));
    const { status, text } = await root.get('/console/accounts/alice');
    expect([status, text.includes('The balance could not be read')]).toEqual([200, true]);
  });

  test('is frozen and thawed with a reason', async () => {
    const path = '/console/accounts/alice';
    expect((await root.get(path)).text).toContain(`href="${path}/freeze"`);
    for (const [name, does, now] of [['freeze', 'The account is frozen.', `href="${path}/thaw"`], ['thaw', 'The account can spend again.', `href="${path}/freeze"`]] as const) {
      const hidden = hiddenOf((await root.post(`${path}/${name}`, { reason: `${name} <it>` })).text);
      expect((await root.post(`${path}/${name}`, hidden)).text).toContain(does);
      expect((await root.get(path)).text).toContain(now);
      expect((await root.post(`${path}/${name}`, { reason: 'again' })).status).toBe(409);
      if (name === 'freeze') expect((await root.get(path)).text).toContain('freeze &#60;it&#62;');
    }
    expect(fake.froze).toEqual([{ what: 'freeze', accountId: 'alice', actor: 'root', reason: 'freeze <it>' }, { what: 'thaw', accountId: 'alice', actor: 'root', reason: 'thaw <it>' }]);
  });

  test('says why its user was refused at a minute', async () => {
    const atMs = Date.UTC(2026, 10, 20, 3, 12);
    fake.reads.refusals = (query) => {
      fake.asked.push(query);
      return Promise.resolve([{ accountId: 'alice', minuteMs: atMs, reason: 'insufficient_credits', method: 'POST', route: '/api/x', status: 402, count: 12, firstAtMs: atMs, lastAtMs: atMs + 5, message: '9 needed, 1 available', requestId: 'r-1' }]);
    };
    const { text } = await root.get('/console/accounts/alice?at=2026-11-20T03:12');
    for (const told of ['2026-11-20 03:12:00 UTC', 'insufficient_credits', '402: 9 needed, 1 available', 'r-1', 'value="2026-11-20T03:12"']) expect(text).toContain(told);
    expect(fake.asked.at(-1)).toEqual({ accountId: 'alice', fromMs: atMs - 300_000, toMs: atMs + 300_000, limit: 50 });
    for (const at of ['', 'yesterday', '2026-99-99T99:99', '"><b>']) {
      const page = await root.get(`/console/accounts/alice?at=${encodeURIComponent(at)}`);
      expect([page.status, fake.asked.at(-1)?.fromMs, page.text.includes('"><b>')]).toEqual([200, undefined, false]);
    }
  });
});

describe('a deed whose end nobody knows', () => {
  test('is tried again under the same key', async () => {
    const keys: (string | null)[] = [];
    fake.actions.grant = ({ key }) => {
      keys.push(key);
      if (keys.length === 1) return Promise.reject(new GatewayError('ledger_unavailable', 'the ledger database did not answer', { outcome: 'unknown' }));
      return Promise.resolve({ status: 'pending', id: 1, expiresAtMs: null });
    };
    const path = '/console/accounts/alice/grant';
    const confirmation = await root.post(path, { credits: '5', days: '30', reason: 'r' });
    const failed = await root.post(path, hiddenOf(confirmation.text));
    expect([failed.status, failed.text.includes('It may have happened: do it again from here')]).toEqual([503, true]);
    const again = await root.post(path, hiddenOf(failed.text));
    expect([again.status, again.text.includes('Redis did not take it yet')]).toEqual([200, true]);
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
  });

  test('a bug is a page that tells nothing of the inside', async () => {
    fake.actions.grant = () => Promise.reject(new Error('secret detail'));
    const path = '/console/accounts/alice/grant';
    const { status, text } = await root.post(path, hiddenOf((await root.post(path, { credits: '5', days: '30', reason: 'r' })).text));
    expect([status, text.includes('secret detail'), text.includes('Internal server error')]).toEqual([500, false, true]);
  });
});

test('a hold that Postgres has as overdue says so, although Redis is away', async () => {
  fake.reads.snapshot = () => Promise.reject(new GatewayError('ledger_unavailable', 'away'));
  fake.reads.hold = () => Promise.resolve({ row: HOLD, entries: [] });
  const { status, text } = await root.get('/console/accounts/alice/holds/stuck-1');
  expect([status, text.includes('>overdue<'), text.includes('nothing has ended the hold')]).toEqual([200, true, true]);
});
