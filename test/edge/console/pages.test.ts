import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { HoldRow } from '../../../src/books/hold.table.js';
import type { Comparison } from '../../../src/journal/reconcile/comparison.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { micros, ZERO } from '../../../src/kit/money/micros.js';
import { writeFacts } from '../../../src/ledger/facts.js';
import { fakeConsole, type FakeConsole } from '../../support/fake-console.js';
import { fakeGateway, type FakeGateway } from '../../support/fake-gateway.js';
import { hiddenOf, operator, type Operator } from './lab.js';

/** Console pages over fake parts: problems, parts that do not answer, and hostile text. */
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
  gateway.clock.nowMs += 3_000; // the reads that pages share are older than two seconds
});

const HOLD: HoldRow = {
  accountId: 'alice', holdId: 'stuck-1', placedSeq: 1, kind: 'test', state: 'open', amount: micros(9_000_000),
  parts: '000000000001:9000000', policy: 'release', price: 'p', fingerprint: 'f', about: '{}',
  placedAvailable: ZERO, placedAtMs: 1_000, placedAmount: micros(9_000_000), placedExpiresAtMs: 2_000, expiresAtMs: 2_000,
  captured: ZERO, released: ZERO, expired: ZERO, overage: ZERO,
  debt: ZERO, uncollected: ZERO, late: false, availableAfter: null,
  endFingerprint: null, endAbout: null, endedAtMs: null, endedSeq: null, closedAtMs: null, placedBy: 'user',
  limitParts: '', spentOn: '', spending: '',
  overCapture: null, debtLimit: null, inputCost: null, leaseMs: null, reported: ZERO, reportedUsage: '', reportedAtMs: null,
  spent: '',
};

describe('the overview', () => {
  test('lists each problem', async () => {
    const nowMs = gateway.clock.nowMs;
    Object.assign(fake.watch, {
      readiness: () => ({ serving: true, checks: {
        ledger: { ok: false, detail: 'being verified, or Redis is away' }, redis: { ok: false, detail: 'breaker open' },
        memory: { ok: false, detail: 'high: no new holds' },
      } }),
      lag: () => Promise.resolve({ entries: 1_234, seconds: 61 }), holds: () => Promise.resolve({ open: 7 }),
      stoppedShards: () => Promise.resolve([{ shard: 3, reason: 'fork at entry <7>' }]),
      losses: () => Promise.resolve([{
        shard: 5, epoch: 1, entries: 47, accounts: { dora: 47 }, fromMs: nowMs - 90_000, toMs: nowMs - 60_000, noticedAtMs: nowMs,
        reason: null, kind: 'lost' as const, unreadable: 0, accountCount: 1,
      }]),
      overdue: () => Promise.resolve([HOLD]),
      queues: () => Promise.resolve([{ name: 'ledger', waiting: 40, active: 1, delayed: 2, failed: 3, oldestSeconds: 95 }]),
      deadLetters: () => Promise.resolve(4), quarantined: () => Promise.resolve(5),
      pendingMoney: () => Promise.resolve({ count: 6, oldestSeconds: 90 }),
      findings: () => Promise.resolve([{
        findingId: 1, accountId: 'bob', check: 'balance', shard: 1, seq: 9, expected: 'available 5', actual: 'available 6',
        differenceMicros: 1_000_000, firstSeenAtMs: nowMs - 60_000, lastSeenAtMs: nowMs,
      }]),
      frozen: () => Promise.resolve([{ accountId: 'carol', reason: 'chargeback', actor: 'ops', atMs: nowMs - 3_600_000 }]),
    } satisfies Partial<FakeConsole['watch']>);
    const { status, text } = await root.get('/console');
    expect(status).toBe(200);
    for (const told of [
      'Needs attention: Redis, Redis memory, Journal, Stuck holds, Drift, Stopped shards, Lost entries, Queues, Dead letters',
      'Dead letters, Money pending</h1>',
      'Redis: down',
      '1 min behind', '1,234 entries', 'fork at entry &#60;7&#62;',
      'href="/console/accounts/alice/holds/stuck-1"', 'available 6', '1,000,000', 'at least 47', 'href="/console/accounts/dora"',
      'chargeback', '40 waiting', '1 min', 'Stuck holds: 1', 'data-live-seconds="5"', 'href="/console/runbook#journal-lag"',
    ]) expect(text).toContain(told);
  });

  test('a figure that is not good leads to its section of the runbook', async () => {
    const nowMs = gateway.clock.nowMs;
    Object.assign(fake.watch, {
      readiness: () => ({ serving: true, checks: { memory: { ok: false, detail: 'high' } } }),
      postgres: () => Promise.reject(new Error('away')),
      lag: () => Promise.resolve({ entries: 1, seconds: 61 }), stoppedShards: () => Promise.resolve([{ shard: 3, reason: 'r' }]),
      losses: () => Promise.resolve([{
        shard: 5, epoch: 1, entries: 47, accounts: {}, fromMs: null, toMs: nowMs, noticedAtMs: nowMs, reason: null, kind: 'lost' as const,
        unreadable: 0, accountCount: 0,
      }]),
      overdue: () => Promise.resolve([HOLD]), deadLetters: () => Promise.resolve(4), quarantined: () => Promise.resolve(5),
      queues: () => Promise.resolve([{ name: 'ledger', waiting: 40, active: 1, delayed: 2, failed: 3, oldestSeconds: 95 }]),
      pendingMoney: () => Promise.resolve({ count: 6, oldestSeconds: 90 }),
      frozen: () => Promise.resolve([{ accountId: 'carol', reason: null, actor: null, atMs: nowMs }]),
    } satisfies Partial<FakeConsole['watch']>);
    const { text } = await root.get('/console');
    const cards = [...text.matchAll(/<div class="card (?:bad|notice)"><h2>([^<]*)<.*?(?:href="\/console\/runbook#([^"]*)"|<\/div>)/g)];
    expect(cards.map(([, title]) => title)).toEqual([
      'Redis', 'Postgres', 'Redis memory', 'Journal', 'Stuck holds', 'Drift', 'Stopped shards', 'Lost entries', 'Frozen accounts', 'Queues',
      'Dead letters', 'Money pending', 'Quarantine',
    ]);
    const runbook = (await root.get('/console/runbook')).text;
    for (const [, title, section = 'none'] of cards) expect([title, runbook.includes(`<h3 id="${section}">`)]).toEqual([title, true]);
  });

  test('draws the last hour, with gaps where nothing is known, and what models cost by the hour', async () => {
    const nowMs = gateway.clock.nowMs;
    const point = (agoMs: number, requestsPerSecond: number | null) =>
      ({ atMs: nowMs - agoMs, requestsPerSecond, p99Seconds: 0.004, refusedPerMinute: 0, lagSeconds: 61 });
    Object.assign(fake.watch, {
      recent: () => [point(3_600_000, 10), point(1_800_000, null), point(900_000, 20), point(0, 15)],
      hours: () => Promise.resolve({ fromMs: nowMs - 86_400_000, toMs: nowMs, hours: [
        ...Array.from({ length: 7 }, (_, index) => ({
          hourMs: nowMs - 3_600_000, model: `m<${index}`, captured: BigInt(index + 1) * 1_000_000n,
        })),
        { hourMs: nowMs - 7_200_000, model: 'm<0', captured: 500_000n },
      ] }),
    } satisfies Partial<FakeConsole['watch']>);
    const { text } = await root.get('/console');
    const [, requests = ''] = /<h3>Requests<([^]*?)<\/figure>/.exec(text) ?? [];
    expect(requests).toContain('<p class="value">15/s</p>');
    expect(requests).toMatch(/<path class="line" d="M0 60h2M450 0L[56]\d\d(\.\d)? 30"\/>/);
    expect(text).toMatch(/<figure class="chart bad">\s*<figcaption><h3>Journal lag<\/h3><p class="value">61 s</);
    const [, captured = ''] = /<h3>Credits captured<([^]*?)<\/figure>/.exec(text) ?? [];
    for (const told of ['<p class="value">28.5</p>', 'm&#60;6</span> 7</li>', 'other models</span> 3.5</li>']) {
      expect(captured).toContain(told);
    }
    expect(captured).not.toContain('m&#60;0</span>');
  });

  test('is shown when parts do not answer, and names them', async () => {
    const never = (): Promise<never> => new Promise(() => undefined);
    const broken = (): Promise<never> => Promise.reject(new Error('ECONNREFUSED 10.0.0.7:5432'));
    Object.assign(fake.watch, {
      postgres: broken, lag: never, holds: never, overdue: broken, queues: never, findings: broken, frozen: never,
      deadLetters: broken, reconciled: broken, refused: never, models: broken,
    });
    const { status, text } = await root.get('/console');
    expect(status).toBe(200);
    expect(text).toContain('Journal, Open holds, Stuck holds, Drift, Frozen accounts, Queues, Dead letters could not be read');
    expect(text).toContain('Needs attention: Postgres<');
    expect(text).toContain('Postgres: down');
    // Refusals, models and queues. The other parts show it in their cards and in the banner.
    expect(text.split('Could not be read.')).toHaveLength(1 + 3);
    expect(text.split('<p class="value">did not answer</p>')).toHaveLength(1 + 7);
    expect(text).toContain('7 did not answer</span>');
    expect(text).not.toContain('10.0.0.7');
  });

  test('says when Redis and Postgres were last compared, or that this is unknown', async () => {
    const nowMs = gateway.clock.nowMs;
    const state = {
      roundIsFull: false, roundAccounts: 7, fullWanted: false, lastBatchAtMs: nowMs - 12_000, lastRoundAtMs: nowMs - 180_000,
      lastRoundAccounts: 1_234, lastFullAtMs: null,
    };
    const drift = async (known: Partial<FakeConsole['watch']>): Promise<string> => {
      Object.assign(fake.watch, known);
      gateway.clock.nowMs += 3_000;
      const { text } = await root.get('/console');
      const [, level = '', card = ''] = /<div class="card (\w*)">(<h2>Drift<.*?)<\/div>/.exec(text) ?? [];
      return `${card.replaceAll(/(<[^>]+>)+/g, '|')}${level}`;
    };
    expect(await drift({
      reconciled: () => Promise.resolve(state),
    })).toBe('|Drift|0|compared 15 s ago; last round of 1,234 accounts 3 min ago|good');
    expect(await drift({
      reconciled: () => Promise.resolve({ ...state, lastRoundAtMs: null }),
    })).toBe('|Drift|0|compared 18 s ago; first round in progress|good');
    expect(await drift({
      reconciled: () => Promise.resolve({ ...state, lastBatchAtMs: nowMs - 600_000 }),
    })).toBe('|Drift|0|compared 10 min ago; last round of 1,234 accounts 3 min ago · |Runbook|notice');
    expect(await drift({ reconciled: original.watch.reconciled })).toBe('|Drift|0|nothing compared yet · |Runbook|notice');
    expect(await drift({
      reconciled: () => Promise.reject(new Error('away')),
    })).toBe('|Drift|0|time of the last comparison unknown · |Runbook|notice');
  });

  test('lists recent refusals and the most expensive models', async () => {
    const since: number[] = [];
    Object.assign(fake.watch, {
      refused: (sinceMs) => {
        since.push(sinceMs);
        return Promise.resolve({
          reasons: [{ reason: 'insufficient_credits', count: 1_200, accounts: 3 }, { reason: 'account_frozen', count: 2, accounts: 1 }],
          accounts: [{ accountId: 'a<b', count: 1_100, reasons: 'insufficient_credits, idempotency_mismatch' }],
        });
      },
      models: () => Promise.resolve({
        fromMs: Date.UTC(2026, 10, 20, 4),
        models: [{ model: 'gpt-4', messages: 40, tokens: 0, held: 0n, captured: 1_234_000_000n }],
      }),
    } satisfies Partial<FakeConsole['watch']>);
    const { text } = await root.get('/console');
    for (const told of [
      'insufficient credits</th><td class="number">1,200</td><td class="number">3<',
      'href="/console/accounts/a%3Cb#refusals">a&#60;b<', '1,100', 'insufficient credits, key or hold id used for another request',
      'gpt-4</span></th><td class="number">1,234</td><td class="number">40</td><td class="number">30.9<', '2026-11-20 04:00:00 UTC',
    ]) expect(text).toContain(told);
    expect(since).toEqual([gateway.clock.nowMs - 15 * 60_000]);
  });

  test('is read once for concurrent requests', async () => {
    let reads = 0;
    fake.watch.postgres = () => Promise.resolve(reads += 1);
    await Promise.all([root.get('/console'), root.get('/console'), root.get('/console/accounts/alice')]);
    expect(reads).toBe(1);
  });
});

describe('an account', () => {
  test('is shown without the parts that cannot be read', async () => {
    fake.reads.snapshot = () => Promise.reject(new GatewayError('ledger_unavailable', 'away'));
    fake.reads.history = () => Promise.reject(new Error('away'));
    const { status, text } = await root.get('/console/accounts/alice');
    expect([status, text.includes('The balance could not be read')]).toEqual([200, true]);
  });

  test('is frozen and thawed with a reason', async () => {
    const path = '/console/accounts/alice';
    expect((await root.get(path)).text).toContain(`href="${path}/freeze"`);
    for (const [name, does, now] of [
      ['freeze', 'The account is frozen.', `href="${path}/thaw"`],
      ['thaw', 'The account is thawed.', `href="${path}/freeze"`],
    ] as const) {
      const hidden = hiddenOf((await root.post(`${path}/${name}`, { reason: `${name} <it>` })).text);
      expect((await root.post(`${path}/${name}`, hidden)).text).toContain(does);
      expect((await root.get(path)).text).toContain(now);
      expect((await root.post(`${path}/${name}`, { reason: 'again' })).status).toBe(409);
      if (name === 'freeze') expect((await root.get(path)).text).toContain('freeze &#60;it&#62;');
    }
    expect(fake.froze).toEqual([
      { what: 'freeze', accountId: 'alice', actor: 'root', reason: 'freeze <it>' },
      { what: 'thaw', accountId: 'alice', actor: 'root', reason: 'thaw <it>' },
    ]);
  });

  test('that was refused because it is frozen shows who froze it, as far as it is still known', async () => {
    const frozenAtMs = Date.UTC(2026, 10, 20, 3);
    const refusal = (lastAtMs: number) => ({
      accountId: 'alice', minuteMs: lastAtMs, reason: 'account_frozen', method: 'POST', route: '/api/x', status: 423, count: 1,
      firstAtMs: lastAtMs, lastAtMs, message: 'the account is frozen', requestId: 'r',
    });
    fake.reads.freezeOf = () => Promise.resolve({ actor: 'ops', reason: 'chargeback <17>', atMs: frozenAtMs });
    fake.reads.refusals = () => Promise.resolve([refusal(frozenAtMs + 60_000), refusal(frozenAtMs - 60_000)]);
    const { text } = await root.get('/console/accounts/alice');
    const [during, before] = [...text.matchAll(/423: the account is frozen <small>(.*?)<\/small>/g)].map(([, hint]) => hint);
    expect([during, before]).toEqual([
      'by ops: chargeback &#60;17&#62;', 'who froze it and why: see the <a href="#entries">ledger</a>',
    ]);
  });

  test('shows the refusals around a minute', async () => {
    const atMs = Date.UTC(2026, 10, 20, 3, 12);
    fake.reads.refusals = (query) => {
      fake.asked.push(query);
      return Promise.resolve([{
        accountId: 'alice', minuteMs: atMs, reason: 'insufficient_credits', method: 'POST', route: '/api/x', status: 402,
        count: 12, firstAtMs: atMs, lastAtMs: atMs + 5, message: '9 needed, 1 available', requestId: 'r-1',
      }]);
    };
    const { text } = await root.get('/console/accounts/alice?at=2026-11-20T03:12');
    for (const told of [
      '2026-11-20 03:12:00 UTC', 'insufficient credits', '402: 9 needed, 1 available', 'r-1', 'value="2026-11-20T03:12"',
    ]) expect(text).toContain(told);
    expect(fake.asked.at(-1)).toEqual({ accountId: 'alice', fromMs: atMs - 300_000, toMs: atMs + 300_000, limit: 50 });
    for (const at of ['', 'yesterday', '2026-99-99T99:99', '"><b>']) {
      const page = await root.get(`/console/accounts/alice?at=${encodeURIComponent(at)}`);
      expect([page.status, fake.asked.at(-1)?.fromMs, page.text.includes('"><b>')]).toEqual([200, undefined, false]);
    }
  });
});

describe('comparing an account', () => {
  const compare = async (comparison: Partial<Comparison>): Promise<string> => {
    fake.actions.compare = (accountId) =>
      Promise.resolve({ accountId, shard: 3, seq: 1, result: 'ok', reason: null, differences: [], ...comparison });
    const { status, text } = await root.post('/console/accounts/alice/compare', {});
    expect(status).toBe(200);
    return text;
  };

  test('shows the values of both at the same entry, or how they differ', async () => {
    const agreed = await compare({});
    for (const told of ['at entry 1', 'They agree', 'No differences.', 'Values in both', '<dd>10</dd>']) expect(agreed).toContain(told);
    // The account changed after the comparison: its current values are not the compared ones.
    expect(await compare({ seq: 9 })).not.toContain('Values in both');
    const differs = await compare({
      result: 'drift', differences: [{ check: 'balance', expected: 'available <5', actual: 'available 6', micros: 1_000 }],
    });
    for (const told of ['They differ', 'available &#60;5', 'available 6', '1,000']) expect(differs).toContain(told);
    expect(differs).not.toContain('Values in both');
    expect(await compare({ result: 'busy', seq: 5, reason: 'it is written to all the time' }))
      .toContain('lots, holds and entries were not compared.');
    expect(await compare({
      result: 'failed', seq: null, reason: 'Postgres has not caught up',
    })).toContain('Could not be compared: Postgres has not caught up.');
    expect(await compare({ seq: null })).toContain('there is nothing to compare them with');
  });

  test('while Postgres is down shows a page that says so', async () => {
    fake.actions.compare = () =>
      Promise.reject(new GatewayError('ledger_unavailable', 'the ledger database did not answer', { outcome: 'not_executed' }));
    const { status, text } = await root.post('/console/accounts/alice/compare', {});
    expect([status, text.includes('the ledger database did not answer')]).toEqual([503, true]);
  });

  test('the page of an account shows its findings', async () => {
    fake.watch.findings = () => Promise.resolve(['alice', 'bob'].map((accountId, index) => (
      {
        findingId: index, accountId, check: 'balance' as const, shard: 1, seq: 9, expected: `${accountId} 5`,
        actual: `${accountId} 6`, differenceMicros: 1, firstSeenAtMs: 1, lastSeenAtMs: 2,
      })));
    const { text } = await root.get('/console/accounts/alice');
    expect([
      text.includes('Redis and Postgres differ.'), text.includes('expected alice 5; found alice 6'), text.includes('bob 5'),
    ]).toEqual([true, true, false]);
  });
});

describe('an action with an unknown outcome', () => {
  test('is repeated under the same key', async () => {
    const keys: (string | undefined)[] = [];
    fake.actions.grant = ({ key }) => {
      keys.push(key?.key);
      if (keys.length === 1) {
        return Promise.reject(new GatewayError('ledger_unavailable', 'the ledger database did not answer', { outcome: 'unknown' }));
      }
      return Promise.resolve({ status: 'pending', id: 1, expiresAtMs: null });
    };
    const path = '/console/accounts/alice/grant';
    const confirmation = await root.post(path, { credits: '5', days: '30', reason: 'r' });
    const failed = await root.post(path, hiddenOf(confirmation.text));
    expect([failed.status, failed.text.includes('The action may have been applied. Try again on this page')]).toEqual([503, true]);
    const again = await root.post(path, hiddenOf(failed.text));
    expect([again.status, again.text.includes('Redis does not accept it yet')]).toEqual([200, true]);
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
  });

  test('an unexpected error is a page without internal details', async () => {
    fake.actions.grant = () => Promise.reject(new Error('secret detail'));
    const path = '/console/accounts/alice/grant';
    const { status, text } = await root.post(path, hiddenOf((await root.post(path, { credits: '5', days: '30', reason: 'r' })).text));
    expect([status, text.includes('secret detail'), text.includes('Internal server error')]).toEqual([500, false, true]);
  });
});

test('the page of a hold that is overdue in Postgres says so while Redis is down', async () => {
  fake.reads.snapshot = () => Promise.reject(new GatewayError('ledger_unavailable', 'away'));
  fake.reads.hold = () => Promise.resolve({ row: HOLD, entries: [] });
  const { status, text } = await root.get('/console/accounts/alice/holds/stuck-1');
  expect([status, text.includes('>overdue<'), text.includes('the hold is still open')]).toEqual([200, true, true]);
});

test('the page of an open hold tells what happens when its lease ends, whatever its policy', async () => {
  for (const [policy, told] of [
    ['release', 'Then all of it is released.'], ['charge_estimate', 'Then all of it is charged.'],
    ['charge_reported', 'Then the usage that was reported is charged'], ['charge_input', 'Then its input is charged'],
  ] as const) {
    fake.reads.hold = () => Promise.resolve({ row: { ...HOLD, policy }, entries: [] });
    expect([policy, (await root.get('/console/accounts/alice/holds/stuck-1')).text.includes(told)]).toEqual([policy, true]);
  }
});

test('the page of a hold tells a default price, and a price that was found by part of the name', async () => {
  const pageOf = async (rule: string): Promise<string> => {
    fake.reads.hold = () => Promise.resolve({ row: { ...HOLD, about: writeFacts({
      type: 'stream', modelId: 'm', estimatedTokens: 5, estimate: micros(1), pricedBy: { model: 'gpt-4', rule },
    }) }, entries: [] });
    return (await root.get('/console/accounts/alice/holds/stuck-1')).text;
  };
  expect(await pageOf('default')).toContain('default price</span> the model is in no price book');
  expect(await pageOf('date')).toContain('of gpt-4, found by the rule date');
});
