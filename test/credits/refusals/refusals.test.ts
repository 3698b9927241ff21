import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keyspace } from '../../../src/ledger/keys.js';
import { creditsLab, type Lab } from '../../contract/credits-process/lab.js';
import { send, type Answer, type CallOptions } from '../../support/fake-gateway.js';
import { redisUrl } from '../../support/servers.js';
import { rawRedis } from '../../support/redis-address.js';

/** What was refused over HTTP, as an operator finds it a moment later. */
let lab: Lab;
let supervisor: string;
beforeAll(async () => {
  lab = await creditsLab();
  supervisor = await lab.gateway.token({ sub: 'boss', role: 'supervisor' });
});
afterAll(async () => { await lab.stop(); });

type Row = {
  readonly reason: string;
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly count: number;
  readonly message: string;
  readonly requestId: string;
  readonly minute: string;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly account: string;
};
type Page = { readonly data: readonly Row[]; readonly nextCursor: string | null };

const read = async (query: Readonly<Record<string, string>>): Promise<Page> => {
  const { status, body } = await send(`${lab.gateway.url}/v1/refusals?${new URLSearchParams(query).toString()}`, 'GET', {
    token: supervisor,
  });
  expect(status).toBe(200);
  return body as unknown as Page;
};

/** The rows of an account, once they tell of that many refusals. */
async function rowsOf(accountId: string, refusals: number): Promise<readonly Row[]> {
  for (const deadline = Date.now() + 120_000; ;) {
    const { data: rows } = await read({ account: accountId });
    const told = rows.reduce((sum, { count }) => sum + count, 0);
    if (told >= refusals || Date.now() > deadline) return rows;
    await sleep(50);
  }
}

type User = { readonly id: string; call(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Answer> };

async function user(credits = 0): Promise<User> {
  const id = randomBytes(12).toString('hex');
  const token = await lab.gateway.token({ sub: id });
  if (credits > 0) await lab.grant(id, credits);
  const options = (body: object | undefined, headers: Record<string, string>): CallOptions => ({
    token, headers, ...(body === undefined ? {} : { body }),
  });
  return { id, call: (method, path, body, headers = {}) => send(lab.gateway.url + path, method, options(body, headers)) };
}

/** Counters that went up while this was done, by reason. */
async function countedBy(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const counters = async (): Promise<Map<string, number>> => new Map(
    [
      ...(await send(`${lab.gateway.operationsUrl}/metrics`, 'GET')).text.matchAll(/^cg_refusals_total\{reason="(\w+)"\} (\d+)$/gm),
    ].map(([, reason = '', count = '0']) => [reason, Number(count)]));
  const before = await counters();
  await work();
  return Object.fromEntries([
    ...await counters(),
  ].map(([reason, count]) => [reason, count - (before.get(reason) ?? 0)] as const).filter(([, count]) => count > 0));
}

const initialize = (alice: User, sessionId: string, estimatedTokens: number, headers = {}) =>
  alice.call('POST', '/api/streaming-sessions/initialize', { sessionId, modelId: 'gpt-4', estimatedTokens }, headers);

test('402: who, when, where and why, with the request that an operator can look for', async () => {
  const alice = await user(3);
  const requestId = `req-${randomUUID()}`;
  const counted = await countedBy(async () => {
    expect((await initialize(alice, 's', 10_000, { 'x-request-id': requestId })).status).toBe(402);
  });
  expect(counted).toEqual({ insufficient_credits: 1 });
  const [row, ...others] = await rowsOf(alice.id, 1);
  expect(others).toEqual([]);
  expect(row).toEqual({
    account: alice.id, reason: 'insufficient_credits', method: 'POST', route: '/api/streaming-sessions/initialize', status: 402,
    count: 1, requestId,
    message: 'Insufficient credits for streaming session; body.estimatedTokens: 60 credits needed, 3 available',
    minute: expect.stringMatching(/:00\.000Z$/), firstAt: row?.lastAt, lastAt: expect.any(String),
  });
  expect(Math.abs(Date.now() - Date.parse(row?.lastAt ?? ''))).toBeLessThan(60_000);
});

test('a client that tries again and again makes a row of a minute, with the last of them', async () => {
  const alice = await user();
  const counted = await countedBy(async () => {
    for (let i = 0; i < 40; i += 1) await initialize(alice, `s${i}`, 1_000 + i, { 'x-request-id': `try-${i}` });
  });
  expect(counted).toEqual({ insufficient_credits: 40 });
  const rows = await rowsOf(alice.id, 40);
  // Two, should a minute have ended meanwhile.
  expect(rows.length).toBeLessThanOrEqual(2);
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(40);
  expect(rows[0]?.requestId).toBe('try-39');
  lab.gateway.advance(60_000);
  await initialize(alice, 'later', 1_000);
  const later = await rowsOf(alice.id, 41);
  expect(later).toHaveLength(rows.length + 1);
  expect(Date.parse(later[0]?.minute ?? '')).toBeGreaterThan(Date.parse(rows[0]?.minute ?? ''));
  expect(later[0]?.count).toBe(1);
});

describe('every way to be refused', () => {
  const reasonsOf = async (alice: { readonly id: string }, count: number): Promise<(readonly [string, number, string])[]> =>
    (await rowsOf(alice.id, count)).map(({ reason, status, message }) => [reason, status, message] as const);

  test('409: a session that was another', async () => {
    const alice = await user(1_000);
    await initialize(alice, 's', 1_000);
    expect((await initialize(alice, 's', 2_000)).status).toBe(409);
    expect(await reasonsOf(alice, 1)).toEqual([['conflict', 409, 'session s exists with other parameters; use a new sessionId']]);
  });

  test('423: a frozen account', async () => {
    const alice = await user(10);
    const redis = rawRedis(redisUrl());
    await redis.hset(keyspace(lab.gateway.redisNamespace, 8).account(alice.id, 1).account, 'frozen', '1');
    await redis.quit();
    expect((await alice.call('POST', '/api/credits/deduct', { credits: 1 })).status).toBe(423);
    expect(await reasonsOf(alice, 1)).toEqual([['account_frozen', 423, 'the account is frozen; ask an administrator']]);
  });

  test('409: a session that has ended with more usage, with how and when', async () => {
    const alice = await user(1_000);
    await initialize(alice, 's', 1_000);
    expect((await alice.call('POST', '/api/streaming-sessions/abort', { sessionId: 's', tokensGenerated: 500 })).status).toBe(200);
    const late = await alice.call('POST', '/api/streaming-sessions/finalize', { sessionId: 's', actualTokens: 400 });
    expect([late.status, late.body['message']]).toEqual([409, expect.stringContaining('already ended')]);
    expect(await reasonsOf(alice, 1)).toEqual([
      ['hold_resolved', 409, expect.stringMatching(new RegExp(
        '^session s has already ended: settled, 2\\.5 credits charged; ' +
        'first: state settled, charged 2\\.5, released 3\\.5, endedAt \\d{4}-.*Z$',
      ))],
    ]);
  });

  test('200 that means no: every check', async () => {
    const alice = await user(5);
    const counted = await countedBy(async () => {
      for (const [method, path, body] of [
        ['POST', '/api/credits/check', { credits: 6 }], ['POST', '/api/credits/validate', { amount: 6 }],
        ['POST', '/credits/validate', { amount: 6 }],
        ['GET', '/api/credits/check/6', undefined], ['GET', '/credits/check/6', undefined],
      ] as const) {
        const { status, body: answer } = await alice.call(method, path, body);
        expect([status, answer['sufficient']]).toEqual([200, false]);
      }
    });
    expect(counted).toEqual({ check_negative: 5 });
    expect(await reasonsOf(alice, 5)).toEqual(Array.from({ length: 5 }, () => ['check_negative', 200, '6 credits asked for, 5 available']));
  });

  test('a positive check is not recorded', async () => {
    const alice = await user(5);
    expect(await countedBy(async () => {
      await alice.call('POST', '/api/credits/check', { credits: 5 });
      await alice.call('GET', '/api/credits/balance');
      await lab.post('/api/credits-process/start', { user_id: alice.id, feature_endpoint_value: 'nothing_like_it' });
    })).toEqual({ not_found: 1 });
    expect(await reasonsOf(alice, 1)).toHaveLength(1);
  });

  test('what a server is told of a user is found at the user', async () => {
    const alice = await user(5);
    await lab.admin('POST', '/api/admin/feature-endpoints', {
      feature: 'not_in_any_package', name: 'None', value: 'none_v1', min_credits: 1,
    });
    const counted = await countedBy(async () => {
      for (const value of ['ai_chat_v1', 'none_v1', 'nothing_like_it']) {
        const { status, body } = await lab.post('/api/credits-process/start', { user_id: alice.id, feature_endpoint_value: value });
        expect([status, body.data.status]).toEqual([200, 'not-accessible']);
      }
      expect((await lab.post('/api/credits-process/end', { user_id: alice.id })).status).toBe(400);
    });
    expect(counted).toEqual({ insufficient_credits: 1, not_permitted: 1, not_found: 1, invalid_request: 1 });
    expect((await reasonsOf(alice, 4)).sort()).toEqual([
      ['insufficient_credits', 200, 'Insufficient credits. Required: 10, Available: 5; feature ai_chat_v1'],
      ['invalid_request', 400, expect.stringContaining('Validation Error; ')],
      ['not_found', 200, 'Feature endpoint not found; feature nothing_like_it'],
      ['not_permitted', 200, 'Your current subscription does not include this feature.; feature none_v1'],
    ]);
  });

  test('a bad body, a gate, and a path that is not there', async () => {
    const alice = await user(5);
    await alice.call('POST', '/api/credits/check', { credits: 'many\u0000' });
    await alice.call('GET', '/v1/refusals');
    await alice.call('GET', `/api/credits/${alice.id}/secret`);
    const rows = await rowsOf(alice.id, 3);
    expect(rows.map(({ reason, status, method, route }) => [reason, status, method, route]).sort()).toEqual([
      ['forbidden', 403, 'GET', '/v1/refusals'], ['invalid_request', 400, 'POST', '/api/credits/check'],
      ['not_found', 404, 'any', 'unmatched'],
    ]);
    expect(JSON.stringify(rows)).not.toMatch(/secret|many/);
  });

  test('requests of unknown callers are counted and not stored', async () => {
    const before = (await read({ limit: '100' })).data.length;
    expect(await countedBy(async () => {
      await send(`${lab.gateway.url}/api/credits/balance`, 'GET');
      await lab.post('/api/credits-process/start', { user_id: 'unknown', feature_endpoint_value: 'ai_chat_v1' }, {
        'x-server-api-key': 'forged',
      });
      await send(`${lab.gateway.url}/nothing`, 'GET');
    })).toEqual({ unauthenticated: 2, not_found: 1 });
    await rowsOf((await user()).id, 0);
    expect((await read({ account: 'unknown' })).data).toEqual([]);
    expect(before).toBeGreaterThan(0);
  });
});

describe('GET /v1/refusals', () => {
  test('filters by account and time, and pages through all without missing or repeating one', async () => {
    const alice = await user();
    const bob = await user();
    for (let minute = 0; minute < 4; minute += 1) {
      lab.gateway.advance(60_000);
      for (const who of [alice, bob]) {
        await initialize(who, 's', 1_000);
        await who.call('POST', '/api/credits/check', { credits: 1 });
      }
    }
    const rows = await rowsOf(alice.id, 8);
    expect((await rowsOf(bob.id, 8)).reduce((sum, { count }) => sum + count, 0)).toBe(8);
    expect(rows.map(({ minute }) => minute)).toEqual(rows.map(({ minute }) => minute).sort().reverse());
    const names = (of: readonly Row[]): string[] =>
      of.map(({ account, minute, reason, method, route }) => `${account} ${minute} ${reason} ${method} ${route}`);

    const minute = rows[3]?.minute ?? '';
    const wanted = names(rows.filter((row) => row.minute === minute));
    const inside = new Date(Date.parse(minute) + 30_000).toISOString();
    expect(names((await read({ account: alice.id, from: inside, to: new Date(Date.parse(minute) + 60_000).toISOString() })).data))
      .toEqual(wanted);
    expect(names((await read({ account: alice.id, from: String(Date.parse(inside)), to: String(Date.parse(minute) + 60_000) })).data))
      .toEqual(wanted);
    expect((await read({ account: alice.id, to: '2020-01-01T00:00:00+02:00' })).data).toEqual([]);

    const whole = names((await read({ limit: '100' })).data).filter((name) => name.startsWith(alice.id) || name.startsWith(bob.id));
    expect(whole.length).toBeGreaterThanOrEqual(16);
    const paged: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page: Page = await read({ limit: '3', ...(cursor === undefined ? {} : { cursor }) });
      expect(page.data.length).toBeLessThanOrEqual(3);
      paged.push(...names(page.data));
      cursor = page.nextCursor;
    }
    expect(new Set(paged).size).toBe(paged.length);
    expect(paged.filter((name) => name.startsWith(alice.id) || name.startsWith(bob.id))).toEqual(whole);
  });

  test.each([
    ['account='], ['account=x%00'], ['account=a&account=b'], ['from=yesterday'], ['from=2026-02-31T00%3A00%3A00'],
    ['to=-5'], ['to=99999999999999999'], ['limit=0'], ['limit=1001'],
    ['cursor=x'], [`cursor=${Buffer.from('[1,2,3]').toString('base64url')}`],
    [`cursor=${Buffer.from('["1","a","b","c","d"]').toString('base64url')}`],
    [`cursor=${Buffer.from(JSON.stringify([1e300, 'a', 'b', 'c', 'd'])).toString('base64url')}`],
    [`cursor=${Buffer.from(JSON.stringify([1, 'a\0', 'b', 'c', 'd'])).toString('base64url')}`],
  ])('%s is refused, and named', async (query) => {
    const { status, body } = await send(`${lab.gateway.url}/v1/refusals?${query}`, 'GET', { token: supervisor });
    expect([status, (body['errors'] as { path: string }[])[0]?.path]).toEqual([400, `query.${query.split('=')[0] ?? ''}`]);
  });

  test('is for supervisors and admins', async () => {
    const alice = await user();
    expect((await alice.call('GET', '/v1/refusals')).status).toBe(403);
    expect((await lab.admin('GET', '/v1/refusals')).status).toBe(200);
  });
});
