import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';

/**
 * Streaming sessions of the accounting service: docs/contracts/accounting-service.md#streaming-sessions and
 * docs/contracts/README.md#c-26.
 */
let gateway: Awaited<ReturnType<typeof startGateway>>;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await gateway.token({ sub: 'contract-admin', role: 'admin' });
});
afterAll(async () => { await gateway.stop(); });

type Streamer = {
  readonly sub: string;
  call(step: string, body: object): Promise<Answer>;
  active(): Promise<Record<string, unknown>[]>;
  total(): Promise<unknown>;
};

async function streamer(credits: number): Promise<Streamer> {
  const sub = `s-${randomUUID()}`;
  const token = await gateway.token({ sub, role: 'enduser' });
  expect((await send(`${gateway.url}/api/credits/allocate`, 'POST', { token: admin, body: { userId: sub, credits } })).status).toBe(201);
  const get = (path: string): Promise<Answer> => send(gateway.url + path, 'GET', { token });
  return {
    sub,
    call: (step, body) => send(`${gateway.url}/api/streaming-sessions/${step}`, 'POST', { token, body }),
    active: async () => (await get('/api/streaming-sessions/active')).body as unknown as Record<string, unknown>[],
    total: async () => (await get('/api/credits/balance')).body['totalCredits'],
  };
}

const LITE = 'amazon.nova-lite-v1:0';

describe('initialize', () => {
  test.each([
    [1_000, 2], [5_000, 4], [10_000, 8], [100_000, 64], [1_000_000, 630],
  ])('%d tokens reserve %d credits', async (estimatedTokens, allocatedCredits) => {
    const alice = await streamer(1_000);
    const { status, body } = await alice.call('initialize', { sessionId: 's1', modelId: LITE, estimatedTokens });
    expect([status, body]).toEqual([201, { sessionId: 's1', allocatedCredits, status: 'active' }]);
    expect(await alice.total()).toBe(1_000 - allocatedCredits);
  });

  test('short: 402, nothing reserved', async () => {
    const alice = await streamer(7);
    const { status, body } = await alice.call('initialize', { sessionId: 's1', modelId: LITE, estimatedTokens: 10_000 });
    expect([status, body['message'], body['error']]).toEqual([402, 'Insufficient credits for streaming session', 'insufficient_credits']);
    expect([await alice.total(), await alice.active()]).toEqual([7, []]);
  });

  test('the same again is the same session, reserved once; other parameters are a conflict', async () => {
    const alice = await streamer(100);
    const session = { sessionId: 's1', modelId: LITE, estimatedTokens: 10_000 };
    const first = await alice.call('initialize', session);
    const second = await alice.call('initialize', session);
    expect([second.status, second.body]).toEqual([first.status, first.body]);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect((await alice.call('initialize', { ...session, estimatedTokens: 20_000 })).status).toBe(409);
    expect(await alice.total()).toBe(92);
  });

  test('20 at once reserve once', async () => {
    const alice = await streamer(100);
    const answers = await Promise.all(Array.from({
      length: 20,
    }, () => alice.call('initialize', { sessionId: 's1', modelId: LITE, estimatedTokens: 10_000 })));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(await alice.total()).toBe(92);
  });

  test.each([
    {}, { sessionId: 's' }, { sessionId: 's', modelId: 'm' }, { sessionId: 's', modelId: 'm', estimatedTokens: 0 },
    { sessionId: 's', modelId: 'm', estimatedTokens: -5 },
  ])('%j -> 400', async (body) => {
    const answer = await (await streamer(1)).call('initialize', body);
    expect([answer.status, answer.body['message']]).toEqual([400, 'Missing required fields']);
  });
});

describe('finalize', () => {
  test('tokens that are counted by class are refused by name, and the session stays open', async () => {
    const alice = await streamer(10);
    await alice.call('initialize', { sessionId: 's1', modelId: 'gpt-4', estimatedTokens: 100 });
    const refused = await alice.call('finalize', { sessionId: 's1', actualTokens: 100, reasoningTokens: 40 });
    expect([refused.status, (refused.body['sources'] as { path: string }[])[0]?.path]).toEqual([400, 'body.reasoningTokens']);
    expect((await alice.call('finalize', { sessionId: 's1', actualTokens: 100, estimatedTokens: 100 })).status).toBe(200);
  });

  test('charges what was used and gives the rest back', async () => {
    const alice = await streamer(100);
    await alice.call('initialize', { sessionId: 's1', modelId: LITE, estimatedTokens: 10_000 });
    const { status, body } = await alice.call('finalize', {
      sessionId: 's1', actualTokens: 5_000, success: true, responseContent: 'text', duration: 12,
    });
    expect([status, body]).toEqual([200, { sessionId: 's1', actualCredits: 3, refund: 5, overageCharged: 0, debt: 0, uncollected: 0 }]);
    expect([await alice.total(), await alice.active()]).toEqual([97, []]);
  });

  test('fractions: gpt-4 costs 7.50 for 1 500 tokens', async () => {
    const alice = await streamer(100.5);
    expect((await alice.call('initialize', { sessionId: 's1', modelId: 'gpt-4', estimatedTokens: 1_500 })).body['allocatedCredits'])
      .toBe(9);
    expect((await alice.call('finalize', { sessionId: 's1', actualTokens: 1_500 })).body).toMatchObject({
      actualCredits: 7.5, refund: 1.5,
    });
    expect(await alice.total()).toBe(93);
  });

  test('20 at once refund once, with identical answers', async () => {
    const alice = await streamer(100);
    await alice.call('initialize', { sessionId: 's1', modelId: LITE, estimatedTokens: 10_000 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => alice.call('finalize', { sessionId: 's1', actualTokens: 5_000 })));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(await alice.total()).toBe(97);
  });

  test('again with less -> 409 that names the outcome; with as much -> the same answer; with more -> the difference, once', async () => {
    const alice = await streamer(100);
    await alice.call('initialize', { sessionId: 's1', modelId: LITE, estimatedTokens: 10_000 });
    const first = await alice.call('finalize', { sessionId: 's1', actualTokens: 5_000 });
    const less = await alice.call('finalize', { sessionId: 's1', actualTokens: 1_000 });
    expect([less.status, less.body['error'], less.body['first']]).toEqual([
      409, 'hold_resolved', expect.objectContaining({ state: 'settled', charged: 3 }),
    ]);
    expect((await alice.call('abort', { sessionId: 's1' })).status).toBe(409);
    const equal = await alice.call('abort', { sessionId: 's1', tokensGenerated: 5_001 });
    expect([equal.status, equal.body['partialCredits'], equal.headers.get('idempotency-replayed')]).toEqual([
      200, first.body['actualCredits'], 'true',
    ]);
    const more = await alice.call('finalize', { sessionId: 's1', actualTokens: 10_000 });
    expect([more.status, more.body]).toEqual([
      200, { sessionId: 's1', actualCredits: 6, refund: 5, overageCharged: 3, debt: 0, uncollected: 0 },
    ]);
    const again = await alice.call('finalize', { sessionId: 's1', actualTokens: 10_000 });
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([more.text, 'true']);
    expect((await alice.call('finalize', { sessionId: 's1', actualTokens: 5_000 })).body['first']).toMatchObject({
      state: 'settled', charged: 6,
    });
    expect(await alice.total()).toBe(94);
  });

  test('over-run is charged: first the hold, then what is there, then debt', async () => {
    const alice = await streamer(10);
    await alice.call('initialize', { sessionId: 's1', modelId: LITE, estimatedTokens: 10_000 });
    const { status, body } = await alice.call('finalize', { sessionId: 's1', actualTokens: 100_000 });
    expect([status, body]).toEqual([200, { sessionId: 's1', actualCredits: 53, refund: 0, overageCharged: 45, debt: 43, uncollected: 0 }]);
    expect(await alice.total()).toBe(0);
  });

  test('success false is a failed stream, charged all the same', async () => {
    const alice = await streamer(100);
    await alice.call('initialize', { sessionId: 's1', modelId: LITE, estimatedTokens: 10_000 });
    expect((await alice.call('finalize', { sessionId: 's1', actualTokens: 5_000, success: false })).body).toMatchObject({
      actualCredits: 3, refund: 5,
    });
  });

  test('unknown session -> 404 with the original text', async () => {
    const { status, body } = await (await streamer(1)).call('finalize', { sessionId: 'none', actualTokens: 5 });
    expect([status, body['message']]).toEqual([404, 'Failed to finalize streaming session']);
  });

  test('half a megabyte of answer -> 200', async () => {
    const alice = await streamer(100);
    await alice.call('initialize', { sessionId: 's1', modelId: LITE, estimatedTokens: 10_000 });
    expect((await alice.call('finalize', { sessionId: 's1', actualTokens: 5, responseContent: 'x'.repeat(500_000) })).status).toBe(200);
  });
});

describe('abort', () => {
  test('charges what was generated; nothing unless told', async () => {
    const alice = await streamer(100);
    for (const sessionId of ['s1', 's2']) await alice.call('initialize', { sessionId, modelId: LITE, estimatedTokens: 10_000 });
    const some = await alice.call('abort', { sessionId: 's1', tokensGenerated: 2_000 });
    expect([some.status, some.body]).toEqual([
      200, { sessionId: 's1', partialCredits: 2, refund: 6, overageCharged: 0, debt: 0, uncollected: 0 },
    ]);
    expect((await alice.call('abort', { sessionId: 's2' })).body).toMatchObject({ partialCredits: 0, refund: 8 });
    expect(await alice.total()).toBe(98);
  });

  test('unknown session -> 404 with the original text', async () => {
    const { status, body } = await (await streamer(1)).call('abort', { sessionId: 'none' });
    expect([status, body['message']]).toEqual([404, 'Failed to abort streaming session']);
  });
});

test('GET /active lists the caller\'s open sessions, oldest first', async () => {
  const alice = await streamer(100);
  for (const sessionId of ['s1', 's2']) await alice.call('initialize', { sessionId, modelId: LITE, estimatedTokens: 10_000 });
  expect(await alice.active()).toEqual(['s1', 's2'].map((sessionId) => ({
    id: expect.any(Number), sessionId, userId: alice.sub, modelId: LITE, estimatedCredits: 6, allocatedCredits: 8, usedCredits: 0,
    status: 'active', startedAt: expect.stringMatching(/Z$/), completedAt: null,
  })));
});
