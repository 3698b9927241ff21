import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nativeLab, problemOf, type Call, type NativeLab } from './lab.js';

/** Charges, quotes, grants, accounts and receipts of /v1, over HTTP (docs/contracts/native.md). */
let lab: NativeLab;
let service: Call;
beforeAll(async () => {
  lab = await nativeLab();
  service = await lab.service(['charges', 'grants', 'read']);
});
afterAll(async () => { await lab.stop(); });

const usage = { inputTokens: 1_234, cachedInputTokens: 200, outputTokens: 567 };
// 1 034 × 2.5 + 200 × 1.25 + 567 × 10 per million
const COST = '0.008505';

describe('quotes and charges', () => {
  test('a quote tells every part, and is what the same usage is then charged', async () => {
    const account = await lab.funded('1');
    const several = { usages: [{ model: 'gpt-4o', usage }, { model: 'GPT-4o', usage: { outputTokens: 1 } }] };
    const quote = await service('POST', '/v1/quotes', several);
    expect(quote.body).toMatchObject({
      amount: '0.008515',
      usages: [{
        model: 'gpt-4o', amount: COST, price: { book: 'native', model: 'gpt-4o', rule: 'exact', isDefault: false },
        components: [
          { tokenClass: 'input', tokens: 1_034, rate: '2.5', per: 1_000_000, amount: '0.002585' },
          { tokenClass: 'output', tokens: 567, rate: '10', amount: '0.00567' },
          { tokenClass: 'cachedRead', tokens: 200, rate: '1.25', amount: '0.00025' },
        ],
        margin: { percent: '0', amount: '0' }, rounding: { amount: '0' },
      }, { model: 'GPT-4o', amount: '0.00001', price: { rule: 'case' } }],
    });
    expect((await service('GET', `/v1/accounts/${account}`)).body).toMatchObject({ seq: 1 });
    const charged = await service('POST', '/v1/charges', { account, ...several });
    expect(charged.body).toMatchObject({ amount: quote.body['amount'], usages: quote.body['usages'], available: '0.991485' });
  });

  test('a model or a class without a price is refused, never free', async () => {
    const account = await lab.funded('1');
    expect(problemOf(await service('POST', '/v1/charges', { account, model: 'gpt-4o', usage: { requests: 1 } })))
      .toEqual([422, 'price_missing', ['body.usage.requests']]);
    expect(problemOf(await service('POST', '/v1/quotes', { usages: [{ model: 'gpt-4o', usage, serviceTier: 'priority' }] })))
      .toEqual([422, 'price_missing', ['body.usages.0.serviceTier']]);
  });

  test('usage that the balance does not cover is 402 and recorded as uncollected; an amount changes nothing', async () => {
    const account = await lab.funded('0.001');
    expect((await service('POST', '/v1/charges', { account, amount: '1' })).status).toBe(402);
    expect((await service('GET', `/v1/accounts/${account}`)).body).toMatchObject({ seq: 1 });
    expect((await service('POST', '/v1/charges', { account, model: 'gpt-4o', usage })).status).toBe(402);
    expect((await service('GET', `/v1/accounts/${account}`)).body).toMatchObject({ available: '0.001', totals: { uncollected: COST } });
  });
});

describe('grants', () => {
  test('open a lot with an expiry, and what is left of it can be revoked', async () => {
    const account = 'granted-1';
    const granted = await service('POST', '/v1/grants', {
      account, amount: '10.5', expiresAt: '2099-12-31T23:59:59+01:00', source: 'purchase', reason: 'order 17', metadata: { order: 17 },
    });
    expect([granted.status, granted.body]).toEqual([201, {
      id: expect.any(String), account, amount: '10.5', expiresAt: '2099-12-31T22:59:59.000Z', remaining: '10.5', debtPaid: '0',
      available: '10.5',
    }]);
    await service('POST', '/v1/charges', { account, amount: '3' });
    const id = String(granted.body['id']);
    expect((await service('GET', `/v1/accounts/${account}/lots`)).body['data']).toEqual([{
      id, kind: 'grant', source: 'purchase', reason: 'order 17', amount: '10.5', remaining: '7.5', held: '0',
      priority: 50, restrictTo: null,
      grantedAt: expect.any(String), expiresAt: '2099-12-31T22:59:59.000Z', closedAt: null, entry: 1,
    }]);
    const headers = { 'Idempotency-Key': 'revoke-1' };
    const revoked = await service('DELETE', `/v1/grants/${id}?reason=fraud`, undefined, headers);
    expect(revoked.body).toEqual({ id, account, revoked: '7.5', available: '0' });
    const again = await service('DELETE', `/v1/grants/${id}?reason=fraud`, undefined, headers);
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([revoked.body, 'true']);
    expect(problemOf(await service('DELETE', `/v1/grants/${id}`))).toEqual([404, 'not_found', []]);
    expect((await service('GET', `/v1/accounts/${account}/lots`)).body['data']).toEqual([]);
    expect((await service('GET', `/v1/accounts/${account}/lots?state=all`)).body['data']).toMatchObject([{ id, remaining: '0' }]);
  });

  test.each<[object, string]>([
    [{ expiresAt: '2001-01-01T00:00:00Z' }, 'body.expiresAt'], [{ expiresAt: '9000-01-01T00:00:00Z' }, 'body.expiresAt'],
    [{ expiresAt: 'tomorrow' }, 'body.expiresAt'], [{ amount: 0 }, 'body.amount'], [{ source: 'Order 17' }, 'body.source'],
    [{ expiryDays: 3 }, 'body.expiryDays'], [{ account: 'a\0' }, 'body.account'],
  ])('%j is refused', async (body, path) => {
    const answer = await service('POST', '/v1/grants', { account: 'never', amount: '1', ...body });
    expect(problemOf(answer)).toEqual([400, 'invalid_request', [path]]);
    expect((await service('GET', '/v1/accounts/never')).status).toBe(404);
  });

  test.each(['0', 'x', '99999999999', '1e3', '%00'])('there is no grant %s', async (id) => {
    expect((await service('DELETE', `/v1/grants/${id}`)).status).toBe(404);
  });
});

describe('receipts', () => {
  test('tell the usage by class at its price, the lots, and reason and feature', async () => {
    const account = await lab.funded('1');
    const charged = await service('POST', '/v1/charges', { account, model: 'gpt-4o', usage, feature: 'chat', reason: 'answer' });
    const { body } = await service('GET', `/v1/accounts/${account}/entries/${String(charged.body['entry'])}`);
    expect(body).toMatchObject({
      seq: 2, kind: 'charge', captured: COST, available: `-${COST}`, source: 'charge', reason: 'answer', usages: charged.body['usages'],
      lots: [{ available: `-${COST}`, held: '0', opened: false }], facts: { feature: 'chat' }, timeline: [],
    });
    expect((await service('GET', `/v1/accounts/${account}/entries/99`)).status).toBe(404);
    expect((await service('GET', `/v1/accounts/${account}/entries/0`)).status).toBe(404);
  });

  test('of a hold tell its whole life', async () => {
    const account = await lab.funded('100');
    const user = await lab.user(account);
    await user('POST', '/api/streaming-sessions/initialize', { sessionId: 's-1', modelId: 'gpt-4', estimatedTokens: 1_000 });
    await user('POST', '/api/streaming-sessions/finalize', { sessionId: 's-1', actualTokens: 500, success: true });
    const { body } = await user('GET', `/v1/accounts/${account}/entries/3`);
    expect(body).toMatchObject({ kind: 'settle', hold: 's-1', timeline: [{ kind: 'place', seq: 2 }, { kind: 'settle', seq: 3 }] });
  });
});
