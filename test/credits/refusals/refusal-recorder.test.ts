import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { refusalRecorder, type RefusalRecorder } from '../../../src/credits/refusals/refusal-recorder.js';
import type { Refusal, RefusedRequest } from '../../../src/credits/refusals/refusal.js';

const away = (): Error => Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });

const request = (over: Partial<RefusedRequest> = {}): RefusedRequest => ({
  accountId: 'alice', atMs: 60_000, reason: 'insufficient_credits', method: 'POST', route: '/x', status: 402,
  message: 'not enough', requestId: 'r1', ...over,
});

/** A recorder over a Postgres that fails when told to. */
function recorderLab(options: { readonly waitingMax?: number; readonly failWith?: Error } = {}) {
  const state = { fails: options.failWith, dropped: 0, errors: 0, batches: [] as (readonly Refusal[])[] };
  const recorder = refusalRecorder({
    write: (rows) => {
      if (state.fails !== undefined) return Promise.reject(state.fails);
      state.batches.push(rows);
      return Promise.resolve();
    },
    unrecorded: (count) => { state.dropped += count; },
    onError: () => { state.errors += 1; },
    flushMs: 5, retryMs: 5, ...options,
  });
  open.push(recorder);
  const written = (): number => state.batches.flat().reduce((sum, { count }) => sum + count, 0);
  return { state, recorder, written };
}
const open: RefusalRecorder[] = [];
afterEach(async () => { for (const recorder of open.splice(0)) await recorder.close(); });

const until = async (isTrue: () => boolean): Promise<void> => {
  for (const deadline = Date.now() + 120_000; !isTrue();) {
    if (Date.now() > deadline) throw new Error('it never came true');
    await sleep(2);
  }
};

test('adds up by account, minute, reason, method and route, and keeps the last', async () => {
  const { state, recorder } = recorderLab();
  for (const over of [
    {}, { atMs: 60_500, requestId: 'r2', message: 'still not', status: 400 }, { atMs: 119_999 }, { atMs: 120_000 }, { accountId: 'bob' },
    { reason: 'conflict' }, { method: 'PUT' }, { route: '/y' },
  ] as const) recorder.record(request(over));
  await recorder.close();
  expect(state.batches).toHaveLength(1);
  expect(state.batches[0]).toHaveLength(6);
  expect(state.batches[0]?.[0]).toEqual({
    accountId: 'alice', minuteMs: 60_000, reason: 'insufficient_credits', method: 'POST', route: '/x', status: 402,
    message: 'not enough', requestId: 'r1', count: 3, firstAtMs: 60_000, lastAtMs: 119_999,
  });
});

test('what could not be written waits, is added to, and is written once Postgres is back', async () => {
  const { state, recorder, written } = recorderLab({ failWith: away() });
  recorder.record(request());
  await until(() => state.errors >= 2);
  recorder.record(request({ atMs: 61_000, requestId: 'r2' }));
  recorder.record(request({ accountId: 'bob' }));
  await until(() => state.errors >= 4);
  expect(state.dropped).toBe(0);
  state.fails = undefined;
  await until(() => written() === 3);
  expect(state.batches.flat().map(({ accountId, count, requestId }) => [accountId, count, requestId]).sort()).toEqual([
    ['alice', 2, 'r2'], ['bob', 1, 'r1'],
  ]);
});

test('beyond the bound it drops and counts; what is known is still added up', async () => {
  const { state, recorder, written } = recorderLab({ failWith: away(), waitingMax: 10 });
  for (let i = 0; i < 25; i += 1) recorder.record(request({ accountId: `user-${i}` }));
  expect(state.dropped).toBe(15);
  for (let i = 0; i < 4; i += 1) recorder.record(request({ accountId: 'user-3' }));
  expect(state.dropped).toBe(15);
  await until(() => state.errors >= 3);
  state.fails = undefined;
  await until(() => written() === 14);
  expect([written(), state.dropped]).toEqual([14, 15]);
});

test('while a statement is under way the next waits beside it, one batch however long it takes', async () => {
  let finish = (): void => undefined;
  const batches: number[] = [];
  const recorder = refusalRecorder({
    write: (rows) => { batches.push(rows.length); return new Promise((resolve) => { finish = resolve; }); },
    unrecorded: () => undefined, onError: () => undefined, flushMs: 1,
  });
  recorder.record(request());
  await until(() => batches.length === 1);
  for (let i = 0; i < 5; i += 1) {
    recorder.record(request({ accountId: `user-${i}` }));
    await sleep(3);
  }
  expect(batches).toEqual([1]);
  finish();
  await until(() => batches.length === 2);
  expect(batches).toEqual([1, 5]);
  finish();
  await recorder.close();
});

test('what Postgres refuses for what it is is dropped, not tried for ever', async () => {
  const { state, recorder, written } = recorderLab({ failWith: Object.assign(new Error('bad text'), { code: '22021' }) });
  recorder.record(request());
  recorder.record(request());
  await until(() => state.dropped === 2);
  state.fails = undefined;
  recorder.record(request());
  await until(() => written() === 1);
  expect(state.errors).toBe(1);
});

test('many wait for Postgres in several statements, none of which takes long', async () => {
  const { state, recorder, written } = recorderLab({ failWith: away() });
  for (let i = 0; i < 2_500; i += 1) recorder.record(request({ accountId: `user-${i}` }));
  await until(() => state.errors >= 1);
  state.fails = undefined;
  await until(() => written() === 2_500);
  expect(Math.max(...state.batches.map((batch) => batch.length))).toBe(1_000);
  for (let i = 0; i < 1_700; i += 1) recorder.record(request({ accountId: `user-${i}` }));
  await recorder.close();
  expect([written(), state.dropped]).toEqual([4_200, 0]);
});

test('closing with Postgres away counts what is lost', async () => {
  const { state, recorder } = recorderLab({ failWith: away() });
  for (let i = 0; i < 2_500; i += 1) recorder.record(request({ accountId: `user-${i}` }));
  await recorder.close();
  // One statement, not three: the stop of the gateway waits for it.
  expect([state.dropped, state.errors]).toEqual([2_500, 1]);
});

test('messages are short and storable', async () => {
  const { state, recorder } = recorderLab();
  recorder.record(request({ message: `a\0b\uD800c${'x'.repeat(1_000)}` }));
  recorder.record(request({ accountId: 'bob', message: `${'x'.repeat(499)}😀` }));
  await recorder.close();
  const [first, second] = state.batches.flat().map(({ message }) => message);
  expect([first?.slice(0, 6), first?.length]).toEqual(['a?b?cx', 500]);
  expect(second).toBe(`${'x'.repeat(499)}?`);
});
