import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { journalTail } from '../../src/journal/tail.js';
import { withRequest } from '../../src/ledger/request-fact.js';
import { contradictions, drainLab, soundShards, type DrainLab } from './drain-lab.js';

/** What the drain makes of a Postgres that has gone back in time. A real one: test/chaos/older-postgres.test.ts. */
let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });
beforeEach(() => soundShards(lab));

const cursorBack = (shard: number, lastId: string, drained: number): Promise<unknown> =>
  lab.db.raw('update shards set last_id = ?, drained = ? where shard = ?', [lastId, drained, shard]);

test.each(['the same process', 'another process'])('entries that have left Redis are counted, and the shard stops: %s', async (who) => {
  const account = lab.account(0);
  const ids = await lab.write(account, account.grant('l1', 100), account.grant('l2', 1), account.grant('l3', 1), account.grant('l4', 1));
  const first = lab.drainWith({});
  expect(await first([0])).toMatchObject({ entries: 4, stopped: [] });
  await lab.write(account, account.grant('l5', 1));
  const [from] = ids;
  await cursorBack(0, from ?? '', 1);
  const { stopped } = await (who === 'another process' ? lab.drainWith({}) : first)([0]);
  expect(stopped).toEqual([{
    shard: 0,
    reason: expect.stringMatching(/^Postgres is older .+: 3 entries of shard 0 from after 20.+Z and before 20.+Z are no longer in Redis$/),
  }]);
});

test('entries that are still in Redis are read again from the older cursor', async () => {
  const account = lab.account(1);
  const keep = lab.drainWith({ tailMs: 3_600_000 });
  await lab.write(account, account.grant('l1', 100), account.grant('l2', 1));
  expect(await keep([1])).toMatchObject({ entries: 2 });
  await cursorBack(1, '0-0', 0);
  await lab.write(account, account.grant('l3', 1));
  expect(await keep([1])).toMatchObject({ entries: 1, redelivered: 2, stopped: [] });
  expect(await contradictions(lab)).toEqual([]);
});

test('a tail is not cut by a cursor of before', async () => {
  let nowMs = 0;
  const trimmed: string[] = [];
  const tail = journalTail(lab.keys, 60_000, () => nowMs);
  const trim = async (lastId: string): Promise<void> => {
    await tail.trim({ trimStreams: (trims) => { trimmed.push(...trims.map(({ minId }) => minId)); return Promise.resolve(); } }, [
      { shard: 0, epoch: 1, lastId, drained: 1, stoppedReason: null, deposed: [] },
    ]);
    nowMs += 61_000;
  };
  await trim('50-0');
  await trim('20-0'); // Postgres has gone back
  expect(trimmed).toEqual([]);
  await trim('30-0');
  expect(trimmed).toEqual(['20-1']);
});

test('a request whose key was used again since Postgres lost it is recorded in the quarantine, and its money is booked', async () => {
  const accounts = [lab.account(2), lab.account(2)];
  for (const [index, account] of accounts.entries()) {
    const about = withRequest('{"source":"grant","type":"change"}', {
      kind: 'grant', amount: 10, expiresAtMs: null, revokedLotId: null, parts: null, refundOf: null, graceMs: null, rule: '',
      scope: 's', key: 'once', fingerprint: 'f',
    });
    await lab.write(account, account.grant('l1', 10, { key: `intent:${900 + index}`, about }));
    expect(await lab.drain([2])).toMatchObject({ entries: 1, stopped: [] });
  }
  expect(await lab.rows(`select intent_id, state, about, applied_seq from money_in where idempotency_key = 'once'`)).toEqual([
    { intent_id: 900, state: 'applied', about: '{"source":"grant","type":"change"}', applied_seq: 1 },
  ]);
  expect(await lab.rows('select account_id, reason from quarantine where account_id = ?', [accounts[1]?.accountId ?? ''])).toEqual([
    { account_id: accounts[1]?.accountId, reason: expect.stringContaining('carried out twice') },
  ]);
});
