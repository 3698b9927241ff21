import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readEndedSessions, readOpenSessions, STREAM } from '../../../src/books/session.table.js';
import { listAllOpenStreams } from '../../../src/credits/holds/list-all-open-streams.js';
import { recentStreams } from '../../../src/credits/holds/recent-streams.js';
import { freshen } from '../../../src/journal/freshen.js';
import { micros } from '../../../src/kit/money/micros.js';
import type { AccountSnapshot, OpenHold } from '../../../src/ledger/account-snapshot.js';
import { writeFacts } from '../../../src/ledger/facts.js';
import { drainLab, type DrainLab } from '../../journal/drain-lab.js';

/** Lists of streams where holds of other dialects are, and where things happen between two reads. */
let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

const stream = { holdKind: STREAM, about: writeFacts({ type: 'stream', modelId: 'm', estimatedTokens: 5, estimate: micros(3) }) };
const other = { holdKind: 'other', about: '{"usageKey":"k","modelId":"m"}' };
const deps = (holds: readonly OpenHold[] = []) => ({
  db: lab.db, clock: Date.now, freshen: freshen(lab.drain, lab.keys),
  ledger: { readAccount: () => Promise.resolve({ holds } as unknown as AccountSnapshot) },
});

test('holds that are no streams are in no list', async () => {
  const account = lab.account();
  await lab.write(account, account.grant(
    'l', 100,
  ), account.place('s1', 5, stream), account.place('o1', 5, other), account.place('s2', 5, stream),
    account.place('o2', 5, other), account.place('o3', 5), account.settle('s1', 2, { about: '{"end":"completed"}' }),
    account.settle('o1', 2, { about: '{"end":"completed"}' }));
  const { accountId } = account;
  const open: OpenHold[] = ['s2', 'o2'].map((holdId, index) => (
    {
      holdId, kind: holdId === 's2' ? STREAM : 'other', seq: 4 + index, amount: micros(5), placedAtMs: Date.now(),
      expiresAtMs: Date.now() + 60_000, price: 'p', about: holdId === 's2' ? stream.about : other.about,
    }));
  expect((await listAllOpenStreams(deps())).map(({ holdId }) => holdId)).toEqual(['s2']);
  expect((await recentStreams(deps(open), accountId, 5)).map(({ holdId }) => holdId)).toEqual(['s2', 's1']);
  expect((await recentStreams(deps(), null, 5)).map(({ holdId }) => holdId)).toEqual(['s2', 's1']);
});

test('a stream that ends between the two reads is shown once, as ended', async () => {
  const account = lab.account();
  await lab.write(account, account.grant('l', 100), account.place('s1', 5, stream));
  const asOpen: OpenHold = {
    holdId: 's1', kind: STREAM, seq: 2, amount: micros(5), placedAtMs: Date.now(), expiresAtMs: Date.now() + 60_000, price: 'p',
    about: stream.about,
  };
  await lab.write(account, account.settle('s1', 5, { about: '{"end":"failed"}' }));
  expect(await recentStreams(deps([asOpen]), account.accountId, 5)).toMatchObject([{ holdId: 's1', status: 'failed', captured: 5 }]);
});

test('a session whose ending text was put aside is one that was paid for', async () => {
  const account = lab.account();
  await lab.write(
    account, account.grant('l', 100), account.place('s1', 5, stream), account.settle('s1', 5, { about: 'not json' }),
    account.place('s2', 5, stream), account.voidHold('s2'),
  );
  expect(await recentStreams(deps(), account.accountId, 5)).toMatchObject([
    { holdId: 's2', status: 'failed', captured: 0 }, { holdId: 's1', status: 'completed', captured: 5 },
  ]);
});

test('the lists of all accounts are read from their own indexes, however many other holds there are', async () => {
  await lab.db.raw(`
    insert into holds (account_id, hold_id, placed_seq, state, amount, parts, policy, price, fingerprint, about,
      placed_available, placed_at, expires_at, released, ended_at, ended_seq)
    select 'many-' || i % 100, 'h' || i, i, case when i % 2 = 0 then 'open' else 'settled' end, 5, '', 'release', '', '',
           case when i % 20 < 2 then '{"modelId":"m"}' else '{}' end, 0, now() - i * interval '1 minute', now() + interval '1 hour',
           case when i % 2 = 0 then 0 else 5 end, case when i % 2 = 1 then now() - i * interval '1 second' end, case
             when i % 2 = 1 then i + 1 end
      from generate_series(1, 20000) as i`);
  await lab.db.raw('analyze holds');
  const used: string[] = [];
  const explained = { raw: async (sql: string, bindings: string[]) => {
    const { rows } = await lab.db.raw<{ rows: { 'QUERY PLAN': string }[] }>(`explain ${sql}`, bindings);
    used.push(/(?:using|Index Scan on) (holds_\w+)/.exec(rows.map((row) => row['QUERY PLAN']).join(' '))?.[1] ?? 'no index');
    return { rows: [] };
  } } as unknown as typeof lab.db;
  await readOpenSessions(explained, Date.now(), 'oldest', 1_000);
  await readOpenSessions(explained, Date.now(), 'newest', 50);
  await readEndedSessions(explained, null, Date.now() - 3_600_000, 50);
  await readEndedSessions(explained, 'many-1', Date.now() - 3_600_000, 20);
  expect(used).toEqual(['holds_open_streams_idx', 'holds_open_streams_idx', 'holds_ended_streams_idx', 'holds_ended_idx']);
});
