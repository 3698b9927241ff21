import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectPostgres, apiProfile } from '../../../src/stores/postgres/connect.js';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { startCollector, type Collector, type ReceivedSpan } from './collector.js';

const SERVER = 2;
const CLIENT = 3;
const CONSUMER = 5;

/** The whole gateway with a collector. The sampling ratio is 0: only requests with a sampled `traceparent` are traced. */
let collector: Collector;
let gateway: TestGateway;
beforeAll(async () => {
  collector = await startCollector();
  gateway = await startGateway({ environment: {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.endpoint}/`, OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=credits%20team',
    OTEL_SERVICE_NAME: 'credits-test', OTEL_TRACES_SAMPLER_ARG: '0',
  } });
});
afterAll(async () => {
  await gateway.stop();
  await collector.stop();
});

const newTrace = (flags = '01'): { traceId: string; spanId: string; traceparent: string } => {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
};

type Streamer = { readonly sub: string; readonly token: string; call(step: string, body: object, traceparent?: string): Promise<Answer> };

async function streamer(): Promise<Streamer> {
  const sub = `private-${randomUUID()}`;
  const token = await gateway.token({ sub, role: 'enduser' });
  const admin = await gateway.token({ sub: 'admin', role: 'admin' });
  expect((await send(`${gateway.url}/api/credits/allocate`, 'POST', { token: admin, body: { userId: sub, credits: 100 } })).status)
    .toBe(201);
  return {
    sub, token,
    call: (step, body, traceparent) => send(`${gateway.url}/api/streaming-sessions/${step}`, 'POST', {
      token, body, headers: traceparent === undefined ? {} : { traceparent },
    }),
  };
}

const session = { modelId: 'amazon.nova-lite-v1:0', estimatedTokens: 10_000 };
const only = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const [found, ...more] = spans.filter((span) => span.name === name);
  if (found === undefined || more.length > 0) {
    throw new Error(`${more.length + (found === undefined ? 0 : 1)} spans ${name} among ${spans.map((span) => span.name).join(', ')}`);
  }
  return found;
};
const INITIALIZE = 'POST /api/streaming-sessions/initialize';
const FINALIZE = 'POST /api/streaming-sessions/finalize';

test('one trace shows a settle from the caller to the commit in Postgres', async () => {
  const alice = await streamer();
  await alice.call('initialize', { sessionId: 's1', ...session });
  const { traceId, spanId, traceparent } = newTrace();
  const answer = await alice.call('finalize', { sessionId: 's1', actualTokens: 5_000, success: true }, traceparent);
  expect(answer.status).toBe(200);

  const spans = await collector.trace(traceId, FINALIZE, 'drain', 'drained');
  const request = only(spans, FINALIZE);
  const script = only(spans, 'script settle-hold');
  const drained = only(spans, 'drained');
  const drain = only(spans, 'drain');
  expect(request).toMatchObject({ kind: SERVER, parentSpanId: spanId });
  expect(request.attributes).toEqual({
    'http.request.method': 'POST', 'http.route': '/api/streaming-sessions/finalize', 'http.response.status_code': 200,
    'credits.request_id': answer.headers.get('x-request-id'),
  });
  expect(script).toMatchObject({
    kind: CLIENT, parentSpanId: request.spanId, attributes: { 'db.system.name': 'redis', 'credits.script.reply': 'ended' },
  });
  expect(drained).toMatchObject({ kind: CONSUMER, parentSpanId: script.spanId, links: [{ traceId, spanId: drain.spanId }] });
  expect(drain).toMatchObject({ kind: CONSUMER, parentSpanId: script.spanId });
  expect(drain.attributes['credits.drain.entries']).toBeGreaterThan(0);
  for (const name of ['copy entries', 'copy entry_details', 'COMMIT']) {
    expect(only(spans, name)).toMatchObject({ kind: CLIENT, parentSpanId: drain.spanId, attributes: { 'db.system.name': 'postgresql' } });
  }
  expect(spans.every(({ status }) => status.code !== 2)).toBe(true);
});

test('entries of several requests that share a batch each appear in their own trace', async () => {
  const streamers = await Promise.all(Array.from({ length: 6 }, streamer));
  const traces = streamers.map(() => newTrace());
  await Promise.all(streamers.map((each, index) =>
    each.call('initialize', { sessionId: `b${index}`, ...session }, traces[index]?.traceparent)));
  for (const { traceId } of traces) {
    const spans = await collector.trace(traceId, INITIALIZE, 'drained');
    expect(only(spans, 'drained').parentSpanId).toBe(only(spans, 'script place-hold').spanId);
    // A statement of one request never appears below a span of another.
    expect(spans.filter(({ kind, parentSpanId }) => kind !== SERVER && !spans.some((span) => span.spanId === parentSpanId))).toEqual([]);
  }
});

test('statements of money-in in Postgres are part of its request', async () => {
  const admin = await gateway.token({ sub: 'admin', role: 'admin' });
  const { traceId, traceparent } = newTrace();
  await send(`${gateway.url}/api/credits/allocate`, 'POST', {
    token: admin, body: { userId: randomUUID(), credits: 5 }, headers: { traceparent },
  });
  const spans = await collector.trace(traceId, 'POST /api/credits/allocate', 'drained');
  const request = only(spans, 'POST /api/credits/allocate');
  expect(only(spans, 'script grant-lot').parentSpanId).toBe(request.spanId);
  expect(spans.filter(({ name, parentSpanId }) => name.endsWith('money_in') && parentSpanId === request.spanId).map(({ name }) => name))
    .toContain('insert money_in');
});

test('only the drain sees the trace of an entry', async () => {
  const alice = await streamer();
  const place = newTrace();
  const settle = newTrace();
  const body = { sessionId: 's1', actualTokens: 5_000, success: true };
  await alice.call('initialize', { sessionId: 's1', ...session }, place.traceparent);
  const active = await send(`${gateway.url}/api/streaming-sessions/active`, 'GET', { token: alice.token });
  expect(active.body).toMatchObject([{ sessionId: 's1', modelId: session.modelId, estimatedCredits: 6 }]);
  const first = await alice.call('finalize', body, settle.traceparent);
  const replay = await alice.call('finalize', body);
  expect([replay.status, replay.text, replay.headers.get('idempotency-replayed')]).toEqual([first.status, first.text, 'true']);
  await collector.trace(settle.traceId, 'drained');
  await collector.trace(place.traceId, 'drained');

  const db = connectPostgres(gateway.databaseUrl, apiProfile(5_000));
  const { rows } = await db.raw<{ rows: { about: string }[] }>(
    `select about from entry_details where account_id = :sub union all select about from holds where account_id = :sub
      union all select end_about from holds where account_id = :sub`, { sub: alice.sub });
  await db.destroy();
  expect(rows).toHaveLength(5);
  for (const { about } of rows) {
    expect(about).not.toContain('"trace"');
    expect(JSON.parse(about)).toEqual(expect.any(Object));
  }
});

describe('which requests are traced', () => {
  test('a request that the caller did not sample is not sampled here', async () => {
    const alice = await streamer();
    const unsampled = newTrace('00');
    await alice.call('initialize', { sessionId: 's1', ...session }, unsampled.traceparent);
    await alice.call('initialize', { sessionId: 's2', ...session }, 'nonsense');
    await alice.call('initialize', { sessionId: 's3', ...session });
    const marker = newTrace();
    await alice.call('finalize', { sessionId: 's3', actualTokens: 1, success: true }, marker.traceparent);
    await collector.trace(marker.traceId, 'drained');
    expect(collector.spans.filter(({ traceId }) => traceId === unsampled.traceId)).toEqual([]);
    expect(collector.spans.filter(({ name, parentSpanId }) => name.startsWith('POST') && parentSpanId === undefined)).toEqual([]);
  });

  test('answers are the same with and without', async () => {
    const alice = await streamer();
    const names = ({ headers }: Answer): string[] => [...headers.keys()].filter((name) => name !== 'date');
    const untraced = await alice.call('initialize', { sessionId: 's1', ...session });
    const traced = await alice.call('initialize', { sessionId: 's2', ...session }, newTrace().traceparent);
    expect(names(traced)).toEqual(names(untraced));
    expect(Object.keys(traced.body)).toEqual(Object.keys(untraced.body));
  });
});

test('refusals and unknown paths are distinguished from errors, and no path is exported', async () => {
  const alice = await streamer();
  const [missing, refused] = [newTrace(), newTrace()];
  await send(`${gateway.url}/somewhere/${alice.sub}`, 'GET', { headers: { traceparent: missing.traceparent } });
  await alice.call('finalize', { sessionId: 'never', actualTokens: 1, success: true }, refused.traceparent);
  const [unknown] = await collector.trace(missing.traceId, 'GET');
  expect(unknown).toMatchObject({ name: 'GET', attributes: { 'http.response.status_code': 404 } });
  expect(unknown?.attributes['http.route']).toBeUndefined();
  expect(only(await collector.trace(refused.traceId, FINALIZE), 'script settle-hold').attributes['credits.script.reply'])
    .toBe('hold_not_found');
});

test('exported spans contain no account, no request data and no credentials', async () => {
  const alice = await streamer();
  const { traceId, traceparent } = newTrace();
  await alice.call('initialize', { sessionId: 'very-own-session', ...session }, traceparent);
  await collector.trace(traceId, 'drained');
  const told = collector.texts.join('\n');
  for (const secret of [alice.sub, 'private-', alice.token, 'very-own-session', 'nova-lite', 'eyJ']) expect(told).not.toContain(secret);
  expect(told).toContain('credits-test');
  expect(collector.requests[0]).toMatchObject({
    path: '/v1/traces', headers: { 'x-tenant': 'credits team', 'content-type': 'application/json' },
  });
});
