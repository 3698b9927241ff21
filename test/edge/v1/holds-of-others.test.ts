import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { nativeLab, problemOf, type Call, type NativeLab } from './lab.js';

/** Holds that another API placed, through `/v1`: their price knows no classes of tokens. */
let lab: NativeLab;
beforeAll(async () => { lab = await nativeLab(); });
afterAll(() => lab.stop());

const placed = async (): Promise<Call> => {
  const user = await lab.user(await lab.funded('100'));
  const session = { sessionId: 'legacy', modelId: 'gpt-4', estimatedTokens: 1_000 };
  expect((await user('POST', '/api/streaming-sessions/initialize', session)).status).toBe(201);
  return user;
};

test('is read with its price, and is in the list', async () => {
  const user = await placed();
  const price = { book: 'tokens', model: 'gpt-4', version: expect.any(Number) };
  expect((await user('GET', '/v1/holds/legacy')).body).toMatchObject({ id: 'legacy', state: 'open', price, stopAtTokens: null });
  expect((await user('GET', '/v1/holds')).body['data']).toMatchObject([{ id: 'legacy' }]);
});

test('is changed and ended by amounts', async () => {
  const user = await placed();
  expect((await user('POST', '/v1/holds/legacy/extend', { amount: '1' })).body).toMatchObject({ state: 'open', price: { book: 'tokens' } });
  expect((await user('POST', '/v1/holds/legacy/progress', { amount: '0.5' })).status).toBe(200);
  expect((await user('POST', '/v1/holds/legacy/settle', { amount: '0.75' })).body).toMatchObject({ state: 'settled', captured: '0.75' });
});

test('has no price for classes of tokens, which says what to do', async () => {
  const user = await placed();
  for (const [path, body, field] of [
    ['extend', { maxOutputTokens: 500 }, 'body.maxOutputTokens'], ['progress', { usage: { outputTokens: 5 } }, 'body.usage'],
    ['settle', { usage: { outputTokens: 5 } }, 'body.usage'],
  ] as const) {
    const answer = await user('POST', `/v1/holds/legacy/${path}`, body);
    expect([path, ...problemOf(answer)]).toEqual([path, 422, 'price_missing', [field]]);
    expect(answer.body['detail']).toContain('priced by the book "tokens" of another API: send `amount`');
  }
  expect((await user('POST', '/v1/holds/legacy/settle', { usages: [{ model: 'gpt-4o', usage: { outputTokens: 100 } }] })).status).toBe(200);
});
