import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { closeServer } from '../../../src/edge/http/server.js';
import type { HistoryEntry } from '../../../src/edge/v1/entry-fields.js';
import { micros } from '../../../src/kit/money/micros.js';
import { fakeGateway, type FakeGateway } from '../../support/fake-gateway.js';

let gateway: FakeGateway;
beforeAll(async () => { gateway = await fakeGateway(); });
afterAll(async () => { await gateway.stop(); });
beforeEach(() => { gateway.readiness = { serving: true, checks: {} }; });

describe('probes', () => {
  test('livez says alive even while not serving', async () => {
    gateway.readiness = { serving: false, checks: {} };
    expect((await gateway.call('GET', '/livez')).status).toBe(200);
  });

  test.each([
    [true, true, 200, 'ok'], [true, false, 200, 'degraded'], [false, true, 503, 'unavailable'], [false, false, 503, 'unavailable'],
  ])('readyz: serving %s, postgres ok %s -> %d %s', async (serving, ok, status, word) => {
    const checks = { postgres: { ok, detail: ok ? 'ok' : 'down' } };
    gateway.readiness = { serving, checks };
    const answer = await gateway.call('GET', '/readyz');
    expect([answer.status, answer.body]).toEqual([status, { status: word, checks }]);
  });

  test('metrics are text for Prometheus', async () => {
    const { status, headers, text } = await gateway.call('GET', '/metrics');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(text).toContain('cg_http_request_duration_seconds_count');
  });
});

describe('GET /v1/entries', () => {
  const zero = micros(0);
  const entry = (seq: number): HistoryEntry => ({
    seq, atMs: 1_800_000_000_000 + seq, kind: 'settle', available: micros(500_000), held: micros(-2_000_000), debt: zero, granted: zero,
    captured: micros(1_500_000), expired: zero, removed: zero, uncollected: zero, availableAfter: micros(93_000_000),
    heldAfter: zero, debtAfter: zero,
    holdId: 's1', price: '', corrects: 0, reported: micros(0), reportedUsage: '', about: '',
  });

  test('pages the caller\'s ledger, newest first, in credits', async () => {
    const token = await gateway.token({ sub: 'alice' });
    gateway.history = [{ ...entry(3), kind: 'correct', corrects: 2 }, entry(2), entry(1)];
    const first = await gateway.call('GET', '/v1/entries?limit=2', { token });
    expect(first.body['nextCursor']).toEqual(expect.any(String));
    expect(first.body['data']).toHaveLength(2);
    expect((first.body['data'] as { corrects: unknown }[]).map(({ corrects }) => corrects)).toEqual([2, null]);
    expect((first.body['data'] as unknown[])[0]).toMatchObject({
      seq: 3, kind: 'correct', hold: 's1', price: null, held: '-2', captured: '1.5', availableAfter: '93',
      at: new Date(1_800_000_000_003).toISOString(),
    });
    const rest = await gateway.call('GET', `/v1/entries?limit=2&cursor=${String(first.body['nextCursor'])}`, { token });
    expect([(rest.body['data'] as { seq: number }[]).map(({ seq }) => seq), rest.body['nextCursor']]).toEqual([[1], null]);
  });

  test.each([
    'limit=0', 'limit=1001', 'limit=-1', 'limit=1.5', 'limit=x', 'limit=', 'cursor=WzBd', 'cursor=x',
    'limit=1&limit=2',
  ])('63 %s -> 400', async (query) => {
    const { status, body } = await gateway.call('GET', `/v1/entries?${query}`, { token: await gateway.token({ sub: 'alice' }) });
    expect([status, (body['errors'] as { path: string }[])[0]?.path]).toEqual([400, `query.${query.split('=')[0] ?? ''}`]);
  });

  test('needs a token', async () => {
    expect((await gateway.call('GET', '/v1/entries')).status).toBe(401);
  });
});

test('closing lets a request in flight finish and refuses new ones', async () => {
  const closing = await fakeGateway();
  let finish = (): void => undefined;
  const arrived = new Promise<void>((arrive) => {
    closing.resolve = () => new Promise((resolve) => {
      finish = () => { resolve(null); };
      arrive();
    });
  });
  const token = await closing.token({ sub: 'root', role: 'admin' });
  const pending = closing.call('POST', '/api/credits/allocate', { token, body: { userId: 'bob', credits: 1 } });
  await arrived;
  const closed = closeServer(closing.server, 5_000);
  await expect(closing.call('GET', '/livez')).rejects.toThrow();
  finish();
  expect((await pending).status).toBe(201);
  await closed;
});
