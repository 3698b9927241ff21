import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';

/**
 * What supervisors see of sessions: the lists of docs/contracts/accounting-service.md#streaming-sessions and
 * docs/contracts/README.md#c-09.
 */
let gateway: TestGateway;
let admin: string;
let supervisor: string;
let user: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await gateway.token({ sub: 'views-admin', role: 'admin' });
  supervisor = await gateway.token({ sub: 'views-supervisor', role: 'supervisor' });
  user = await gateway.token({ sub: 'views-user', role: 'enduser' });
});
afterAll(async () => { await gateway.stop(); });

const LITE = 'amazon.nova-lite-v1:0';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

type Streamer = { readonly sub: string; call(step: string, body: object): Promise<Answer>; open(...sessionIds: string[]): Promise<void> };

async function streamer(
  credits = 1_000,
  { sub = `v-${randomUUID()}`, on = gateway, ...claims }: { sub?: string; username?: string; email?: string; on?: TestGateway } = {},
): Promise<Streamer> {
  const token = await on.token({ sub, role: 'enduser', ...claims });
  const root = await on.token({ sub: 'views-admin', role: 'admin' });
  expect((await send(`${on.url}/api/credits/balance`, 'GET', { token })).status).toBe(200);
  expect((await send(`${on.url}/api/credits/allocate`, 'POST', { token: root, body: { userId: sub, credits } })).status).toBe(201);
  const call = (step: string, body: object): Promise<Answer> => send(`${on.url}/api/streaming-sessions/${step}`, 'POST', { token, body });
  return {
    sub, call,
    open: async (...sessionIds) => {
      for (const sessionId of sessionIds) {
        expect((await call('initialize', { sessionId, modelId: LITE, estimatedTokens: 10_000 })).status).toBe(201);
      }
    },
  };
}

const view = (path: string, token = supervisor, on = gateway): Promise<Answer> =>
  send(`${on.url}/api/streaming-sessions/${path}`, 'GET', { token });
type Shown = Record<string, unknown> & { readonly sessionId: string; readonly userId: string };
const list = async (path: string, token = supervisor, on = gateway): Promise<Shown[]> => {
  const { status, body } = await view(path, token, on);
  expect([path, status]).toEqual([path, 200]);
  return (Array.isArray(body) ? body : body['sessions']) as Shown[];
};
const ids = (sessions: readonly Shown[]): string[] => sessions.map(({ sessionId }) => sessionId);

const active = (sub: string, sessionId: string): object => ({
  id: expect.any(Number), sessionId, userId: sub, modelId: LITE, estimatedCredits: 6, allocatedCredits: 8, usedCredits: 0,
  status: 'active', startedAt: expect.stringMatching(ISO), completedAt: null,
});

describe('GET /active/:userId', () => {
  test('a bare array of the user\'s open sessions, oldest first', async () => {
    const alice = await streamer();
    await alice.open('s1', 's2', 's3');
    await alice.call('finalize', { sessionId: 's2', actualTokens: 5 });
    for (const token of [supervisor, admin]) {
      expect(await list(`active/${alice.sub}`, token)).toEqual(['s1', 's3'].map((sessionId) => active(alice.sub, sessionId)));
    }
  });

  test('by id, username or e-mail', async () => {
    const name = `n${randomUUID().slice(0, 8)}`;
    const bob = await streamer(100, { username: name, email: `${name}@example.com` });
    await bob.open('s1');
    for (const who of [bob.sub, name, `${name}@example.com`, `${name.toUpperCase()}%40example.com`]) {
      const found = await until(() => list(`active/${who}`), (sessions) => sessions.length > 0);
      expect(found).toEqual([active(bob.sub, 's1')]);
    }
  });

  test('an id is found at once, though its first entry is a moment old', async () => {
    const carol = await streamer();
    await carol.open('s1');
    expect(ids(await list(`active/${carol.sub}`))).toEqual(['s1']);
  });

  test.each([
    'nobody', 'a%00b', 'x'.repeat(500), 'a b', '..%2f..', '%E2%82%AC', '__proto__', '*',
  ])('%s is unknown -> 200 []', async (who) => {
    const { status, text } = await view(`active/${who}`);
    expect([status, text]).toEqual([200, '[]']);
  });

  test('what is not percent-encoded UTF-8 is no text -> 400', async () => {
    expect((await view('active/%ED%A0%80')).status).toBe(400);
  });

  test('not for users', async () => {
    for (const path of ['active/views-user', 'active/all', 'recent', 'recent/views-user']) {
      const { status, body } = await view(path, user);
      expect([path, status, body['message']]).toEqual([path, 403, 'Admin access required']);
    }
  });
});

describe('GET /active/all', () => {
  test('open sessions of all users, oldest first; only for administrators, also when a user is called "all"', async () => {
    const own = await startGateway();
    try {
      const [root, boss] = [await own.token({ sub: 'root', role: 'admin' }), await own.token({ sub: 'boss', role: 'supervisor' })];
      const trap = await streamer(100, { sub: 'all', username: 'all', email: 'all@example.com', on: own });
      const alice = await streamer(100, { on: own });
      await trap.open('secret');
      await alice.open('s1', 's2');
      await alice.call('abort', { sessionId: 's1' });
      await trap.open('late');
      expect(await list('active/all', root, own)).toEqual([active('all', 'secret'), active(alice.sub, 's2'), active('all', 'late')]);
      for (const path of ['active/all', 'active/all/', 'active/all?x=1', 'active/%61ll', 'active/al%6C', 'active/ALL']) {
        const { status, text } = await view(path, boss, own);
        expect([path, status, text.includes('secret')]).toEqual([path, 403, false]);
        expect(ids(await list(path, root, own))).toEqual(['secret', 's2', 'late']);
      }
    } finally {
      await own.stop();
    }
  });
});

describe('GET /recent/:userId and /recent', () => {
  test('sessions that ended a moment ago are there at once, behind the open ones, the last to end first', async () => {
    const alice = await streamer();
    await alice.open('done', 'failed', 'aborted', 'open1', 'over', 'open2');
    await alice.call('finalize', { sessionId: 'done', actualTokens: 5_000 });
    await alice.call('finalize', { sessionId: 'failed', actualTokens: 2_000, success: false });
    await alice.call('finalize', { sessionId: 'over', actualTokens: 100_000, success: true });
    await alice.call('abort', { sessionId: 'aborted', tokensGenerated: 2_000 });
    const { status, body } = await view(`recent/${alice.sub}`);
    expect(status).toBe(200);
    const ended = (sessionId: string, state: string, usedCredits: number): object =>
      ({ ...active(alice.sub, sessionId), status: state, usedCredits, completedAt: expect.stringMatching(ISO) });
    expect(body).toEqual({
      sessions: [
        active(alice.sub, 'open2'), active(alice.sub, 'open1'),
        ended('aborted', 'failed', 2), ended('over', 'completed', 53), ended('failed', 'failed', 2), ended('done', 'completed', 3),
      ],
      timestamp: expect.stringMatching(ISO),
      filter: { userId: alice.sub, minutes: 5 },
    });
    const all = await view('recent');
    expect(all.body).toEqual({ sessions: expect.any(Array), timestamp: expect.stringMatching(ISO), filter: { minutes: 5 } });
    const own = (all.body['sessions'] as Shown[]).filter(({ userId }) => userId === alice.sub);
    expect(own).toEqual(body['sessions']);
  });

  test('an unknown user -> no sessions', async () => {
    expect((await view('recent/nobody')).body).toEqual({
      sessions: [], timestamp: expect.stringMatching(ISO), filter: { userId: 'nobody', minutes: 5 },
    });
  });

  test.each([
    'abc', '', '0', '-1', '1.5', '1e3', ' 5', '5&minutes=6', '99999999', 'NaN', 'Infinity',
  ])('minutes=%s -> 400', async (minutes) => {
    for (const path of ['recent', `recent/views-user`]) {
      const { status, body } = await view(`${path}?minutes=${minutes}`);
      expect([path, status, body['error']]).toEqual([path, 400, 'invalid_request']);
    }
  });

  test('at most 20 of a user and 50 of all, the latest; the window ends where minutes say', async () => {
    const own = await startGateway();
    try {
      const boss = await own.token({ sub: 'boss', role: 'supervisor' });
      const alice = await streamer(1_000, { on: own });
      const bob = await streamer(1_000, { on: own });
      const names = Array.from({ length: 30 }, (_, index) => `s${index}`);
      for (const streaming of [alice, bob]) {
        await streaming.open(...names);
        for (const sessionId of names) expect((await streaming.call('finalize', { sessionId, actualTokens: 5 })).status).toBe(200);
      }
      await alice.open('open');
      expect(ids(await list(`recent/${alice.sub}`, boss, own))).toEqual(['open', ...names.toReversed().slice(0, 19)]);
      const all = await list('recent', boss, own);
      expect(ids(all)).toEqual(['open', ...names.toReversed(), ...names.toReversed().slice(0, 19)]);
      own.advance(4 * 60_000);
      await bob.open('later');
      await bob.call('finalize', { sessionId: 'later', actualTokens: 5 });
      expect(ids(await list('recent?minutes=1', boss, own))).toEqual(['open', 'later']);
      expect(ids(await list(`recent/${bob.sub}?minutes=3`, boss, own))).toEqual(['later']);
      expect(await list('recent', boss, own)).toHaveLength(50);
      own.advance(2 * 60_000);
      expect(ids(await list(`recent/${bob.sub}`, boss, own))).toEqual(['later']);
      expect((await view(`recent/${bob.sub}?minutes=60`, boss, own)).body['filter']).toEqual({ userId: bob.sub, minutes: 60 });
      expect(await list(`recent/${bob.sub}?minutes=60`, boss, own)).toHaveLength(20);
    } finally {
      await own.stop();
    }
  });
});

test('an abandoned session is a failed one, until it is settled late', async () => {
  const own = await startGateway({ environment: { HOLD_TTL_SECONDS: '60' } });
  try {
    const [root, boss] = [await own.token({ sub: 'root', role: 'admin' }), await own.token({ sub: 'boss', role: 'supervisor' })];
    const alice = await streamer(100, { on: own });
    await alice.open('s1');
    own.advance(61_000);
    // At once, whether or not the sweeper has been here.
    expect(await list('active/all', root, own)).toEqual([]);
    expect(await list(`active/${alice.sub}`, boss, own)).toEqual([]);
    const [expired] = await list(`recent/${alice.sub}`, boss, own);
    expect(expired).toEqual({ ...active(alice.sub, 's1'), status: 'failed', completedAt: expect.stringMatching(ISO) });
    expect(ids(await until(() => list('recent', boss, own), (sessions) => sessions.length > 0))).toEqual(['s1']);
    expect((await alice.call('finalize', { sessionId: 's1', actualTokens: 5_000 })).status).toBe(200);
    expect(await list(`recent/${alice.sub}`, boss, own)).toEqual([
      { ...expired, status: 'completed', usedCredits: 3, completedAt: expect.stringMatching(ISO) },
    ]);
  } finally {
    await own.stop();
  }
});

/** Names of a token are written a moment after it was seen. */
async function until<T>(read: () => Promise<T>, isGood: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const value = await read();
    if (isGood(value) || Date.now() > deadline) return value;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}
