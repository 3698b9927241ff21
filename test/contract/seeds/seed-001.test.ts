import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ADMIN, JOHN, seedLab, type SeedLab } from './lab.js';
import { PrimaryService } from './primary-service.js';

/** The sequence diagrams of seed 001, each branch of them, against the gateway and an auth service. */
let lab: SeedLab;
let token: string;
beforeAll(async () => { lab = await seedLab(); });
afterAll(() => lab.stop());
beforeEach(async () => {
  await lab.fund(JOHN, 100);
  token = await lab.login();
});

const total = async (): Promise<number> => (await lab.balance(token)).totalCredits;
const active = async (): Promise<unknown> => (await lab.call('GET', '/api/streaming-sessions/active', token)).body;
const entriesOfUsage = async (): Promise<number> => Number((await lab.call('GET', '/api/usage/stats', token)).body['totalRecords']);

describe('4. API request with JWT authentication', () => {
  test('a login, a request; the gateway knows the user from then on by id and by e-mail, URL-encoded', async () => {
    const own = await lab.balance(token);
    expect(own).toMatchObject({ totalCredits: 100, userId: 'user_id_12345' });
    const admin = await lab.login(ADMIN);
    for (const name of [JOHN.id, 'john@example.com', 'john%40example.com']) {
      expect((await lab.call('GET', `/api/credits/balance/${name}`, admin)).body).toEqual(own);
    }
  });

  test('all endpoints but health are protected', async () => {
    expect((await lab.call('GET', '/api/health')).status).toBe(200);
    for (const [method, path] of [
      ['GET', 'credits/balance'], ['GET', 'credits/balance/x'], ['POST', 'credits/check'], ['POST', 'credits/calculate'],
      ['POST', 'credits/allocate'],
      ['POST', 'credits/set'], ['DELETE', 'credits/remove'], ['PUT', 'credits/adjust'], ['POST', 'streaming-sessions/initialize'],
      ['POST', 'streaming-sessions/finalize'], ['POST', 'streaming-sessions/abort'], ['GET', 'streaming-sessions/active'],
      ['GET', 'streaming-sessions/active/x'], ['GET', 'streaming-sessions/active/all'], ['GET', 'streaming-sessions/recent'],
      ['GET', 'streaming-sessions/recent/x'], ['POST', 'usage/record'], ['GET', 'usage/stats'], ['GET', 'usage/stats/x'],
      ['GET', 'usage/system-stats'],
    ] as const) {
      const refused = await lab.call(method, `/api/${path}`);
      expect([path, refused.status, refused.body['message']]).toEqual([path, 401, 'Authentication token required']);
    }
  });
});

describe('4.1 service usage with custom credit deduction', () => {
  const message = { modelId: 'gpt-4', tokens: 1_500 };

  test('sufficient, at a price of the service\'s own: deducted by recording usage', async () => {
    const image = new PrimaryService(lab.call, { ownPrice: () => 12.345678 });
    expect(await image.request(token, message)).toMatchObject({ status: 'success', creditsDeducted: 12.345678 });
    expect(image.asked).not.toContain('POST /api/credits/calculate');
    expect(await total()).toBe(87.654322);
  });

  test('sufficient: deducted by finalizing a session', async () => {
    expect((await lab.call('POST', '/api/streaming-sessions/initialize', token, {
      sessionId: 'custom', modelId: 'gpt-4', estimatedTokens: 1_500,
    })).status).toBe(201);
    expect((await lab.call('POST', '/api/streaming-sessions/finalize', token, { sessionId: 'custom', actualTokens: 1_500 })).body)
      .toMatchObject({ actualCredits: 7.5 });
    expect(await total()).toBe(92.5);
  });

  test('insufficient: the operation is not performed, nothing is recorded, nothing is taken', async () => {
    const before = await entriesOfUsage();
    const service = new PrimaryService(lab.call, { ownPrice: () => 100.000001 });
    expect(await service.request(token, message)).toEqual({ status: 'error', message: 'Operation Failed: Insufficient Credits' });
    expect([service.performed, await total(), await entriesOfUsage()]).toEqual([0, 100, before]);
  });

  test('the operation fails: nothing is deducted', async () => {
    const service = new PrimaryService(lab.call, { perform: () => { throw new Error('out of order'); } });
    expect((await service.request(token, message)).status).toBe('error');
    expect([service.asked.includes('POST /api/usage/record'), await total()]).toEqual([false, 100]);
  });
});

describe('4.2 chat-proxy-service integration', () => {
  type Chunk = { readonly text: string; readonly tokens: number };
  type Model = () => AsyncGenerator<Chunk>;
  type ChatReply = { readonly text: string; readonly balance: number } | { readonly error: 'Insufficient Credits' | 'The model failed' };
  type ChatRequest = { readonly sessionId: string; readonly jwt?: string; readonly estimatedTokens?: number };

  const ESTIMATE = 1_500;
  /** A model that answers in three pieces of 400 tokens, slowly enough for others to come between. */
  const llm: Model = async function* llm() {
    for (const text of ['Hello', ', ', 'johndoe']) {
      await new Promise((resolve) => { setTimeout(resolve, 5); });
      yield { text, tokens: 400 };
    }
  };

  /** The Chat-Proxy-Service of the diagram, arrow by arrow. */
  async function chat({ sessionId, jwt, estimatedTokens = ESTIMATE }: ChatRequest, model: Model = llm): Promise<ChatReply> {
    const token = jwt ?? await lab.login();
    const { totalCredits } = await lab.balance(token);
    const estimate = Number((await lab.call('POST', '/api/credits/calculate', token, {
      modelId: 'gpt-4', tokens: estimatedTokens,
    })).body['credits']);
    if (totalCredits < estimate) return { error: 'Insufficient Credits' };
    const session = await lab.call('POST', '/api/streaming-sessions/initialize', token, { sessionId, modelId: 'gpt-4', estimatedTokens });
    if (session.status === 402) return { error: 'Insufficient Credits' };
    expect(session.status).toBe(201);
    let text = '';
    let tokens = 0;
    try {
      for await (const chunk of model()) {
        text += chunk.text;
        tokens += chunk.tokens;
      }
    } catch {
      expect((await lab.call('POST', '/api/streaming-sessions/abort', token, { sessionId, tokensGenerated: tokens })).status).toBe(200);
      return { error: 'The model failed' };
    }
    expect((await lab.call('POST', '/api/streaming-sessions/finalize', token, {
      sessionId, actualTokens: tokens, responseContent: text, duration: 15,
    })).status).toBe(200);
    return { text, balance: (await lab.balance(token)).totalCredits };
  }

  test('step by step: balance, initialize, stream, finalize, updated balance', async () => {
    expect(await total()).toBe(100);
    const session = { sessionId: 'chat-1', modelId: 'gpt-4', estimatedTokens: ESTIMATE };
    const initialized = await lab.call('POST', '/api/streaming-sessions/initialize', token, session);
    // 7.50 and a fifth more, pre-allocated
    expect([initialized.status, initialized.body]).toEqual([201, { sessionId: 'chat-1', allocatedCredits: 9, status: 'active' }]);
    expect(await total()).toBe(91);
    expect(await active()).toMatchObject([{
      sessionId: 'chat-1', userId: JOHN.id, modelId: 'gpt-4', estimatedCredits: 7.5, allocatedCredits: 9, usedCredits: 0,
      status: 'active',
    }]);
    let tokens = 0;
    for await (const chunk of llm()) tokens += chunk.tokens;
    const finalized = await lab.call('POST', '/api/streaming-sessions/finalize', token, { sessionId: 'chat-1', actualTokens: tokens });
    expect([finalized.status, finalized.body]).toMatchObject([200, { sessionId: 'chat-1', actualCredits: 6, refund: 3 }]);
    expect([await total(), await active()]).toEqual([94, []]);
  });

  test('with credentials: the proxy logs in; with a JWT: it does not', async () => {
    const before = lab.auth.logins.length;
    expect(await chat({ sessionId: 'chat-jwt', jwt: token })).toEqual({ text: 'Hello, johndoe', balance: 94 });
    expect(lab.auth.logins.length).toBe(before);
    expect(await chat({ sessionId: 'chat-credentials' })).toEqual({ text: 'Hello, johndoe', balance: 88 });
    expect(lab.auth.logins.slice(before)).toEqual(['johndoe']);
  });

  test('insufficient: an error to the client, and neither a session nor a charge', async () => {
    const before = await entriesOfUsage();
    expect(await chat({ sessionId: 'chat-poor', jwt: token, estimatedTokens: 20_001 })).toEqual({ error: 'Insufficient Credits' });
    expect([await total(), await active(), await entriesOfUsage()]).toEqual([100, [], before]);
  });

  test('enough for the estimate but not for its reserve: 402, an error to the client, and nothing is taken', async () => {
    // 19 000 tokens are 95 credits, and reserve 114.
    expect(await chat({ sessionId: 'chat-reserve', jwt: token, estimatedTokens: 19_000 })).toEqual({ error: 'Insufficient Credits' });
    expect([await total(), await active()]).toEqual([100, []]);
  });

  test('30 messages at once on one balance: those that were let in are paid, the others told, nothing is spent twice', async () => {
    await lab.fund(JOHN, 40);
    const replies = await Promise.all(Array.from({ length: 30 }, (_, index) => chat({ sessionId: `chat-crowd-${index}`, jwt: token })));
    const served = replies.filter((reply) => 'text' in reply).length;
    // Four reserves of 9 fit at once; what they give back may let in one or two more.
    expect(served).toBeGreaterThanOrEqual(4);
    expect(served).toBeLessThanOrEqual(6);
    expect([await total(), await active()]).toEqual([40 - 6 * served, []]);
  });

  test('the model fails in the middle: aborted, and only what was generated is paid', async () => {
    const breaking: Model = async function* breaking() {
      for await (const chunk of llm()) {
        yield chunk;
        throw new Error('out of order');
      }
    };
    expect(await chat({ sessionId: 'chat-broken', jwt: token }, breaking)).toEqual({ error: 'The model failed' });
    expect([await total(), await active()]).toEqual([98, []]);
  });
});
