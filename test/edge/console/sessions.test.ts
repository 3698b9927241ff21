import { beforeEach, describe, expect, test } from '@jest/globals';
import { consoleSessions, SESSION_SECONDS_MAX, type SessionStore, type Sessions } from '../../../src/edge/console/sessions.js';
import { memoryStore } from '../../support/fake-console.js';

/** Sessions over a store that goes away, and a clock that moves. */
let store: SessionStore;
let isAway: boolean;
let nowMs: number;
const sessions = (): Sessions => consoleSessions({ store, clock: () => nowMs, idleSeconds: 60, onError: () => undefined });
beforeEach(() => {
  const kept = memoryStore();
  const unless = <T>(work: () => Promise<T>): Promise<T> => (isAway ? Promise.reject(new Error('away')) : work());
  store = {
    put: (...args) => unless(() => kept.put(...args)), read: (...args) => unless(() => kept.read(...args)),
    remove: (key) => unless(() => kept.remove(key)),
  };
  isAway = false;
  nowMs = 1_000_000;
});

const READING = { isUsed: true, isReading: true };
const ACTING = { isUsed: true, isReading: false };

test('a session is over after its longest time, however much it is used', async () => {
  const all = sessions();
  const id = await all.start('ada', 'token');
  nowMs += SESSION_SECONDS_MAX * 1_000 - 1;
  expect(await all.tokenOf(id, READING)).toBe('token');
  nowMs += 1;
  expect(await all.tokenOf(id, READING)).toBeUndefined();
});

test('a login that waits while all sessions are ended is ended with them', async () => {
  const all = sessions();
  const put = store.put;
  store = { ...store, put: async (...args) => { await all.endAll('ada'); await put(...args); } };
  const id = await sessions().start('ada', 'token');
  expect(await all.tokenOf(id, READING)).toBeUndefined();
});

describe('while the store is away', () => {
  test('a session that this process saw in the last five minutes may read, and nothing else', async () => {
    const all = sessions();
    const id = await all.start('ada', 'token');
    isAway = true;
    await expect(all.tokenOf(id, READING)).rejects.toMatchObject({ code: 'ledger_unavailable', outcome: 'not_executed' });
    isAway = false;
    await all.tokenOf(id, READING);
    isAway = true;
    nowMs += 5 * 60_000;
    expect(await all.tokenOf(id, READING)).toBe('token');
    await expect(all.tokenOf(id, ACTING)).rejects.toMatchObject({ code: 'ledger_unavailable' });
    nowMs += 1;
    await expect(all.tokenOf(id, READING)).rejects.toMatchObject({ code: 'ledger_unavailable' });
    await expect(all.start('ada', 'token')).rejects.toMatchObject({ code: 'ledger_unavailable' });
  });

  test('a session that was ended here is over, even when the store did not hear of it', async () => {
    const all = sessions();
    const [one, two] = [await all.start('ada', 'token'), await all.start('bea', 'token')];
    for (const id of [one, two]) await all.tokenOf(id, READING);
    isAway = true;
    await expect(all.end(one)).rejects.toMatchObject({ code: 'ledger_unavailable' });
    await expect(all.endAll('bea')).rejects.toMatchObject({ code: 'ledger_unavailable' });
    for (const id of [one, two]) await expect(all.tokenOf(id, READING)).rejects.toMatchObject({ code: 'ledger_unavailable' });
  });
});
