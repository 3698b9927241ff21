import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createApp, listRoutes } from '../../../src/compose/app.js';
import { admission, isTooFar, type Urgency } from '../../../src/edge/http/admission.js';
import { httpServer } from '../../../src/edge/http/server.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { fakeGateway, send, type FakeGateway } from '../../support/fake-gateway.js';

const TIMEOUT_MS = 150;
const IN_FLIGHT_MAX = 1_000;
const idle = { turnMs: 0, redisMs: 0, inFlight: 0 };
const refused = (behind: Partial<typeof idle>): Urgency[] =>
  (['begin', 'other', 'end'] as const).filter((each) => isTooFar({ ...idle, ...behind }, each, TIMEOUT_MS, IN_FLIGHT_MAX));

test.each<[string, Partial<typeof idle>, Urgency[]]>([
  ['idle', {}, []],
  ['turns at the limit', { turnMs: 300 }, []],
  ['turns beyond it', { turnMs: 301 }, ['begin', 'other']],
  ['turns far beyond it', { turnMs: 2_401 }, ['begin', 'other', 'end']],
  ['calls that wait for more than half of their deadline', { redisMs: 76 }, ['begin']],
  ['too many calls under way: the rest is for ends', { inFlight: 801 }, ['begin']],
])('%s', (_, behind, expected) => { expect(refused(behind)).toEqual(expected); });

const nextTurn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

test('it is measured: one long turn is a hiccup, a second makes the process refuse, and it comes back by itself', async () => {
  const counted: Urgency[] = [];
  let nowMs = 0;
  const { assertAdmits, behind } = admission({
    timeoutMs: 500, oldestCallMs: () => 0, inFlight: () => 0, inFlightMax: IN_FLIGHT_MAX,
    onRefused: (urgency) => counted.push(urgency), now: () => nowMs,
  });
  const longTurn = async (): Promise<void> => {
    nowMs += 25; // a new sample is due
    assertAdmits('begin');
    await nextTurn(); // the sample begins
    nowMs += 1_200;
    await nextTurn();
    await nextTurn();
  };
  await longTurn();
  expect(behind().turnMs).toBe(0);
  await longTurn();
  expect(behind().turnMs).toBe(1_200);
  expect(() => { assertAdmits('begin'); }).toThrow('the gateway is busy');
  assertAdmits('end');
  expect(counted).toEqual(['begin']);
  nowMs += 25; // a new sample is due
  assertAdmits('end');
  await nextTurn();
  await nextTurn();
  await nextTurn();
  assertAdmits('begin');
});

test('what Redis made calls wait is forgotten after a pause: the first request of a quiet minute is not refused for it', async () => {
  let nowMs = 0;
  const { assertAdmits, behind } = admission({
    timeoutMs: TIMEOUT_MS, oldestCallMs: () => 100, inFlight: () => 0, inFlightMax: IN_FLIGHT_MAX, onRefused: () => undefined,
    now: () => nowMs,
  });
  assertAdmits('begin');
  await nextTurn();
  await nextTurn();
  await nextTurn();
  expect(() => { assertAdmits('begin'); }).toThrow('the gateway is busy');
  assertAdmits('other');
  nowMs += 3_000;
  expect(behind().redisMs).toBe(0);
  assertAdmits('begin');
});

test('a stall of Redis that has ended refuses nothing more, even before it is sampled anew', async () => {
  let oldestMs = 100;
  const { assertAdmits } = admission({
    timeoutMs: TIMEOUT_MS, oldestCallMs: () => oldestMs, inFlight: () => 0, inFlightMax: IN_FLIGHT_MAX, onRefused: () => undefined,
    now: () => 0,
  });
  assertAdmits('begin');
  await nextTurn();
  await nextTurn();
  await nextTurn();
  expect(() => { assertAdmits('begin'); }).toThrow('the gateway is busy');
  oldestMs = 2;
  assertAdmits('begin');
  oldestMs = 100; // waits again, within the time of the sample
  expect(() => { assertAdmits('begin'); }).toThrow('the gateway is busy');
});

let gateway: FakeGateway;
beforeAll(async () => { gateway = await fakeGateway(); });
afterAll(() => gateway.stop());

test('a process that is behind refuses every route before its work, but for probes; ends of holds pass', async () => {
  const busy = { ...gateway.deps, admission: { assertAdmits: (urgency: Urgency) => {
    if (urgency !== 'end') throw new GatewayError('ledger_unavailable', 'busy', { outcome: 'not_executed' });
  } } };
  const server = httpServer(createApp(busy));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const passed: string[] = [];
  for (const { method, path, gate } of listRoutes(busy)) {
    const answer = await send(url + path.replaceAll(/:\w+/g, 'x'), method);
    const isRefused = answer.status === 503 && answer.body['outcome'] === 'not_executed' && answer.headers.get('retry-after') === '1';
    if (!isRefused && gate.kind !== 'public') passed.push(`${method} ${path}`);
    if (gate.kind === 'public') expect(answer.status).toBe(200);
  }
  server.close();
  expect(passed).toEqual(['POST /api/streaming-sessions/finalize', 'POST /api/streaming-sessions/abort']);
});
