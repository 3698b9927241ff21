import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readOpenSessions } from '../../src/books/session.table.js';
import { backfillOf } from '../support/backfill-of.js';
import { ALL_SHARDS, contradictions, drainLab, type DrainLab } from './drain-lab.js';

/** What a worker meets after an upgrade: entries and rows of the version before. */
let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const AT_MS = Date.UTC(2026, 10, 30);

/** Exactly the fields that the scripts of the version before wrote, in their order. */
function previous(account: string, seq: number, kind: string, changes: string, rest: string): string[] {
  const [available, held, captured, granted, availableAfter, heldAfter] = changes.split(' ');
  const values = {
    account, seq, at_ms: AT_MS + seq, kind, available, held, debt: 0, granted, captured, expired: 0, removed: 0, uncollected: 0,
    overage: 0, available_after: availableAfter, held_after: heldAfter, debt_after: 0,
  };
  return [...Object.entries(values).flatMap(([name, value]) => [name, String(value)]), ...JSON.parse(rest) as string[]];
}

test('entries that the version before left in the journal are drained, with the kinds of their holds', async () => {
  const { accountId } = lab.account();
  const place = (seq: number, hold: string, about: string, left: number, held: number): string[] => previous(
    accountId, seq, 'place', `-10 10 0 0 ${left} ${held}`, JSON.stringify([
      'lots', 'l1:-10:10', 'hold', hold, 'lease_ms', '1796000000000', 'policy', 'release', 'key', '', 'fingerprint', 'fp', 'price', 'p',
      'about', about, 'principal', 'user', 'corrects', '0',
    ]));
  await lab.write(
    { accountId },
    previous(accountId, 1, 'grant', '100 0 0 100 100 0', JSON.stringify([
      'lots', 'l1:100:0:100:inf', 'hold', '', 'lease_ms', '0', 'policy', '', 'key', 'k1', 'fingerprint', '', 'price', '',
      'about', '{"source":"purchase","actor":"root","reason":"paid","notes":null}', 'principal', '', 'corrects', '0',
    ])),
    place(2, 'stream', `{"trace":"${TRACEPARENT}","modelId":"gpt-4","estimatedTokens":5,"estimate":8}`, 90, 10),
    place(3, 'process', '{"process":"start","usageKey":"k","featureEndpointId":1,"feature":"ai_chat"}', 80, 20),
    place(4, 'other', '{"note":1,"modelId":"gpt-4"}', 70, 30),
    previous(accountId, 5, 'settle', '4 -10 6 0 74 20', JSON.stringify([
      'lots', 'l1:4:-10', 'hold', 'process', 'lease_ms', '0', 'policy', 'release', 'key', '', 'fingerprint', 'end', 'price', '',
      'about', '{"process":"end","usage":{"service":"credits-process","operation":"ai_chat","metadata":{}},"prices":{}}',
      'principal', 'service', 'corrects', '0',
    ])),
  );
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ entries: 5, stopped: [] });
  expect(await lab.rows(
    `select hold_id, kind, state, about, placed_amount, placed_expires_at = expires_at as same from holds where account_id = ?
      order by placed_seq`,
    [accountId],
  )).toEqual([
    {
      hold_id: 'stream', kind: 'stream', state: 'open', placed_amount: 10, same: true,
      about: '{"modelId":"gpt-4","estimatedTokens":5,"estimate":8}',
    },
    {
      hold_id: 'process', kind: 'process', state: 'settled', placed_amount: 10, same: true,
      about: '{"process":"start","usageKey":"k","featureEndpointId":1,"feature":"ai_chat"}',
    },
    { hold_id: 'other', kind: '', state: 'open', placed_amount: 10, same: true, about: '{"note":1,"modelId":"gpt-4"}' },
  ]);
  expect(await lab.rows('select count(*)::integer as n from entry_details where account_id = ? and about like \'%trace%\'', [accountId]))
    .toEqual([{ n: 0 }]);
  expect(await lab.rows('select lease_ms from entries where account_id = ? and kind = \'place\' and seq = 2', [accountId]))
    .toEqual([{ lease_ms: 1_796_000_000_000 }]);
  expect(await lab.rows('select service, operation from usage_records where account_id = ?', [accountId]))
    .toEqual([{ service: 'credits-process', operation: 'ai_chat' }]);
  expect(await lab.rows('select count(*)::integer as n from quarantine where account_id = ?', [accountId])).toEqual([{ n: 0 }]);
  expect(await contradictions(lab)).toEqual([]);
});

test('rows that a worker of the version before inserts get their kind from the database', async () => {
  await lab.db.raw(`
    insert into holds (account_id, hold_id, placed_seq, state, amount, parts, policy, price, fingerprint, about, placed_available,
      placed_at, expires_at)
    select 'old', 'h' || i, i, 'open', 5, '', 'release', '', '', text, 0, now(), now() + interval '1 hour'
      from unnest(array['{"modelId":"m"}', '{"process":"start"}', '{"a":{"modelId":"m"}}', '']) with ordinality as t (text, i)`);
  const kinds = () => lab.rows('select kind from holds where account_id = \'old\' order by placed_seq');
  const expected = [{ kind: 'stream' }, { kind: 'process' }, { kind: '' }, { kind: '' }];
  expect(await kinds()).toEqual(expected);
  expect((await readOpenSessions(lab.db, Date.now(), 'newest', 10)).map(({ holdId }) => holdId)).toContain('h1');

  // The migration finds the same in rows from before it.
  await lab.db.raw('update holds set kind = \'\' where account_id = \'old\'');
  await lab.db.raw(backfillOf('0013_hold_kind'));
  expect(await kinds()).toEqual(expected);
});
