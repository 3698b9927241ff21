import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MODEL_LABELS_MAX } from '../../../src/kit/limits.js';
import { METRICS, type MetricKey } from '../../../src/kit/metrics/catalogue.js';
import type { MetricSpec } from '../../../src/kit/metrics/metric-spec.js';
import { creditsLab, SERVER_KEY, type Lab } from '../../contract/credits-process/lab.js';
import { send } from '../../support/fake-gateway.js';
import { inParallel } from '../../support/parallel.js';
import { throwawayRedis, type TestRedis } from '../../support/servers.js';
import { patience, volume } from '../../support/volume.js';

/**
 * Prometheus keeps every series it has ever seen, so users must not be able to create any: many users with model names,
 * e-mails, request ids and paths of their own leave as many series as ten users do. A soak has ten thousand users.
 */
const USERS = volume(1_000, 10_000);
/** Some pay, and some have a token; the others are refused at once, which is cheap. */
const PAYING = Math.max(USERS / 20, 150);
const TOKENS = volume(40, 150);
const WIDTH = 48;
/** More priced models than get a label of their own. */
const PRICED_MODELS = MODEL_LABELS_MAX + 10;

let redis: TestRedis;
let lab: Lab;
beforeAll(async () => {
  // A round of the eviction, which measures the accounts in Redis, takes as many steps as the server has keys.
  redis = await throwawayRedis();
  lab = await creditsLab({}, { redisUrl: redis.url });
  for (let model = 0; model < PRICED_MODELS; model += 1) {
    const { status } = await lab.admin('PUT', '/v1/prices/models', {
      model: `priced-${model}`, prices: { input: '0.0000003', output: '0.0000025' }, moneyPerCredit: '0.00001',
    });
    expect(status).toBe(200);
  }
});
afterAll(async () => {
  await lab.stop();
  await redis.discard();
});

const metricsText = async (): Promise<string> => (await send(`${lab.gateway.operationsUrl}/metrics`, 'GET')).text;
/** The gateway's own series; Node's depend on the process, not on users. */
const seriesIn = (text: string): string[] => [...text.matchAll(/^(cg_\S+?(?:\{.*\})?) \S+$/gm)].map(([, series = '']) => series);
const valueOf = (text: string, series: string): number =>
  Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.slice(series.length + 1) ?? '0');

const asServer = (user: number) => ({ 'x-server-api-key': SERVER_KEY, 'x-request-id': `crowd-request-${user}` });
const usage = (user: number) => ({
  user_id: `crowd-user-${user}`, usage_key: `crowd-key-${user}`, feature_endpoint_value: 'ai_chat_v1',
  ai_model: user % 2 === 0 ? `priced-${(user / 2) % PRICED_MODELS}` : `crowd-model-${user}`,
});

const paying = async (user: number): Promise<void> => {
  expect((await lab.post('/api/credits-process/end', { ...usage(user), input_tokens: 10 + user, output_tokens: 5 }, asServer(user))).status)
    .toBe(200);
  if (user % 10 === 0) {
    expect((await lab.post('/api/credits-process/start', usage(user), asServer(user))).body.data.status).toBe('not-accessible');
  }
};

const refused = async (user: number): Promise<void> => {
  expect((await lab.post('/api/credits-process/end', { ...usage(user), input_tokens: `crowd-${user}` }, asServer(user))).status).toBe(400);
};

const byToken = async (user: number): Promise<void> => {
  const token = await lab.gateway.token({
    sub: `crowd-caller-${user}`, email: `crowd-${user}@example.com`, username: `crowd-name-${user}`,
  });
  const call = (method: string, path: string, body?: object) => send(lab.gateway.url + path, method, {
    token, headers: { 'x-request-id': `crowd-request-${user}` }, ...(body === undefined ? {} : { body }),
  });
  const statuses = [
    await call('POST', '/api/streaming-sessions/initialize', {
      sessionId: `crowd-session-${user}`, modelId: `crowd-model-${user}`, estimatedTokens: 1_000,
    }),
    await call('POST', '/api/credits/check', { credits: 1 + user }),
    await call('POST', '/api/usage/record', {
      service: `crowd-service-${user}`, operation: 'x', credits: 0, metadata: { model: `crowd-model-${user}`, tokens: user },
    }),
    await call('GET', `/api/credits/crowd-path-${user}`),
    await send(`${lab.gateway.url}/crowd-path-${user}`, 'GET'),
    await send(`${lab.gateway.url}/api/credits/balance`, 'GET', { token: `crowd-token-${user}` }),
  ].map(({ status }) => status);
  expect(statuses).toEqual([402, 200, 201, 404, 404, 401]);
};

type Crowd = { readonly paying: number; readonly tokens: number; readonly refused: number };

/** Sends the requests of further users, until there are that many. */
async function crowd(had: Crowd, until: Crowd): Promise<string> {
  const each = (kind: keyof Crowd, work: (user: number) => Promise<void>) =>
    Array.from({ length: until[kind] - had[kind] }, (_, index) => () => work(had[kind] + index));
  await inParallel(WIDTH, [...each('paying', paying), ...each('tokens', byToken), ...each('refused', (user) => refused(USERS + user))]);
  // Waits until all of it is in Postgres, and therefore in the metrics.
  for (const deadline = Date.now() + 120_000; ;) {
    const text = await metricsText();
    if (valueOf(text, 'cg_holds_ended_total{ending="settled"}') >= until.paying) return text;
    if (Date.now() > deadline) throw new Error('it never arrived in Postgres');
    await sleep(100);
  }
}

/** Waits for the periodic measurements: otherwise their series would seem to come from users. */
async function everythingMeasured(): Promise<string> {
  const single = Object.values<MetricSpec>(METRICS).filter(({ labels }) => Object.keys(labels).length === 0);
  for (const deadline = Date.now() + 120_000; ;) {
    const text = await metricsText();
    const missing = single.filter(({ name, type }) => !text.includes(type === 'histogram' ? `\n${name}_count ` : `\n${name} `));
    if (missing.length === 0) return text;
    if (Date.now() > deadline) throw new Error(`never measured: ${missing.map(({ name }) => name).join(', ')}`);
    await sleep(100);
  }
}

test(`${USERS} users leave as many series as ten users do`, async () => {
  const nobody: Crowd = { paying: 0, tokens: 0, refused: 0 };
  const tenUsers: Crowd = { paying: 4, tokens: 3, refused: 3 };
  const allUsers: Crowd = { paying: PAYING, tokens: TOKENS, refused: USERS - PAYING - TOKENS };
  const few = await crowd(nobody, tenUsers);
  const before = new Set(seriesIn(await everythingMeasured()));
  const many = await crowd(tenUsers, allUsers);
  const after = seriesIn(many);
  expect(new Set(after).size).toBe(after.length);

  const modelMetrics = (['modelHeld', 'modelCaptured', 'modelTokens', 'modelMessages'] as const satisfies MetricKey[]).map((key) =>
    METRICS[key].name);
  const isOfModel = (series: string): boolean => modelMetrics.some((name) => series.startsWith(`${name}{`));
  expect(after.filter((series) => !before.has(series) && !isOfModel(series))).toEqual([]);
  for (const name of modelMetrics) {
    const labels = after.filter((series) => series.startsWith(`${name}{`)).map((series) => /model="(.*)"/.exec(series)?.[1] ?? '');
    expect(labels).toHaveLength(MODEL_LABELS_MAX + 2);
    expect(labels.filter((label) => !/^priced-\d+$/.test(label)).sort()).toEqual(['other', 'unknown']);
  }

  for (const text of [few, many]) expect(text).not.toMatch(/crowd/);
  // All users were counted.
  expect(valueOf(many, 'cg_holds_ended_total{ending="settled"}')).toBe(PAYING);
  expect(valueOf(many, 'cg_refusals_total{reason="invalid_request"}')).toBe(allUsers.refused);
  expect(valueOf(many, 'cg_refusals_total{reason="insufficient_credits"}')).toBe(PAYING / 10 + TOKENS);
  expect(valueOf(many, 'cg_refusals_total{reason="check_negative"}')).toBe(TOKENS);
  expect(valueOf(many, 'cg_model_messages_total{model="unknown"}')).toBe(PAYING / 2 + TOKENS);
}, patience(900_000));
