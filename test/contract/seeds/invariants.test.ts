import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { throwawayRedis, type TestRedis } from '../../support/servers.js';

/**
 * docs/contracts/README.md#what-must-hold: what the originals break and this gateway must hold. Where each number is tested:
 *
 *  #  | what                                   | test
 * ----|----------------------------------------|--------------------------------------------------------------------------
 *   1 | 40 deductions of 10 from 100 at once   | contract/accounting/admin (deduct), credits (usage/record)
 *   2 | 20 finalizations at once               | contract/accounting/sessions; 20 aborts: here
 *   3 | a refused deduction leaves no mark     | contract/accounting/admin
 * 4 | a failed set leaves no mark            | contract/accounting/admin (refused), admin-outage (Postgres away);
 * conflicting repeat: here
 *   5 | a session initialized twice            | contract/accounting/sessions
 *   6 | 20 first requests at once              | contract/accounting/credits, users
 *   7 | one usage_key, HTTP and AMQP           | contract/credits-process/process, edge/queues/rabbitmq
 *   8 | 150.75, 7.5, 100.50 - 7.50             | contract/accounting/admin, credits; contract/seeds/seed-000
 *   9 | golden prices of Zaaz                  | contract/credits-process/golden
 *  10 | who may not                            | edge/http/gate-walk (every route), edge/http/gates, contract/chatsparty/credits, pricing
 *  11 | half a megabyte of answer              | contract/accounting/sessions (finalize)
 * 12 | expiryDays                             | edge/http/identity (allocate, fake ledger), contract/accounting/admin
 * (400 of set, adjust);
 *     |                                        | the days that are stored, and that a refusal grants nothing: here
 *  13 | modelId "__proto__"                    | contract/accounting/credits (calculate); in a stream and its statistics: here
 *  14 | the sum, through restart and rebuild   | invariants/* (model), chaos/kill, chaos/outage (books); as clients see it: here
 */
const DAY_MS = 86_400_000;
let redis: TestRedis;
let gateway: TestGateway;
let admin: string;
beforeAll(async () => {
  redis = await throwawayRedis();
  gateway = await startGateway({ redisUrl: redis.url });
  admin = await gateway.token({ sub: 'root', role: 'admin' });
});
afterAll(async () => {
  await gateway.stop();
  await redis.discard();
});

type User = {
  readonly sub: string;
  readonly email: string;
  get(path: string): Promise<Answer>;
  post(path: string, body: object): Promise<Answer>;
};

async function someone(credits?: number): Promise<User> {
  const sub = `i-${randomUUID()}`;
  const email = `${sub}@example.com`;
  const token = await gateway.token({ sub, email });
  const get = (path: string): Promise<Answer> => send(gateway.url + path, 'GET', { token });
  expect((await get('/api/credits/balance')).status).toBe(200);
  if (credits !== undefined) expect((await asAdmin('POST', '/api/credits/allocate', { userId: sub, credits })).status).toBe(201);
  return { sub, email, get, post: (path, body) => send(gateway.url + path, 'POST', { token, body }) };
}

const asAdmin = (method: string, path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> =>
  send(gateway.url + path, method, { token: admin, body, headers });

type Balance = {
  readonly totalCredits: number; readonly held: number; readonly spent: number; readonly debt: number;
  readonly activeAllocations: readonly { readonly remainingCredits: number; readonly expiresAt: string }[];
};
const balanceOf = async (user: User): Promise<Balance> => (await user.get('/api/credits/balance')).body as unknown as Balance;

test('#2 20 aborts at once: one refund, one answer', async () => {
  const alice = await someone(100);
  await alice.post('/api/streaming-sessions/initialize', { sessionId: 's', modelId: 'gpt-4', estimatedTokens: 1_500 });
  const answers = await Promise.all(Array.from({
    length: 20,
  }, () => alice.post('/api/streaming-sessions/abort', { sessionId: 's', tokensGenerated: 500 })));
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(answers[0]?.body).toMatchObject({ partialCredits: 2.5, refund: 6.5 });
  expect(await balanceOf(alice)).toMatchObject({ totalCredits: 97.5, held: 0, spent: 2.5 });
});

test('#4 a set that fails because its key was used for another leaves the balance alone', async () => {
  const alice = await someone(100.5);
  const headers = { 'idempotency-key': randomUUID() };
  expect((await asAdmin('POST', '/api/credits/set', { userId: alice.sub, credits: 40 }, headers)).status).toBe(200);
  expect((await asAdmin('POST', '/api/credits/set', { userId: alice.sub, credits: 0 }, headers)).status).toBe(422);
  expect(await balanceOf(alice)).toMatchObject({ totalCredits: 40, activeAllocations: [{ remainingCredits: 40 }] });
});

describe('#12 expiryDays, on every route that takes it', () => {
  const routes: [string, string, (user: User) => object][] = [
    ['POST', '/api/credits/allocate', ({ sub }) => ({ userId: sub, credits: 5 })],
    ['POST', '/api/credits/allocate-by-email', ({ email }) => ({ email, credits: 5 })],
    ['POST', '/api/credits/set', ({ sub }) => ({ userId: sub, credits: 5 })],
    ['PUT', '/api/credits/adjust', ({ sub }) => ({ userId: sub, adjustment: 5 })],
  ];

  test.each(routes)('%s %s', async (method, path, bodyOf) => {
    const alice = await someone();
    for (const expiryDays of ['60', 0, -5]) {
      expect((await asAdmin(method, path, { ...bodyOf(alice), expiryDays })).status).toBe(400);
      expect((await balanceOf(alice)).activeAllocations).toEqual([]);
    }
    for (const [expiryDays, days] of [[null, 30], [undefined, 30], [60, 60]] as const) {
      const bob = await someone();
      const askedMs = Date.now();
      expect([200, 201]).toContain((await asAdmin(method, path, { ...bodyOf(bob), expiryDays })).status);
      const { activeAllocations } = await balanceOf(bob);
      expect(activeAllocations.map(({ expiresAt }) => Math.round((Date.parse(expiresAt) - askedMs) / DAY_MS))).toEqual([days]);
    }
  });
});

test('#13 a model called "__proto__" has the default price, from the hold to the statistics', async () => {
  const alice = await someone(100);
  for (const modelId of ['__proto__', 'constructor', 'nobody-knows-it']) {
    const opened = await alice.post('/api/streaming-sessions/initialize', { sessionId: modelId, modelId, estimatedTokens: 10_000 });
    // 10 000 tokens at 0.2 and 0.5 are 3.5, so 4, and a fifth more is 5.
    expect([opened.status, opened.body['allocatedCredits']]).toEqual([201, 5]);
    expect((await alice.post('/api/streaming-sessions/finalize', { sessionId: modelId, actualTokens: 10_000 })).body).toMatchObject({
      actualCredits: 4, refund: 1,
    });
  }
  expect(await balanceOf(alice)).toMatchObject({ totalCredits: 88, spent: 12 });
  expect((await alice.get('/api/usage/stats')).text).toContain('"__proto__":4');
});

test('#14 what remains, is reserved and was spent is what was credited: in any order, through a restart and a rebuild', async () => {
  const alice = await someone(10.5);
  let entries = 1;
  let credited = 10_500_000;
  let spent = 0;
  const micros = (credits: number): number => Math.round(credits * 1_000_000);

  /** 120 things at once, of which some must fail. What is credited and spent is what the answers said. */
  const interleave = async (round: number): Promise<void> => {
    const sum = async (answer: Promise<Answer>, add?: (body: Record<string, unknown>) => void): Promise<Answer> => {
      const done = await answer;
      if (done.status < 300) {
        entries += 1;
        add?.(done.body);
      }
      return done;
    };
    const spends = (name: string) => (body: Record<string, unknown>): void => { spent += micros(Number(body[name])); };
    const lots = (amount: number) => (): void => { credited += micros(amount); };
    await Promise.all(Array.from({ length: 120 }, async (_, index) => {
      const amount = (index % 7) + 0.000001 * (index + 1);
      const sessionId = `${round}-${index}`;
      switch (index % 6) {
        case 0: return sum(
          asAdmin('POST', '/api/credits/allocate', { userId: alice.sub, credits: amount + 1, expiryDays: (index % 50) + 1 }),
          lots(amount + 1),
        );
        case 1: return sum(asAdmin('PUT', '/api/credits/adjust', { userId: alice.sub, adjustment: amount + 1 }), lots(amount + 1));
        case 2: return sum(alice.post('/api/usage/record', { service: 'chat', operation: 'x', credits: amount }), spends('credits'));
        case 3: return sum(alice.post('/api/credits/deduct', { credits: amount }), () => { spent += micros(amount); });
        default: {
          const opened = await sum(alice.post('/api/streaming-sessions/initialize', { sessionId, modelId: 'gpt-4', estimatedTokens: 300 }));
          // Every sixth stays open.
          if (opened.status !== 201 || index % 18 === 4) return opened;
          return index % 6 === 4
            ? sum(alice.post('/api/streaming-sessions/finalize', { sessionId, actualTokens: index * 2 }), spends('actualCredits'))
            : sum(alice.post('/api/streaming-sessions/abort', { sessionId, tokensGenerated: index }), spends('partialCredits'));
        }
      }
    }));
  };

  const look = async (): Promise<object> => {
    const { totalCredits, held, spent: shown, debt, activeAllocations } = await balanceOf(alice);
    const remaining = activeAllocations.reduce((sum, each) => sum + micros(each.remainingCredits), 0);
    expect(remaining).toBe(micros(totalCredits));
    expect({ debt, spent: micros(shown), sum: remaining + micros(held) + micros(shown) }).toEqual({ debt: 0, spent, sum: credited });
    return { activeAllocations, held, open: (await alice.get('/api/streaming-sessions/active')).body };
  };
  const until = async (what: string, isTrue: () => Promise<boolean>): Promise<void> => {
    const deadline = Date.now() + 120_000;
    while (!await isTrue()) {
      if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  };
  const served = (): Promise<void> => until('the balance is served', async () => (await alice.get('/api/credits/balance')).status === 200);

  await interleave(1);
  const first = await look();
  await redis.restart();
  await served();
  expect(await look()).toEqual(first);

  await interleave(2);
  const second = await look();
  await until('Postgres has all of it', async () => seqOf(await alice.get('/v1/entries')) >= entries);
  const client = new Redis(redis.operatorUrl);
  await client.flushall();
  client.disconnect();
  await served();
  expect(await look()).toEqual(second);

  await interleave(3);
  await look();
});

const seqOf = ({ body }: Answer): number => (body['data'] as { seq: number }[])[0]?.seq ?? 0;
