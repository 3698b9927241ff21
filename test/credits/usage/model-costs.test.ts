import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { modelCosts } from '../../../src/credits/usage/model-costs.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { creditsLab, type Lab } from '../../contract/credits-process/lab.js';
import { send, type Answer } from '../../support/fake-gateway.js';
import { modelHoursAgainstEntries } from '../../support/model-hours.js';

let lab: Lab;
let db: Db;
let alice: string;
let boss: string;
beforeAll(async () => {
  lab = await creditsLab();
  db = connectPostgres(lab.gateway.databaseUrl, apiProfile(20_000));
  [
    alice, boss,
  ] = await Promise.all([lab.gateway.token({ sub: USER, role: 'user' }), lab.gateway.token({ sub: 'boss', role: 'supervisor' })]);
});
afterAll(async () => {
  await db.destroy();
  await lab.stop();
});

const USER = '65f0c0ffee65f0c0ffee65f0';
const LITE = 'amazon.nova-lite-v1:0';

type Cost = {
  readonly model: string;
  readonly messages: number;
  readonly tokens: number;
  readonly held: number;
  readonly captured: number;
  readonly captureRatio: number | null;
};
const get = (path: string): Promise<Answer> => send(lab.gateway.url + path, 'GET', { token: boss });
const costs = async (query = ''): Promise<readonly Cost[]> => {
  const { status, body } = await get(`/v1/models/costs${query}`);
  expect([status, body['upToDate']]).toEqual([200, true]);
  type Sent = Omit<Cost, 'held' | 'captured'> & { readonly held: string; readonly captured: string };
  return (body['models'] as Sent[]).map((each) => ({ ...each, held: Number(each.held), captured: Number(each.captured) }));
};
const post = async (path: string, body: object): Promise<Answer> => {
  const answer = await send(lab.gateway.url + path, 'POST', { token: alice, body });
  if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
  return answer;
};
const stream = async (sessionId: string, modelId: string, estimatedTokens: number): Promise<void> => {
  await post('/api/streaming-sessions/initialize', { sessionId, modelId, estimatedTokens });
};

/** Until the workers have expired what is past its lease. */
async function expired(): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const { rows } = await db.raw<{ rows: object[] }>(`select from entries where kind = 'expire_hold'`);
    if (rows.length > 0) return;
    if (Date.now() > deadline) throw new Error('no hold expired');
    await sleep(50);
  }
}

test('every way to use a model is in its cost, to the micro, a moment later', async () => {
  expect(await costs()).toEqual([]);
  await lab.grant(USER, 10_000);
  await stream('s1', 'gpt-4', 1_500);
  await post('/api/streaming-sessions/finalize', { sessionId: 's1', actualTokens: 1_500 });
  expect(await costs()).toEqual([{ model: 'gpt-4', messages: 1, tokens: 1_500, held: 9, captured: 7.5, captureRatio: 7.5 / 9 }]);

  await stream('more', LITE, 10_000);
  await post('/api/streaming-sessions/finalize', { sessionId: 'more', actualTokens: 100_000 });
  await stream('nothing', LITE, 10_000);
  await post('/api/streaming-sessions/abort', { sessionId: 'nothing' });
  await stream('default', 'my-junk-17', 1_000);
  await post('/api/streaming-sessions/finalize', { sessionId: 'default', actualTokens: 500 });
  await post('/api/usage/record', { service: 'chat', operation: 'gpt-4', credits: 2.5, metadata: { tokens: 10 } });
  // Neither names a model.
  await post('/api/usage/record', { service: 'image', operation: 'generate', credits: 4 });
  await post('/api/credits/deduct', { credits: 1 });
  const several = await lab.post('/api/credits-process/end-multimodel', {
    user_id: USER, feature_endpoint_value: 'ai_chat_v1',
    usages: [{ ai_model: 'gpt-4', input_tokens: 1_000, output_tokens: 1_000 }, { ai_model: 'junk', output_tokens: 460 }],
  });
  expect(several.status).toBe(200);
  const [ofGpt4 = 0, ofJunk = 0] = several.body.data.details.map(({ credits }) => credits as number);
  expect(Math.min(ofGpt4, ofJunk)).toBeGreaterThan(0);

  await stream('late', 'gpt-4', 1_500);
  lab.gateway.advance(11 * 60_000);
  await expired();
  await post('/api/streaming-sessions/finalize', { sessionId: 'late', actualTokens: 1_500 });

  const all = await costs();
  const byModel = new Map(all.map(({ model, messages, tokens, held, captured }) => [model, { messages, tokens, held, captured }]));
  expect(byModel.get('gpt-4')).toEqual({
    messages: 4, tokens: 1_500 + 10 + 2_000 + 1_500, held: 9 + 9, captured: 7.5 + 2.5 + ofGpt4 + 7.5,
  });
  // Who aborts has settled, if only nothing.
  expect(byModel.get(LITE)).toEqual({ messages: 2, tokens: 100_000, held: 16, captured: 53 });
  expect(byModel.get('unknown')).toMatchObject({ messages: 2, tokens: 500 + 460 });
  expect(all.map(({ captured }) => captured)).toEqual(all.map(({ captured }) => captured).sort((a, b) => b - a));

  const { rows } = await db.raw<{
    rows: { captured: number; kinds: string[] }[];
  }>('select sum(captured)::bigint as captured, array_agg(distinct kind) as kinds from entries');
  expect(rows[0]?.kinds).toEqual(expect.arrayContaining(['charge', 'expire_hold', 'late_settle', 'settle']));
  const inModels = all.reduce((sum, { captured }) => sum + Math.round(captured * 1_000_000), 0);
  expect(inModels).toBe((rows[0]?.captured ?? 0) - 5_000_000);
  const hours = await db.raw<{ rows: { ok: boolean }[] }>(modelHoursAgainstEntries);
  expect(hours.rows.length).toBeGreaterThan(0);
  expect(hours.rows.filter(({ ok }) => !ok)).toEqual([]);
});

describe('asking', () => {
  test('of which time, and how many', async () => {
    expect(await costs('?to=2020-01-01T00:00:00Z')).toEqual([]);
    expect(await costs('?limit=1')).toHaveLength(1);
    const { body } = await get('/v1/models/costs?to=2026-03-08T00:00:00Z');
    expect([body['from'], body['to']]).toEqual(['2026-03-01T00:00:00.000Z', '2026-03-08T00:00:00.000Z']);
  });

  test.each([
    'from=yesterday', 'from=2026-03-01', 'limit=0', 'limit=101', 'limit=x', 'from=1&from=2',
    'from=2026-03-08T00:00:00Z&to=2026-03-08T00:00:00Z',
    'from=2026-03-09T00:00:00Z&to=2026-03-08T00:00:00Z', 'from=2024-03-08T00:00:00Z&to=2026-03-08T00:00:00Z', 'to=0',
  ])('%s is refused', async (query) => {
    expect((await get(`/v1/models/costs?${query}`)).status).toBe(400);
  });
});

test('a Postgres that is behind is asked all the same, and the answer says so; one that is away is not', async () => {
  const query = { fromMs: 0, toMs: 4e12, limit: 1 };
  const behind = await modelCosts({ db, freshen: () => Promise.resolve(false) }, query);
  expect([behind.isUpToDate, behind.models.length]).toEqual([false, 1]);
  const away = connectPostgres('postgres://localhost:1/none', apiProfile(500));
  await expect(modelCosts({ db: away, freshen: () => Promise.resolve(false) }, query)).rejects.toThrow(GatewayError);
  await away.destroy();
});
