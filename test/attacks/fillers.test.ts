import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { until } from '../chaos/lab.js';
import { send, type Answer } from '../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { throwawayRedis, type TestRedis } from '../support/servers.js';

/** One user fills the ledger with what costs nothing (docs/reliability.md#b5). */
const TIMEOUT_MS = 300_000;
const METADATA = { filler: 'x'.repeat(4_000) };
/** Windows of an hour; a test that asks for more than two of them does not depend on when an hour begins. */
const HOUR = 3_600;

type Caller = { readonly account: string; readonly call: (method: string, path: string, body?: object) => Promise<Answer> };
let gateway: TestGateway;
const caller = async (credits: number): Promise<Caller> => {
  const account = `a-${randomUUID().slice(0, 8)}`;
  const operator = await gateway.token({ sub: 'root', role: 'admin' });
  await send(`${gateway.url}/api/credits/allocate`, 'POST', { token: operator, body: { userId: account, credits } });
  const token = await gateway.token({ sub: account, role: 'user' });
  return { account, call: (method, path, body) => send(gateway.url + path, method, { token, ...(body === undefined ? {} : { body }) }) };
};
const record = ({ call }: Caller, credits: number, metadata: object): Promise<Answer> =>
  call('POST', '/api/usage/record', { service: 's', operation: 'o', credits, metadata });
const hold = ({ call }: Caller, id: string = randomUUID()): Promise<Answer> => call('POST', '/v1/holds', { id, amount: '1' });
const balance = async ({ call }: Caller): Promise<unknown> => (await call('GET', '/api/credits/balance')).body['totalCredits'];
const wordOf = ({ status, body }: Answer): string => `${status} ${(body['code'] ?? body['error'] ?? 'ok') as string}`;
async function answersOf(count: number, call: () => Promise<Answer>): Promise<Record<string, number>> {
  const counted: Record<string, number> = {};
  for (let done = 0; done < count; done += 50) {
    for (const answer of await Promise.all(Array.from({ length: Math.min(50, count - done) }, call))) {
      counted[wordOf(answer)] = (counted[wordOf(answer)] ?? 0) + 1;
    }
  }
  return counted;
}

describe('on a small Redis', () => {
  let server: TestRedis;
  let redis: Redis;
  beforeAll(async () => {
    server = await throwawayRedis();
    redis = new Redis(server.operatorUrl);
    // So that what the gateway itself needs, now more, now less, is a small part of all.
    await redis.setrange('padding', 60_000_000, 'x');
    gateway = await startGateway({ redisUrl: server.url, environment: { MAX_OPEN_HOLDS: '100' } });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await gateway.stop();
    redis.disconnect();
    await server.discard();
  }, TIMEOUT_MS);

  const usedBytes = async (): Promise<number> => Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  /** Makes Redis so full, and waits until the gateway has seen it. */
  const fill = async (share: number, state: string): Promise<void> => {
    await redis.config('SET', 'maxmemory', String(Math.round((await usedBytes()) / share)));
    await until(state, async () => {
      const { body } = await send(`${gateway.operationsUrl}/readyz`, 'GET');
      return JSON.stringify(body).includes(`"detail":"${state}`);
    });
  };

  test('thousands of records of nothing, metadata, and open holds are refused before the holds of others', async () => {
    const [mallory, alice] = [await caller(1_000), await caller(1_000)];
    await answersOf(10, () => hold(mallory));
    expect((await hold(alice, 'first')).status).toBe(201);
    await fill(0.77, 'scarce');
    const before = await usedBytes();

    expect(await answersOf(3_000, () => record(mallory, 0, METADATA))).toEqual({ '503 ledger_unavailable': 3_000 });
    expect(await answersOf(50, () => record(mallory, 0, {}))).toEqual({ '503 ledger_unavailable': 50 });
    expect(await answersOf(100, () => record(mallory, 0.000001, METADATA))).toEqual({ '503 ledger_unavailable': 100 });
    expect(await answersOf(100, () => hold(mallory))).toEqual({ '503 ledger_unavailable': 100 });
    expect(await balance(mallory)).toBe(990);
    // Three thousand records would be 13 MB.
    expect((await usedBytes()) - before).toBeLessThan(4_000_000);
    expect((await hold(alice, 'second')).status).toBe(201);
    expect((await record(alice, 1, { model: 'm' })).status).toBe(201);

    await fill(0.9, 'high');
    expect(wordOf(await hold(alice, 'third'))).toBe('503 ledger_unavailable');
    for (const id of ['first', 'second']) expect((await alice.call('POST', `/v1/holds/${id}/settle`, { amount: '1' })).status).toBe(200);
    expect(await balance(alice)).toBe(997);

    await fill(0.2, 'ok');
    expect((await record(mallory, 0, METADATA)).status).toBe(201);
  }, TIMEOUT_MS);

  test('an account has at most MAX_OPEN_HOLDS open holds, and more when some have ended', async () => {
    const mallory = await caller(1_000);
    await fill(0.2, 'ok');
    const ids = Array.from({ length: 100 }, () => randomUUID());
    await Promise.all(ids.map((id) => hold(mallory, id)));
    const before = await balance(mallory);
    expect(await answersOf(50, () => hold(mallory))).toEqual({ '409 too_many': 50 });
    const stream = { sessionId: 's', modelId: 'm', estimatedTokens: 1 };
    expect(wordOf(await mallory.call('POST', '/api/streaming-sessions/initialize', stream))).toBe('409 limit_exceeded');
    expect(await balance(mallory)).toBe(before);
    // A repeat is no further hold.
    expect((await hold(mallory, ids[0])).status).toBe(201);
    expect((await mallory.call('POST', `/v1/holds/${String(ids[0])}/void`, { reason: 'user_stop' })).status).toBe(200);
    expect((await hold(mallory)).status).toBe(201);
  }, TIMEOUT_MS);
});

describe('beyond the rates', () => {
  beforeAll(async () => {
    gateway = await startGateway({
      environment: { RATE_LIMIT_UNCHARGED: `10/${HOUR}`, RATE_LIMIT_METADATA: `50000/${HOUR}`, RATE_LIMIT_ZERO_AMOUNT: `10/${HOUR}` },
    });
  }, TIMEOUT_MS);
  afterAll(async () => { await gateway.stop(); });

  type Step = (caller: Caller, id: string) => Promise<Answer>;
  type Cycle = { readonly start: Step; readonly end: Step };
  const cycles: Readonly<Record<string, Cycle>> = {
    'an aborted stream': {
      start: ({ call }, sessionId) =>
        call('POST', '/api/streaming-sessions/initialize', { sessionId, modelId: 'gpt-4', estimatedTokens: 1 }),
      end: ({ call }, sessionId) => call('POST', '/api/streaming-sessions/abort', { sessionId }),
    },
    'a void': { start: hold, end: ({ call }, id) => call('POST', `/v1/holds/${id}/void`, { reason: 'user_stop' }) },
    'a settlement of 0': { start: hold, end: ({ call }, id) => call('POST', `/v1/holds/${id}/settle`, { amount: '0' }) },
  };
  const title = 'one credit that is held and given back for ever stops at a limit; its ends never do';
  test.each(Object.keys(cycles))(`${title}: %s`, async (kind) => {
    const cycle = cycles[kind];
    const [mallory, alice] = [await caller(1), await caller(1)];
    const words: string[] = [];
    for (let round = 0; round < 25; round += 1) {
      const id = randomUUID();
      const placed = await cycle?.start(mallory, id);
      if (placed?.status === 201) expect((await cycle?.end(mallory, id))?.status).toBe(200);
      words.push(placed === undefined ? '' : wordOf(placed));
    }
    expect(words.filter((word) => word === '429 rate_limited').length).toBeGreaterThanOrEqual(5);
    expect([new Set(words).size, await balance(mallory)]).toEqual([2, 1]);
    expect((await hold(alice)).status).toBe(201);
  });

  test('holds that charge something are not counted', async () => {
    const alice = await caller(100);
    for (let round = 0; round < 25; round += 1) {
      const id = randomUUID();
      expect((await hold(alice, id)).status).toBe(201);
      expect((await alice.call('POST', `/v1/holds/${id}/settle`, { amount: '0.5' })).status).toBe(200);
    }
  });

  test('metadata of one account is bounded, whatever is paid with it; without it the same is accepted', async () => {
    const mallory = await caller(100);
    const answers = await answersOf(35, () => record(mallory, 0.000001, METADATA));
    expect(Object.keys(answers).sort()).toEqual(['201 ok', '429 rate_limited']);
    expect(answers['201 ok']).toBeLessThanOrEqual(28);
    const native = { amount: '0.1', metadata: { filler: 'x'.repeat(2_000) } };
    for (const path of ['/v1/charges', '/v1/holds']) expect(wordOf(await mallory.call('POST', path, native))).toBe('429 rate_limited');
    expect((await record(mallory, 1, { model: 'm' })).status).toBe(201);
    expect((await record(await caller(1), 1, METADATA)).status).toBe(201);
  });
});
