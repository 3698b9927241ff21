import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createApp, listRoutes } from '../../../src/compose/app.js';
import { admission, busyError, isTooFar, type Urgency } from '../../../src/edge/http/admission.js';
import type { Route } from '../../../src/edge/http/routes.js';
import { httpServer, listen } from '../../../src/edge/http/server.js';
import { fakeGateway, send, type FakeGateway } from '../../support/fake-gateway.js';

const TIMEOUT_MS = 150;
const IN_FLIGHT_MAX = 1_000;
const idle = { turnMs: 0, redisMs: 0, expectedMs: 0, inFlight: 0 };
const refused = (behind: Partial<typeof idle>): Urgency[] =>
  (['begin', 'other', 'end'] as const).filter((each) => isTooFar({ ...idle, ...behind }, each, TIMEOUT_MS, IN_FLIGHT_MAX));

test.each<[string, Partial<typeof idle>, Urgency[]]>([
  ['idle', {}, []],
  ['turns at the limit', { turnMs: 300 }, []],
  ['turns beyond it', { turnMs: 301 }, ['begin', 'other']],
  ['turns far beyond it', { turnMs: 2_401 }, ['begin', 'other', 'end']],
  ['calls that wait for more than half of their deadline', { redisMs: 76 }, ['begin']],
  ['too many calls under way: the rest is for ends', { inFlight: 801 }, ['begin']],
  ['all calls that may be under way', { inFlight: 1_000 }, ['begin', 'end']],
  ['calls that are likely to wait for more than half of their deadline', { expectedMs: 76 }, ['begin']],
  ['calls that are likely to wait for all of it', { expectedMs: 151 }, ['begin', 'end']],
])('%s', (_, behind, expected) => { expect(refused(behind)).toEqual(expected); });

const nextTurn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

test('it is measured: one long turn is a hiccup, a second makes the process refuse, and it comes back by itself', async () => {
  const counted: Urgency[] = [];
  let nowMs = 0;
  const { assertAdmits, behind } = admission({
    timeoutMs: 500, oldestCallMs: () => 0, expectedMs: () => 0, inFlight: () => 0, inFlightMax: IN_FLIGHT_MAX,
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
    timeoutMs: TIMEOUT_MS, oldestCallMs: () => 100, expectedMs: () => 0, inFlight: () => 0, inFlightMax: IN_FLIGHT_MAX,
    onRefused: () => undefined, now: () => nowMs,
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
    timeoutMs: TIMEOUT_MS, oldestCallMs: () => oldestMs, expectedMs: () => 0, inFlight: () => 0, inFlightMax: IN_FLIGHT_MAX,
    onRefused: () => undefined, now: () => 0,
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

test('what arrived during a long turn of the process did not wait for Redis', async () => {
  let nowMs = 0;
  let oldestMs = 0;
  const { assertAdmits, behind } = admission({
    timeoutMs: TIMEOUT_MS, oldestCallMs: () => oldestMs, expectedMs: () => 0, inFlight: () => 0, inFlightMax: IN_FLIGHT_MAX,
    onRefused: () => undefined, now: () => nowMs,
  });
  assertAdmits('begin');
  await nextTurn(); // the sample begins
  nowMs += 140;
  oldestMs = 141;
  await nextTurn();
  await nextTurn();
  expect(behind().redisMs).toBe(1);
  assertAdmits('begin');
});

test('while turns are long, each takes on what fits its budget, and at least a crowd; ends have three times as much', async () => {
  const counted: Urgency[] = [];
  let nowMs = 0;
  const { assertAdmits, refuses, wouldRefuse } = admission({
    timeoutMs: TIMEOUT_MS, oldestCallMs: () => 0, expectedMs: () => 0, inFlight: () => 0, inFlightMax: IN_FLIGHT_MAX,
    onRefused: (urgency) => counted.push(urgency), now: () => nowMs,
  });
  const crowd = (): void => { for (let count = 0; count < 64; count += 1) assertAdmits('begin'); };
  const longTurn = async (): Promise<void> => {
    nowMs += 25; // a new sample is due
    assertAdmits('begin');
    await nextTurn();
    nowMs += 120;
    await nextTurn();
    await nextTurn();
  };
  crowd();
  nowMs += 51;
  assertAdmits('begin'); // turns were short until now
  await nextTurn();
  await nextTurn(); // the sample of the crowd has ended
  await longTurn();
  await longTurn();
  crowd();
  nowMs += 25;
  assertAdmits('begin');
  nowMs += 1;
  expect([wouldRefuse('begin'), refuses('begin'), refuses('end'), refuses('other')]).toEqual([true, true, false, false]);
  nowMs += 48;
  expect(wouldRefuse('end')).toBe(false);
  nowMs += 2;
  expect([refuses('end'), refuses('other')]).toEqual([true, false]);
  expect(counted).toEqual(['begin', 'end']);
  await nextTurn();
  assertAdmits('begin');
  nowMs += 101;
  assertAdmits('begin'); // fewer than a crowd are always taken on
});

let gateway: FakeGateway;
beforeAll(async () => { gateway = await fakeGateway(); });
afterAll(() => gateway.stop());

type BusyGateway = { readonly url: string; readonly routes: readonly Route[]; readonly asked: string[]; readonly stop: () => void };

/** A gateway that takes on nothing but ends. `isEarly`: it may say so before the middleware. `asked`: what reached the routes. */
async function busyGateway(isEarly: boolean): Promise<BusyGateway> {
  const refuses = (urgency: Urgency): boolean => urgency !== 'end';
  const asked: string[] = [];
  const deps = { ...gateway.deps, admission: {
    refuses, wouldRefuse: (urgency: Urgency) => isEarly && refuses(urgency),
    assertAdmits: (urgency: Urgency) => {
      asked.push(urgency);
      if (refuses(urgency)) throw busyError();
    },
  } };
  const server = httpServer(createApp(deps));
  const port = await listen(server, 0, '127.0.0.1');
  return { url: `http://127.0.0.1:${port}`, routes: listRoutes(deps), asked, stop: () => { server.close(); } };
}

test('a process that is behind refuses every route before its work, but for probes; ends of holds pass', async () => {
  const { url, routes, stop } = await busyGateway(true);
  const passed: string[] = [];
  for (const { method, path, gate } of routes) {
    const answer = await send(url + path.replaceAll(/:\w+/g, 'x'), method);
    const isRefused = answer.status === 503 && answer.body['outcome'] === 'not_executed' && answer.headers.get('retry-after') === '1';
    if (!isRefused && gate.kind !== 'public') passed.push(`${method} ${path}`);
    if (gate.kind === 'public') expect(answer.status).toBe(200);
  }
  stop();
  expect(passed).toEqual(['POST /api/streaming-sessions/finalize', 'POST /api/streaming-sessions/abort']);
});

test('what is refused before the middleware is answered and counted as the middleware does', async () => {
  const [early, late] = await Promise.all([true, false].map(busyGateway));
  if (early === undefined || late === undefined) throw new Error('no gateways');
  const refusals = async (): Promise<string | undefined> =>
    /^cg_refusals_total\{reason="ledger_unavailable"\} (\d+)$/m.exec(await gateway.metrics.text())?.[1];
  const told = async ({ url }: { readonly url: string }, method: string, path: string, extra: Record<string, string>): Promise<object> => {
    const before = Number(await refusals());
    const { status, headers, text } = await send(url + path.replaceAll(/:\w+/g, 'x'), method, {
      body: { amount: '1' }, headers: { 'x-request-id': 'one/of:the=caller', ...extra },
    });
    const seen = Object.fromEntries([...headers].filter(([name]) => name !== 'date'));
    return { status, seen, text, counted: Number(await refusals()) - before };
  };
  const posts = early.routes.filter(({ method, page, gate }) => method === 'POST' && page === undefined && gate.kind !== 'public');
  for (const { path } of posts) await told(early, 'POST', path, {});
  expect(early.asked).toEqual(['end', 'end']); // of streaming sessions; no other reached its route
  for (const { method, path } of posts) {
    for (const [suffix, extra] of [['', {}], ['?a=%zz', {}], ['', { origin: 'https://page.example' }]] as const) {
      expect([path, await told(early, method, path + suffix, extra)]).toEqual([path, await told(late, method, path + suffix, extra)]);
    }
  }
  for (const each of [early, late]) each.stop();
});
