import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { mintToken, type TokenClaims } from '../../src/edge/auth/mint-token.js';
import { SETTLEMENT_QUEUES } from '../../src/edge/queues/queues.js';
import { queuePrefix } from '../../src/stores/redis/queue-connections.js';
import { randomOf } from '../../test/support/random.js';

export type TrafficOptions = {
  readonly url: string; readonly redisUrl: string; readonly namespace: string; readonly secret: string; readonly serverKey: string;
  /** What each of five callers waits after a turn of some requests. */
  readonly pauseMs?: number;
};

export type Traffic = {
  /** Answers by status and route; status 0: there was none. */
  readonly answers: ReadonlyMap<string, number>;
  readonly stop: () => Promise<void>;
};

const MODELS = ['gpt-4', 'anthropic.claude-3-sonnet-20240229-v1:0', 'amazon.nova-lite-v1:0', 'somebody-elses-model'];
const USERS = 12;
const CALLERS = 4;
const PAUSE_MS = 60;
const RICH = 5_000;
const TOKEN_TTL_SECONDS = 3_000;
/** A frozen account keeps trying, as its user would; nothing is written to it. */
export const FROZEN = 'user-frozen';

/** Everything that a metric counts, again and again until it is stopped: holds of every ending, refusals, repeats, queues. */
export async function startTraffic({ url, redisUrl, namespace, secret, serverKey, pauseMs = PAUSE_MS }: TrafficOptions): Promise<Traffic> {
  const random = randomOf(7);
  const answers = new Map<string, number>();
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined); // it is going to be hurt
  const queues = SETTLEMENT_QUEUES.map((name) => new Queue<unknown>(name, { connection: redis, prefix: queuePrefix(namespace) }));
  for (const queue of queues) queue.on('error', () => undefined);

  const call = async (
    headers: Readonly<Record<string, string>>, method: string, path: string, body?: object,
  ): Promise<Record<string, unknown>> => {
    const response = await fetch(url + path, {
      method, headers: { 'content-type': 'application/json', ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => null);
    const kind = `${response?.status ?? 0} ${path}`;
    answers.set(kind, (answers.get(kind) ?? 0) + 1);
    return await response?.json().catch(() => ({})) as Record<string, unknown> | undefined ?? {};
  };
  const bearer = async (claims: TokenClaims): Promise<Readonly<Record<string, string>>> =>
    ({ authorization: `Bearer ${await mintToken(secret, claims, TOKEN_TTL_SECONDS, Date.now())}` });
  const admin = await bearer({ sub: 'operator', role: 'admin' });
  const server = { 'x-server-api-key': serverKey };
  const grant = (userId: string, credits: number): Promise<unknown> =>
    call(admin, 'POST', '/api/credits/allocate', { userId, credits, expiryDays: 30 });

  await call(admin, 'POST', '/api/admin/feature-endpoints', { feature: 'ai_chat', name: 'AI chat', value: 'ai_chat_v1', min_credits: 10 });
  await call(admin, 'POST', '/api/admin/packages', { name: 'Free', is_initial: true, features: [{ feature: 'ai_chat' }] });
  const users = await Promise.all(Array.from({ length: USERS }, async (_, index) => {
    const id = `user-${index}`;
    await grant(id, index % 3 === 0 ? 4 : RICH);
    return { id, headers: await bearer({ sub: id }) };
  }));
  await grant(FROZEN, RICH);
  await call(admin, 'POST', `/v1/accounts/${FROZEN}/freeze`, { reason: 'its card was reported stolen' });
  const frozen = await bearer({ sub: FROZEN });

  /** One user's next minute of a chat, in no particular order. */
  const turn = async (): Promise<void> => {
    const user = random.pick(users);
    const post = (path: string, body: object): Promise<Record<string, unknown>> => call(user.headers, 'POST', path, body);
    const sessionId = randomBytes(8).toString('hex');
    const estimatedTokens = random.integer(50, 600);
    const opening = { sessionId, modelId: random.pick(MODELS), estimatedTokens };
    await post('/api/credits/check', { credits: random.integer(1, 50) });
    const { allocatedCredits } = await post('/api/streaming-sessions/initialize', opening);
    const fate = random.next();
    if (allocatedCredits === undefined) return; // refused
    const usage = { sessionId, actualTokens: Math.floor(estimatedTokens * random.next()) };
    if (fate < 0.5) await post('/api/streaming-sessions/finalize', usage);
    else if (fate < 0.7) await post('/api/streaming-sessions/finalize', { sessionId, actualTokens: estimatedTokens * 8 });
    else if (fate < 0.8) await post('/api/streaming-sessions/abort', { sessionId });
    else if (fate < 0.9) await post('/api/streaming-sessions/abort', { sessionId, tokensGenerated: 10 });
    // The others are forgotten: the sweeper ends them.
    if (fate < 0.3) await post('/api/streaming-sessions/initialize', opening);
    if (fate < 0.1) await post('/api/streaming-sessions/finalize', usage); // a repeat
    if (fate < 0.2) await post('/api/usage/record', { service: 'image', operation: 'draw', credits: 0.5 });
    if (fate > 0.9) await post('/api/credits/deduct', { credits: RICH * 100 });
    if (fate > 0.95) await grant(user.id, 20);
  };

  /** Requests of servers, by HTTP and by queue; some of them cannot be settled. */
  const serverTurn = async (): Promise<void> => {
    const { id: user_id } = random.pick(users);
    const started = await call(server, 'POST', '/api/credits-process/start', { user_id, feature_endpoint_id: 'ai_chat_v1' });
    const { usage_key } = started['data'] as { usage_key?: string } | undefined ?? {};
    const usages = [{ ai_model: 'gpt-4', input_tokens: 100, output_tokens: random.integer(1, 60) }];
    if (usage_key !== undefined) await random.pick(queues).add('end', { user_id, usage_key, feature_endpoint_id: 'ai_chat_v1', usages });
    if (random.chance(0.05)) await random.pick(queues).add('end', { user_id, feature_endpoint_id: 'nobody_knows_it', usages });
    await call(frozen, 'POST', '/api/credits/deduct', { credits: 1 });
    await call({ authorization: 'Bearer nonsense' }, 'GET', '/api/credits/balance');
    await call(admin, 'GET', '/api/usage/system-stats');
  };

  let isStopping = false;
  const loop = async (work: () => Promise<void>): Promise<void> => {
    while (!isStopping) {
      await work().catch(() => undefined); // a server is away, and meant to be
      await sleep(pauseMs);
    }
  };
  const callers = [...Array.from({ length: CALLERS }, () => loop(turn)), loop(serverTurn)];
  return {
    answers,
    stop: async () => {
      isStopping = true;
      await Promise.all(callers);
      await Promise.all(queues.map((queue) => queue.close()));
      redis.disconnect();
    },
  };
}
