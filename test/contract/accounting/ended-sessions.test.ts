import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { connectPostgres, drainProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { hiddenOf, operator } from '../../edge/console/lab.js';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';
import { redisUrl } from '../../support/servers.js';
import { rawRedis } from '../../support/redis-address.js';
import { scanKeys } from '../../support/scan-keys.js';

/**
 * Sessions that come back after their end, and ends of one session by two callers: docs/contracts/README.md#n-01 and
 * docs/contracts/README.md#n-02.
 */
let gateway: Awaited<ReturnType<typeof startGateway>>;
let admin: string;
let db: Db;
let redis: Redis;
beforeAll(async () => {
  gateway = await startGateway({ environment: { CORRECTION_WINDOW_SECONDS: '3600' } });
  admin = await gateway.token({ sub: 'contract-admin', role: 'admin' });
  db = connectPostgres(gateway.databaseUrl, drainProfile(20_000));
  redis = rawRedis(redisUrl());
});
afterAll(async () => {
  redis.disconnect();
  await db.destroy();
  await gateway.stop();
});

const HOUR_MS = 3_600_000;
/** 1 000 tokens cost 5 credits, and 6 are reserved for them. */
const session = { sessionId: 'c', modelId: 'gpt-4', estimatedTokens: 1_000 };

type Streamer = {
  readonly sub: string;
  call(step: string, body: object): Promise<Answer>;
  total(): Promise<unknown>;
  used(): Promise<unknown>;
};

async function streamer(credits: number): Promise<Streamer> {
  const sub = `e-${randomUUID()}`;
  const token = await gateway.token({ sub, role: 'enduser' });
  expect((await send(`${gateway.url}/api/credits/allocate`, 'POST', { token: admin, body: { userId: sub, credits } })).status).toBe(201);
  const get = async (path: string): Promise<Answer['body']> => (await send(gateway.url + path, 'GET', { token })).body;
  return {
    sub,
    call: (step, body) => send(`${gateway.url}/api/streaming-sessions/${step}`, 'POST', { token, body }),
    total: async () => (await get('/api/credits/balance'))['totalCredits'],
    used: async () => {
      const { totalRecords, totalCredits, byModel } = await get('/api/usage/stats');
      return { totalRecords, totalCredits, byModel };
    },
  };
}

const inPostgres = async (sub: string, count: number): Promise<void> => {
  for (;;) {
    const { rows } = await db.raw<{ rows: { n: number }[] }>('select count(*)::integer as n from entries where account_id = ?', [sub]);
    if ((rows[0]?.n ?? 0) >= count) return;
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
};

/** As an hour's, or a year's, passing would. */
async function forgetHolds(sub: string): Promise<void> {
  const found = await scanKeys(redis, `${gateway.redisNamespace}:*:hold:${sub}:*`);
  expect(found.length).toBeGreaterThan(0);
  await redis.del(...found);
}

describe('a session that has ended', () => {
  test.each([['finalize', { sessionId: 'c', actualTokens: 1_000 }, 'settled', 5], ['abort', { sessionId: 'c' }, 'settled', 0]] as const)(
    'by %s, is not placed again: 409 with its outcome, and nothing is held', async (step, body, state, charged) => {
      const alice = await streamer(6);
      expect((await alice.call('initialize', session)).status).toBe(201);
      expect((await alice.call(step, body)).status).toBe(200);
      for (const again of [session, { ...session, estimatedTokens: 1 }]) {
        const { status, body: refused, headers } = await alice.call('initialize', again);
        expect([status, refused['error'], refused['first'], headers.get('idempotency-replayed')])
          .toEqual([409, 'hold_resolved', expect.objectContaining({ state, charged }), null]);
      }
      expect(await alice.total()).toBe(6 - charged);
    });

  test('is refused as ended also to an account in debt, and to a frozen one, which gets its open session again', async () => {
    const alice = await streamer(20);
    await alice.call('initialize', session);
    await alice.call('finalize', { sessionId: 'c', actualTokens: 1_000 });
    await alice.call('initialize', { ...session, sessionId: 'open' });
    expect((await send(`${gateway.url}/v1/accounts/${alice.sub}/freeze`, 'POST', { token: admin, body: { reason: 'test' } })).status)
      .toBe(200);
    expect((await alice.call('initialize', session)).body['error']).toBe('hold_resolved');
    expect((await alice.call('initialize', { ...session, sessionId: 'open' })).status).toBe(201);
    expect((await alice.call('initialize', { ...session, sessionId: 'new' })).status).toBe(423);
    const bob = await streamer(6);
    await bob.call('initialize', session);
    expect((await bob.call('finalize', { sessionId: 'c', actualTokens: 10_000 })).body).toMatchObject({ debt: 44 });
    expect((await bob.call('initialize', session)).body).toMatchObject({ error: 'hold_resolved', first: { charged: 50 } });
  });

  test('whose lease ran out is refused, too', async () => {
    const alice = await streamer(6);
    await alice.call('initialize', session);
    gateway.advance(HOUR_MS);
    expect((await alice.call('initialize', session)).body).toMatchObject({
      error: 'hold_resolved', first: { state: 'expired', charged: 0 },
    });
    expect(await alice.total()).toBe(6);
  });

  test('is refused when only Postgres remembers it, twenty at once', async () => {
    const alice = await streamer(100);
    await alice.call('initialize', session);
    await alice.call('finalize', { sessionId: 'c', actualTokens: 1_000 });
    await inPostgres(alice.sub, 3);
    await forgetHolds(alice.sub);
    const answers = await Promise.all(Array.from({
      length: 20,
    }, (_, index) => alice.call('initialize', index === 7 ? { ...session, sessionId: 'another' } : session)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map((_, index) => (index === 7 ? 201 : 409)));
    expect(answers[0]?.body['first']).toMatchObject({ state: 'settled', charged: 5 });
    expect(await alice.total()).toBe(89);
  });

  test('fifty messages under one id cost one message and refuse forty-nine', async () => {
    const alice = await streamer(6);
    const statuses: number[] = [];
    for (let message = 0; message < 50; message += 1) {
      statuses.push((await alice.call('initialize', session)).status);
      await alice.call('finalize', { sessionId: 'c', actualTokens: 1_000 });
    }
    expect(statuses).toEqual([201, ...Array.from({ length: 49 }, () => 409)]);
  });
});

describe("a user's own end before the proxy's", () => {
  const nothing = { sessionId: 'c' };
  test.each<[string, (alice: Streamer) => Promise<unknown>, number]>([
    ['abort', (alice) => alice.call('abort', nothing), 1],
    ['finalize', (alice) => alice.call('finalize', { ...nothing, actualTokens: 0 }), 1],
    ['failed finalize', (alice) => alice.call('finalize', { ...nothing, actualTokens: 0, success: false }), 1],
    ['expiry', () => { gateway.advance(HOUR_MS); return Promise.resolve(); }, 1],
    ['void by an operator', async (alice) => {
      const root = operator(gateway.url, admin);
      const path = `/console/accounts/${alice.sub}/holds/c/void`;
      expect((await root.post(path, hiddenOf((await root.post(path, { reason: 'stuck' })).text))).text).toContain('Voided.');
    }, 1],
    ['abort of a part', (alice) => alice.call('abort', { ...nothing, tokensGenerated: 200 }), 1],
  ])('%s: the usage is charged in full, and shown once', async (_, first, records) => {
    const alice = await streamer(100);
    await alice.call('initialize', session);
    await first(alice);
    const { status, body } = await alice.call('finalize', { sessionId: 'c', actualTokens: 2_000 });
    expect([status, body['actualCredits']]).toEqual([200, 10]);
    expect(await alice.total()).toBe(90);
    expect(await alice.call('finalize', { sessionId: 'c', actualTokens: 2_000 })).toMatchObject({ status: 200, body });
    expect(await alice.total()).toBe(90);
    expect(await alice.used()).toMatchObject({ totalRecords: records, totalCredits: 10 });
  });

  test('is corrected also when only Postgres remembers it, and not after the window', async () => {
    const [alice, bob] = [await streamer(100), await streamer(100)];
    for (const each of [alice, bob]) {
      await each.call('initialize', session);
      await each.call('abort', nothing);
      await inPostgres(each.sub, 3);
      await forgetHolds(each.sub);
    }
    expect((await alice.call('finalize', { sessionId: 'c', actualTokens: 1_000 })).status).toBe(200);
    gateway.advance(HOUR_MS + 60_000);
    const refused = await bob.call('finalize', { sessionId: 'c', actualTokens: 1_000 });
    expect([refused.status, refused.body['error'], refused.body['first']]).toEqual([
      409, 'hold_resolved', expect.objectContaining({ state: 'settled', charged: 0 }),
    ]);
    await inPostgres(alice.sub, 4);
    await forgetHolds(alice.sub);
    // Counted from the first end, also for what was corrected since.
    expect((await alice.call('finalize', { sessionId: 'c', actualTokens: 1_001 })).body['first']).toMatchObject({ charged: 5 });
    expect([await alice.total(), await bob.total()]).toEqual([95, 100]);
  });
});
