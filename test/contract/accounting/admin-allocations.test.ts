import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';

/** Allocations of all users, and revoking one: docs/contracts/accounting-service.md#credits. */
let gateway: Awaited<ReturnType<typeof startGateway>>;
let supervisor: string;
beforeAll(async () => {
  gateway = await startGateway();
  supervisor = await gateway.token({ sub: 'boss', role: 'supervisor' });
});
afterAll(async () => { await gateway.stop(); });

const call = (method: string, path: string, body?: object, headers: Record<string, string> = {}, token = supervisor): Promise<Answer> =>
  send(gateway.url + path, method, { token, headers, ...(body === undefined ? {} : { body }) });
type Row = { readonly id: number; readonly userId: string; readonly remainingCredits: number; readonly expiresAt: string };
const rowsOf = ({ body }: Answer): Row[] => body['allocations'] as Row[];
const allocate = async (userId: string, credits: number, more: object = {}): Promise<number> => {
  const { status, body } = await call('POST', '/api/credits/allocate', { userId, credits, ...more });
  expect(status).toBe(201);
  return Number(body['id']);
};
const totalOf = async (userId: string): Promise<unknown> => (await call('GET', `/api/credits/balance/${userId}`)).body['totalCredits'];

describe('GET /api/credits/allocations/all', () => {
  test('the documented shape, by user and expiry, without a moment of lag', async () => {
    const user = `a-${randomUUID()}`;
    await call('GET', '/api/credits/balance', undefined, {}, await gateway.token({ sub: user, username: 'ann', email: 'ann@example.com' }));
    const later = await allocate(user, 7.5, { expiryDays: 60, notes: 'later' });
    const sooner = await allocate(user, 2, { expiryDays: 10 });
    const answer = await call('GET', '/api/credits/allocations/all');
    expect([answer.status, answer.body['next']]).toEqual([200, null]);
    const own = rowsOf(answer).filter(({ userId }) => userId === user);
    expect(own.map(({ id }) => id)).toEqual([sooner, later]);
    expect(own[1]).toEqual({
      id: later, userId: user, totalCredits: 7.5, remainingCredits: 7.5, allocatedBy: 'boss', allocatedAt: expect.any(String),
      expiresAt: expect.any(String), notes: 'later', UserAccount: { username: 'ann', email: 'ann@example.com' },
    });
  });

  test('only what is live: not used up, not expired', async () => {
    const user = `b-${randomUUID()}`;
    const used = await allocate(user, 5, { expiryDays: 1 });
    const half = await allocate(user, 5, { expiryDays: 2 });
    await call('DELETE', '/api/credits/remove', { userId: user, credits: 7 });
    expect(rowsOf(await call('GET', '/api/credits/allocations/all')).filter(({ userId }) => userId === user)
      .map(({ id, remainingCredits }) => [id, remainingCredits])).toEqual([[half, 3]]);
    expect(used).toBeLessThan(half);
  });

  test('pages follow one another without a gap or a repeat', async () => {
    const user = `c-${randomUUID()}`;
    const ids: number[] = [];
    for (let lot = 0; lot < 7; lot += 1) ids.push(await allocate(user, 1, { expiryDays: 30 + (lot % 3) }));
    const all = rowsOf(await call('GET', '/api/credits/allocations/all'));
    const paged: Row[] = [];
    let path = '/api/credits/allocations/all?limit=3';
    for (let page = 0; page < 50; page += 1) {
      const answer = await call('GET', path);
      paged.push(...rowsOf(answer));
      const next = answer.body['next'] as string | null;
      if (next === null) break;
      expect(rowsOf(answer)).toHaveLength(3);
      path = `/api/credits/allocations/all?limit=3&cursor=${next}`;
    }
    expect(paged).toEqual(all);
    expect(all.filter(({ userId }) => userId === user).map(({ id }) => id).sort((a, b) => a - b)).toEqual(ids);
    expect(all).toEqual(all.toSorted((a, b) =>
      a.userId.localeCompare(b.userId, 'en') || a.expiresAt.localeCompare(b.expiresAt) || a.id - b.id));
  });

  test.each([
    'limit=0', 'limit=101', 'limit=x', 'limit=1&limit=2', 'cursor=', 'cursor=%20', 'cursor=bm8',
    `cursor=${Buffer.from('["a",1e99,"b"]').toString('base64url')}`,
    `cursor=${Buffer.from('["\\u0000",1,"b"]').toString('base64url')}`,
  ])('%s -> 400', async (query) => {
    expect((await call('GET', `/api/credits/allocations/all?${query}`)).status).toBe(400);
  });
});

describe('DELETE /api/credits/allocations/:id', () => {
  test('takes back what is left of one, and only that; a second time there is nothing', async () => {
    const user = `d-${randomUUID()}`;
    const first = await allocate(user, 10.5, { expiryDays: 1 });
    await allocate(user, 5);
    await call('DELETE', '/api/credits/remove', { userId: user, credits: 0.5 });
    const { status, body } = await call('DELETE', `/api/credits/allocations/${first}`);
    expect([status, body]).toEqual([
      200,
      { id: first, userId: user, removedCredits: 10, previousCredits: 15, newCredits: 5, message: `Allocation ${first} removed` },
    ]);
    const again = await call('DELETE', `/api/credits/allocations/${first}`);
    expect([again.status, again.body['message']]).toEqual([404, 'Allocation not found']);
    expect(await totalOf(user)).toBe(5);
  });

  test('20 at once: one takes it', async () => {
    const user = `e-${randomUUID()}`;
    const id = await allocate(user, 10);
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('DELETE', `/api/credits/allocations/${id}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 404)]);
    expect(await totalOf(user)).toBe(0);
  });

  test('a repeat under the same key hears the first answer', async () => {
    const id = await allocate(`f-${randomUUID()}`, 10);
    const headers = { 'idempotency-key': randomUUID() };
    const first = await call('DELETE', `/api/credits/allocations/${id}`, undefined, headers);
    const again = await call('DELETE', `/api/credits/allocations/${id}`, undefined, headers);
    expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([200, first.body, 'true']);
  });

  test('what a stream holds of it stays with the stream, and ends with it', async () => {
    const user = `g-${randomUUID()}`;
    const token = await gateway.token({ sub: user });
    const id = await allocate(user, 20);
    expect((await call(
      'POST', '/api/streaming-sessions/initialize', { sessionId: user, modelId: 'gpt-4', estimatedTokens: 1_500 }, {}, token,
    )).status).toBe(201);
    expect((await call('DELETE', `/api/credits/allocations/${id}`)).body).toMatchObject({ removedCredits: 11, newCredits: 0 });
    expect((await call('POST', '/api/streaming-sessions/finalize', { sessionId: user, actualTokens: 1_000 }, {}, token)).body)
      .toMatchObject({ actualCredits: 5, debt: 0 });
    expect((await call('GET', '/api/credits/balance', undefined, {}, token)).body).toMatchObject({ totalCredits: 0, spent: 5, held: 0 });
  });

  test.each(['0', '-1', '1.5', 'abc', 'all', '999999999', '9999999999999999', '%00', '1%2F2'])('%s is none -> 404', async (id) => {
    expect((await call('DELETE', `/api/credits/allocations/${id}`)).status).toBe(404);
  });
});

test.each([
  ['DELETE', '/api/credits/remove/1'], ['DELETE', '/api/credits/revoke/1'], ['PATCH', '/api/credits/allocations/1'],
  ['DELETE', '/api/users/1'],
  ['DELETE', '/api/credits/user/1'], ['GET', '/api/statistics/usage'], ['GET', '/api/credits/allocations/1'],
  ['POST', '/api/credits/balance/x'],
])('%s %s is not there -> 404', async (method, path) => {
  expect((await call(method, path, method === 'GET' ? undefined : { remainingCredits: 0 })).status).toBe(404);
});
