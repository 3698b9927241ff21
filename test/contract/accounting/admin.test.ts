import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';

/**
 * Administration: docs/contracts/accounting-service.md#credits and docs/contracts/README.md#what-must-hold, and the
 * examples of seed 000.
 */
let gateway: Awaited<ReturnType<typeof startGateway>>;
let admin: string;
let supervisor: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await gateway.token({ sub: 'root', role: 'admin' });
  supervisor = await gateway.token({ sub: 'boss', role: 'supervisor' });
});
afterAll(async () => { await gateway.stop(); });

type User = { readonly sub: string; readonly name: string; readonly token: string };

/** A user who has sent a token, so that the account is known by id, username and e-mail. */
async function someone(credits?: number): Promise<User> {
  const sub = `u-${randomUUID()}`;
  const name = `n-${sub.slice(2, 10)}`;
  const token = await gateway.token({ sub, role: 'user', username: name, email: `${name}@Example.com` });
  expect((await send(`${gateway.url}/api/credits/total-balance`, 'GET', { token })).body).toEqual({ totalCredits: 0 });
  if (credits !== undefined) expect((await call('POST', '/api/credits/allocate', { userId: sub, credits })).status).toBe(201);
  return { sub, name, token };
}

const call = (method: string, path: string, body?: object, headers: Record<string, string> = {}, token = supervisor): Promise<Answer> =>
  send(gateway.url + path, method, { token, headers, ...(body === undefined ? {} : { body }) });
const said = ({ status, body }: Answer): unknown[] => [status, body['message']];
const balanceOf = async ({ token }: User): Promise<unknown> =>
  (await call('GET', '/api/credits/total-balance', undefined, {}, token)).body['totalCredits'];
const statuses = (answers: readonly Answer[], status: number): number => answers.filter((answer) => answer.status === status).length;
const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

describe('seed 000: 150.75, set 500, remove 100, adjust 250, adjust -50', () => {
  test('every answer, field by field', async () => {
    const { sub, name } = await someone(150.75);
    expect((await call('POST', '/api/credits/set', {
      userId: sub, credits: 500, expiryDays: 60, notes: 'Monthly credit reset to 500',
    })).body)
      .toEqual({ userId: sub, previousCredits: 150.75, newCredits: 500, message: `Credits set to 500 for user ${name}` });
    expect((await call('DELETE', '/api/credits/remove', {
      userId: sub, credits: 100, notes: 'Penalty deduction for policy violation',
    })).body)
      .toEqual({
        userId: sub, previousCredits: 500, newCredits: 400, removedCredits: 100, message: `Removed 100 credits from user ${name}`,
      });
    expect((await call('PUT', '/api/credits/adjust', { userId: sub, adjustment: 250, expiryDays: 30, notes: 'Bonus credits' })).body)
      .toEqual({
        userId: sub, previousCredits: 400, newCredits: 650, adjustment: 250, message: `Adjusted credits by 250 for user ${name}`,
      });
    const last = await call('PUT', '/api/credits/adjust', { userId: sub, adjustment: -50, notes: 'Adjustment for refund processing' });
    expect([last.status, last.body]).toEqual([
      200,
      { userId: sub, previousCredits: 650, newCredits: 600, adjustment: -50, message: `Adjusted credits by -50 for user ${name}` },
    ]);
  });

  test('docs/contracts/README.md#what-must-hold: fractions are exact', async () => {
    const alice = await someone();
    await call('POST', '/api/credits/set', { userId: alice.sub, credits: 150.75 });
    expect(await balanceOf(alice)).toBe(150.75);
    expect((await call('POST', '/api/credits/allocate', { userId: alice.sub, credits: 7.5 })).status).toBe(201);
    expect(await balanceOf(alice)).toBe(158.25);
    expect((await call('PUT', '/api/credits/adjust', { userId: alice.sub, adjustment: '-0.000001' })).body['newCredits']).toBe(158.249999);
    expect((await call('DELETE', '/api/credits/remove', { userId: alice.sub, credits: 57.749999 })).body['newCredits']).toBe(100.5);
    expect((await call('POST', '/api/usage/record', { service: 's', operation: 'o', credits: 7.5 }, {}, alice.token)).status).toBe(201);
    expect(await balanceOf(alice)).toBe(93);
  });

  test('set to nothing, and from nothing', async () => {
    const alice = await someone(12.5);
    expect((await call('POST', '/api/credits/set', { userId: alice.sub, credits: 0 })).body).toMatchObject({
      previousCredits: 12.5, newCredits: 0,
    });
    expect((await call('POST', '/api/credits/set', { targetUserId: alice.name, credits: 3 })).body).toMatchObject({
      userId: alice.sub, previousCredits: 0, newCredits: 3,
    });
  });
});

describe('who is meant, and who may', () => {
  const operations: [string, string, object][] = [
    ['POST', '/api/credits/set', { credits: 5 }], ['DELETE', '/api/credits/remove', { credits: 5 }],
    ['PUT', '/api/credits/adjust', { adjustment: 5 }],
  ];

  test.each(operations)('%s %s: id, username, e-mail in any case, and the alias targetUserId', async (method, path, body) => {
    const { sub, name } = await someone(100);
    for (const target of [
      { userId: sub }, { userId: name }, { userId: `${name}@eXample.COM` }, { targetUserId: name },
      { userId: sub, targetUserId: sub },
    ]) {
      const { status, body: { userId, message } } = await call(method, path, { ...target, ...body });
      expect([status, userId, String(message).endsWith(name)]).toEqual([200, sub, true]);
    }
    expect((await call(method, path, { userId: sub, targetUserId: 'somebody-else', ...body })).status).toBe(400);
  });

  test.each(operations)('%s %s: an unknown user -> 404, and no account is created', async (method, path, body) => {
    for (const userId of ['nobody-knows', 'nobody@example.com', 'a b/c', '__proto__']) {
      expect(said(await call(method, path, { userId, ...body }))).toEqual([404, `User '${userId}' not found`]);
      expect((await call('GET', `/api/credits/balance/${encodeURIComponent(userId)}`)).status).toBe(404);
    }
  });

  test.each(operations)('%s %s: a name of two -> 409', async (method, path, body) => {
    const username = `twin-${randomUUID().slice(0, 8)}`;
    for (const each of [1, 2]) {
      await call('GET', '/api/credits/balance', undefined, {}, await gateway.token({ sub: `${username}-${each}`, username }));
    }
    expect((await call(method, path, { userId: username, ...body })).status).toBe(409);
    expect((await call('POST', '/api/credits/allocate', { userId: username, credits: 1 })).status).toBe(409);
    expect((await call('GET', `/api/credits/balance/${username}`)).status).toBe(409);
  });

  test.each([
    ...operations, ['GET', '/api/credits/balance/root', undefined], ['GET', '/api/credits/allocations/all', undefined],
    ['DELETE', '/api/credits/allocations/1', undefined],
    ['POST', '/api/credits/allocate-by-email', { email: 'a@example.com', credits: 1 }], ['POST', '/api/admin/users', {}],
  ] as [
    string, string, object | undefined,
  ][])('docs/contracts/README.md#what-must-hold: %s %s: 401 without a token, 403 for a user', async (method, path, body) => {
    const { token } = await someone();
    expect((await send(gateway.url + path, method, body === undefined ? {} : { body })).status).toBe(401);
    expect(said(await call(method, path, body, {}, token))).toEqual([403, 'Admin access required']);
  });
});

describe('bad requests, with the words of the original', () => {
  const days = ['60', 0, -5, 0.5, 36_501];
  test.each([
    {}, { userId: 'x' }, { credits: 5 }, { userId: 'x', credits: -1 }, { userId: 'x', credits: 'many' },
    { userId: 7, credits: 1 }, ...days.map((expiryDays) => ({ userId: 'x', credits: 1, expiryDays })),
  ])('set %j', async (body) => {
    expect(said(await call('POST', '/api/credits/set', body))).toEqual([400, 'Valid userId and non-negative credits required']);
  });
  test.each([
    {}, { userId: 'x' }, { credits: 5 }, { userId: 'x', credits: 0 }, { userId: 'x', credits: -1 },
    { userId: 'x', credits: 0.0000001 },
  ])('remove %j', async (body) => {
    expect(said(await call('DELETE', '/api/credits/remove', body))).toEqual([400, 'Valid userId and positive credits amount required']);
  });
  test.each([
    {}, { userId: 'x' }, { adjustment: 5 }, { userId: 'x', adjustment: 0 }, { userId: 'x', adjustment: '-0' },
    { userId: 'x', adjustment: '--1' }, { userId: 'x', adjustment: '+1' }, { userId: 'x', adjustment: -1e12 },
    ...days.map((expiryDays) => ({ userId: 'x', adjustment: 1, expiryDays })),
  ])('adjust %j', async (body) => {
    expect(said(await call('PUT', '/api/credits/adjust', body))).toEqual([400, 'Valid userId and non-zero adjustment required']);
  });
  test('without a body', async () => {
    expect((await call('DELETE', '/api/credits/remove')).status).toBe(400);
  });
  test('docs/contracts/README.md#what-must-hold: more than is there is refused with both numbers, and nothing changes', async () => {
    const alice = await someone(100.5);
    const refused = await call('DELETE', '/api/credits/remove', { userId: alice.sub, credits: 100.75 });
    expect([...said(refused), refused.body['error']]).toEqual([
      400, 'Insufficient credits. User has 100.5, trying to remove 100.75', 'insufficient_credits',
    ]);
    expect(said(await call('PUT', '/api/credits/adjust', { userId: alice.sub, adjustment: -200 }))).toEqual([
      400, 'Adjustment would result in negative balance. Current: 100.5, Adjustment: -200',
    ]);
    expect((await call('POST', '/api/credits/set', { userId: alice.sub, credits: -1 })).status).toBe(400);
    expect(await balanceOf(alice)).toBe(100.5);
  });
});

describe('what is kept, and repeats', () => {
  test('the same key answers once, on every operation, also after the amounts have changed', async () => {
    const alice = await someone(100);
    for (const [method, path, body] of [
      ['POST', '/api/credits/set', { userId: alice.name, credits: 50 }],
      ['DELETE', '/api/credits/remove', { userId: alice.name, credits: 10 }],
      ['PUT', '/api/credits/adjust', { userId: alice.name, adjustment: 5 }],
      ['PUT', '/api/credits/adjust', { userId: alice.name, adjustment: -7 }],
    ] as const) {
      const headers = { 'idempotency-key': randomUUID() };
      const answers = await times(10, () => call(method, path, body, headers));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(answers[0]?.status).toBe(200);
      expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true').length).toBeGreaterThanOrEqual(9);
      expect((await call(method, path, { ...body, notes: 'another request' }, headers)).status).toBe(422);
    }
    expect(await balanceOf(alice)).toBe(38);
  });

  test('before and after come from one step: 20 removals at once tell 20 different stories', async () => {
    const alice = await someone(100);
    const answers = await times(20, () => call('DELETE', '/api/credits/remove', { userId: alice.sub, credits: 3 }));
    const told = answers.map(({ body }) => `${String(body['previousCredits'])} ${String(body['newCredits'])}`);
    expect(new Set(told)).toEqual(new Set(Array.from({ length: 20 }, (_, index) => `${100 - 3 * index} ${97 - 3 * index}`)));
  });

  test('the ledger knows who did it and why', async () => {
    const alice = await someone();
    await call('POST', '/api/credits/set', { userId: alice.sub, credits: 9 });
    await call('PUT', '/api/credits/adjust', { userId: alice.sub, adjustment: 2 });
    const { body } = await call('GET', '/api/credits/allocations/all?limit=100');
    const own = (body['allocations'] as Record<string, unknown>[]).filter(({ userId }) => userId === alice.sub);
    expect(own.map(({ allocatedBy, notes, remainingCredits }) => [allocatedBy, notes, remainingCredits])).toEqual([
      ['boss', 'Credits set to absolute amount: 9', 9], ['boss', 'Credit adjustment: +2', 2],
    ]);
  });

  test('history is closed, not deleted', async () => {
    const alice = await someone(10);
    await call('POST', '/api/credits/set', { userId: alice.sub, credits: 4 });
    await call('DELETE', '/api/credits/remove', { userId: alice.sub, credits: 1 });
    const kinds = async (): Promise<unknown[]> =>
      ((await call('GET', '/v1/entries', undefined, {}, alice.token)).body['data'] as { kind: string }[]).map(({ kind }) => kind);
    const deadline = Date.now() + 120_000;
    while ((await kinds()).length < 3 && Date.now() < deadline) await new Promise((resolve) => { setTimeout(resolve, 50); });
    expect(await kinds()).toEqual(['remove', 'set', 'grant']);
  });
});

describe('POST /api/credits/deduct', () => {
  const deduct = ({ token }: User, body: object, headers: Record<string, string> = {}): Promise<Answer> =>
    call('POST', '/api/credits/deduct', body, headers, token);

  test('takes, and says what is left', async () => {
    const alice = await someone(100.5);
    const { status, body } = await deduct(alice, { credits: 7.5, userId: 'somebody-else' });
    expect([status, body]).toEqual([200, { success: true, message: 'Successfully deducted 7.5 credits.', remainingBalance: 93 }]);
  });

  test('docs/contracts/README.md#what-must-hold: 40 at once of 10 from 100 -> ten succeed, the rest leave no mark', async () => {
    const alice = await someone(100);
    const answers = await times(40, () => deduct(alice, { credits: 10 }));
    expect([statuses(answers, 200), statuses(answers, 400)]).toEqual([10, 30]);
    expect(await balanceOf(alice)).toBe(0);
    const bob = await someone(5);
    const refused = await deduct(bob, { credits: 7.5 });
    expect([...said(refused), refused.body['error']]).toEqual([400, 'Insufficient credits', 'insufficient_credits']);
    expect(await balanceOf(bob)).toBe(5);
  });

  test('a key deducts once, and is separate for each caller and route', async () => {
    const alice = await someone(100);
    const bob = await someone(100);
    const headers = { 'idempotency-key': 'intent:1' };
    const answers = await times(10, () => deduct(alice, { credits: 10 }, headers));
    expect(answers.map(({ status, body }) => [status, body['remainingBalance']])).toEqual(Array.from({ length: 10 }, () => [200, 90]));
    expect((await deduct(bob, { credits: 20 }, headers)).body['remainingBalance']).toBe(80);
    expect((await call('POST', '/api/usage/record', { service: 's', operation: 'o', credits: 1 }, headers, alice.token)).status).toBe(201);
    expect((await deduct(alice, { credits: 11 }, headers)).status).toBe(422);
    expect(await balanceOf(alice)).toBe(89);
  });

  test.each([{}, { credits: 0 }, { credits: -1 }, { credits: null }, { credits: 'x' }, { amount: 5 }])('%j -> 400', async (body) => {
    expect(said(await deduct(await someone(), body))).toEqual([400, 'Valid, positive credits amount required']);
  });
});

describe('GET /api/credits/balance/:userId', () => {
  const read = (target: string): Promise<Answer> => call('GET', `/api/credits/balance/${target}`);

  test('by id, by username (C-27), by e-mail in any case and URL-encoded: the whole balance', async () => {
    const { sub, name, token } = await someone(7.5);
    const own = (await call('GET', '/api/credits/balance', undefined, {}, token)).body;
    expect(own).toMatchObject({ totalCredits: 7.5, credits: 7.5, userId: sub });
    for (const target of [sub, name, `${name}@example.com`, `${name.toUpperCase()}%40EXAMPLE.com`, `${sub}/`]) {
      const { status, body } = await read(target);
      expect([target, status, body]).toEqual([target, 200, own]);
    }
  });

  test('an unknown user', async () => {
    expect(said(await read('nobody'))).toEqual([404, 'User not found']);
    expect(said(await read('nobody%40example.com'))).toEqual([404, 'User not found with the provided email']);
    expect(said(await read('..%2f..'))).toEqual([404, 'User not found']);
  });

  test.each(['%', '%zz', 'a%e4', '%00', 'x'.repeat(321)])('%s -> 400', async (target) => {
    expect((await read(target)).status).toBe(400);
  });
});

describe('POST /api/credits/allocate-by-email', () => {
  const allocate = (body: object, headers: Record<string, string> = {}, token = admin): Promise<Answer> =>
    call('POST', '/api/credits/allocate-by-email', body, headers, token);

  test('201, in any case of the e-mail; once per key; not for supervisors', async () => {
    const alice = await someone();
    const email = `${alice.name}@EXAMPLE.com`;
    const headers = { 'idempotency-key': randomUUID() };
    const { status, body } = await allocate({ email, credits: 7.5, notes: 'thanks' }, headers);
    expect([status, body]).toEqual([
      201,
      { id: expect.any(Number), userId: alice.sub, email, totalCredits: 7.5, remainingCredits: 7.5, expiresAt: expect.any(String) },
    ]);
    expect((await allocate({ email, credits: 7.5, notes: 'thanks' }, headers)).body).toEqual(body);
    expect(await balanceOf(alice)).toBe(7.5);
    expect((await allocate({ email, credits: 1 }, {}, supervisor)).status).toBe(403);
  });

  test('an unknown e-mail -> 404, also when a user has it as a username; two -> 409', async () => {
    expect(said(await allocate({ email: 'ghost@example.com', credits: 1 }))).toEqual([
      404, "User with email 'ghost@example.com' not found. Cannot allocate credits.",
    ]);
    await call('GET', '/api/credits/balance', undefined, {}, await gateway.token({ sub: 'mallory', username: 'victim@example.com' }));
    expect((await allocate({ email: 'victim@example.com', credits: 1 })).status).toBe(404);
    for (const sub of ['twin-a', 'twin-b']) {
      await call('GET', '/api/credits/balance', undefined, {}, await gateway.token({ sub, email: 'twins@example.com' }));
    }
    expect((await allocate({ email: 'Twins@example.com', credits: 1 })).status).toBe(409);
  });

  test.each([
    {}, { email: 'a@example.com' }, { credits: 1 }, { email: '', credits: 1 }, { email: 'a@example.com', credits: 0 },
    { email: 'a@example.com', credits: 1, expiryDays: '60' },
  ])('%j -> 400', async (body) => {
    expect(said(await allocate(body))).toEqual([400, 'Valid email and positive credits required']);
  });
  test.each(['nonsense', 'a@b', 'a@ b.c', '@b.c'])('%s -> 400', async (email) => {
    expect(said(await allocate({ email, credits: 1 }))).toEqual([400, 'Invalid email format.']);
  });
});
