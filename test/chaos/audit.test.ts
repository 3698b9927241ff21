import { expect, test } from '@jest/globals';
import { keyspace } from '../../src/ledger/keys.js';
import { readView, type Asked } from './run/cluster-view.js';
import { reasonedBy } from './run/cluster-watch.js';
import type { Tap } from './run/journal-tap.js';
import { causedBy, namedLosses } from './run/named-losses.js';
import type { ClientRecord, Op } from './run/record.js';
import { auditTold } from './run/told-audit.js';
import type { EntryRow, HoldRow, LossRow, ToldBooks, TotalsRow } from './run/told-books.js';

/** The audit of a chaos run (docs/chaos.md) is clean when all is as told, and excuses exactly what a named loss covers. */

const keys = keyspace('audit', 4);
const shard = keys.shardOf('alice');
const elsewhere = ['bob', 'carol', 'dave', 'erin'].find((each) => keys.shardOf(each) !== shard) ?? '';

const op = (kind: Op['kind'], more: Partial<Op>): Op => ({
  key: `${kind}-1`, kind, account: 'alice', amount: 10, hold: '', other: '', expiresAtMs: null, firstSentMs: 1_000, endedMs: 1_010,
  tries: 1, isUnsent: false, state: 'done', status: 201, code: '', answer: {}, ...more,
});
const entry = (kind: string, more: Partial<EntryRow>): EntryRow => ({
  account: 'alice', seq: 1, epoch: 1, kind, hold: '', key: `use:server.a:${kind}-1`, held: 0, debt: 0, granted: 0, captured: 0, removed: 0,
  ...more,
});
const hold = (more: Partial<HoldRow>): HoldRow => ({
  account: 'alice', hold: 'h', state: 'settled', amount: 10, captured: 4, policy: 'release', overage: 0, debt: 0, uncollected: 0,
  late: false, ...more,
});
const loss = (more: Partial<LossRow> = {}): LossRow => ({
  shard, epoch: 1, entries: 1, accounts: { alice: 1 }, fromMs: 900, toMs: 1_005, noticedMs: 1_100, ...more,
});
const totals = (captured: number): TotalsRow[] => [{ account: 'alice', granted: 0, captured, removed: 0 }];

const during = (fromMs: number, untilMs: number) => causedBy([{ fromMs, untilMs }]);

type Case = Partial<ToldBooks> & {
  readonly ops: readonly Op[]; readonly taps?: readonly Tap[]; readonly mayCause?: (row: LossRow) => boolean;
};

/** The checks that are violated, each in its first words. */
function violated({ ops, taps = [], mayCause = during(1_050, 1_060), ...some }: Case): string[] {
  const books: ToldBooks = { entries: [], holds: [], intents: [], transfers: [], losses: [], totals: [], ...some };
  const losses = namedLosses(books, { keys, taps, mayCause });
  return [...auditTold({ ops, surprises: [] } as unknown as ClientRecord, books, losses), ...losses.findings()]
    .filter(({ wrongCount }) => wrongCount > 0).map(({ check }) => check.split(' ').slice(0, 4).join(' '));
}

const charge = op('charge', { answer: { entry: 1 } });
const tap = (more: Partial<Tap>, keysThere: readonly string[]): Tap => ({
  shard, epoch: 1, beganMs: 1_030, tappedMs: 1_050, isFinal: true,
  entries: keysThere.map((key, index) => (
    { streamId: `1000-${index}`, accountId: 'alice', seq: index + 1, kind: 'charge', key, holdId: '', about: '' })),
  ...more,
});

test('what is as it was told is no violation', () => {
  expect(violated({ ops: [charge], entries: [entry('charge', { captured: 10 })], totals: totals(10) })).toEqual([]);
});

const ofMaster = (shards: readonly number[], fromMs: number, untilMs: number) => reasonedBy(() => [{ shards, fromMs, untilMs }]);

const MISSING = ['every acknowledged charge is'];

test.each<[string, Partial<Case>, readonly string[]]>([
  ['without a loss', {}, MISSING],
  ['in a loss of its account and time', { losses: [loss()] }, []],
  ['in a loss of entries whose accounts are not known', { losses: [loss({ accounts: {} })] }, []],
  ['in a loss of another shard', { losses: [loss({ shard: keys.shardOf(elsewhere) })] }, MISSING],
  ['in a loss of another account', { losses: [loss({ accounts: { bob: 1 } })] }, MISSING],
  ['in an earlier loss', { losses: [loss({ toMs: 990, noticedMs: 1_100 })] }, MISSING],
  ['in a later loss', { losses: [loss({ fromMs: 1_020, toMs: 1_040 })] }, MISSING],
  ['and a second one, in a loss of one', { ops: [charge, { ...charge, key: 'charge-2' }], losses: [loss()] }, MISSING],
  ['in the journal when it was lost', { losses: [loss()], taps: [tap({}, ['use:server.a:charge-1'])] }, []],
  ['but was not in the journal when it was lost', { losses: [loss()], taps: [tap({}, ['use:server.a:charge-9'])] }, MISSING],
  ['and was acknowledged while the journal was read, before a kill', {
    losses: [loss()], taps: [tap({ beganMs: 1_010, isFinal: false }, [])],
  }, []],
  ['and was acknowledged before the journal was read, before a kill', { losses: [loss()], taps: [tap({ isFinal: false }, [])] }, MISSING],
  ['in a loss that no fault has caused', { losses: [loss()], mayCause: causedBy([]) }, ['an epoch ends only']],
  ['in a loss of what was written after a fault', { losses: [loss()], mayCause: during(900, 950) }, ['an epoch ends only']],
  ['in a loss that was noticed before a fault', { losses: [loss()], mayCause: during(1_200, 1_210) }, ['an epoch ends only']],
  ['in a loss of a master that a fault has hit', { losses: [loss()], mayCause: ofMaster([shard], 1_000, 1_200) }, []],
  ['in a loss of another master', { losses: [loss()], mayCause: ofMaster([shard + 1], 1_000, 1_200) }, ['an epoch ends only']],
  ['in a loss of a master before it was hit', { losses: [loss()], mayCause: ofMaster([shard], 1_101, 1_200) }, ['an epoch ends only']],
  ['in a loss of a master long after it was hit', { losses: [loss()], mayCause: ofMaster([shard], 1_000, 1_099) }, ['an epoch ends only']],
  ['in a loss that counts more than was there', { losses: [loss({ entries: 2 })], taps: [tap({}, ['use:server.a:charge-1'])] },
    ['a named loss counts']],
])('an acknowledged charge is missing, %s', (_case, some, expected) => {
  expect(violated({ ops: [charge], totals: totals(0), ...some })).toEqual(expected);
});

test('an acknowledged grant is missing: no loss of Redis excuses it', () => {
  expect(violated({ ops: [op('grant', {})], losses: [loss()] })).toEqual(['every acknowledged grant is']);
});

const place = op('place', { key: 'h', hold: 'h', answer: { amount: 10 } });
const extend = op('extend', { hold: 'h', answer: { amount: 15 } });
const settle = op('settle', { hold: 'h', answer: { state: 'settled', captured: 4, overage: 0, debt: 0, uncollected: 0 } });
const refused = (code: string): Op => op('extend', { hold: 'h', state: 'refused', code });
const entries = [entry('place', { hold: 'h', key: 'h' }), entry('settle', { seq: 3, hold: 'h' })];

test.each<[string, Partial<Case>, readonly string[]]>([
  ['is as told', { ops: [place, settle] }, []],
  ['has less than was told', { ops: [place, extend, settle], entries: [...entries, entry('extend', { seq: 2, hold: 'h' })] },
    ['every hold has the']],
  ['has less by a lost extension', { ops: [place, extend, settle], losses: [loss()] }, []],
  ['has less by a report that raised it, and is not lost', {
    ops: [place, { ...extend, kind: 'progress' }, settle], losses: [loss({ accounts: { bob: 1 } })],
  }, ['every hold has the']],
  ['has less by a lost report that raised it', { ops: [place, { ...extend, kind: 'progress' }, settle], losses: [loss()] }, []],
  ['has less by a lost report that raised it, before one that did not', {
    ops: [place, { ...extend, kind: 'progress' }, { ...extend, key: 'progress-2', kind: 'progress' }, settle], losses: [loss()],
  }, []],
  ['is not found, and is there', { ops: [place, refused('hold_not_found'), settle], losses: [loss()] }, ['what was refused had']],
  ['has ended before its lease had', { ops: [place, refused('hold_resolved'), settle] }, ['what was refused had']],
])('a hold that %s', (_case, some, expected) => {
  expect(violated({ ops: [], entries, holds: [hold({})], totals: totals(4), ...some })).toEqual(expected);
});

test.each<[string, Partial<Op>, readonly string[]]>([
  ['whose expiry had passed', { expiresAtMs: 1_005 }, []],
  ['whose expiry was to come', { expiresAtMs: 2_000 }, ['what was refused had']],
  ['without an expiry', {}, ['what was refused had']],
])('a refused grant %s', (_case, some, expected) => {
  expect(violated({ ops: [op('grant', { state: 'refused', code: 'invalid_request', status: 400, ...some })] })).toEqual(expected);
});

test('a refund is refused only when what was paid is lost', () => {
  const refund = op('refund', { other: charge.key, state: 'refused', code: 'not_found' });
  expect(violated({ ops: [charge, refund], losses: [loss()], totals: totals(0) })).toEqual([]);
  const isThere = { entries: [entry('charge', { captured: 10 })], totals: totals(10) };
  expect(violated({ ops: [charge, refund], ...isThere })).toEqual(['what was refused had']);
});

test('a lease that ended charges what was reported, unless Redis was loaded again since', () => {
  const report = op('progress', { hold: 'h', amount: 4, answer: { amount: 10 } });
  const lapsed = (captured: number, losses: readonly LossRow[] = []) => violated({
    ops: [place, report], entries: entries.slice(0, 1), holds: [hold({ state: 'expired', policy: 'charge_reported', captured })], losses,
    totals: totals(captured),
  });
  expect([lapsed(4), lapsed(3), lapsed(5), lapsed(3, [loss({ entries: 0, accounts: {} })])])
    .toEqual([[], ['a lease that ended'], ['a lease that ended'], []]);
});

test('of two answers about a slot of a Cluster the one with the higher configuration epoch is right', async () => {
  const answering = (id: string, ...lines: readonly string[]): Asked => ({
    id, isRunning: () => true,
    admin: {
      cluster: (what: string) => Promise.resolve(what === 'NODES' ? lines.join('\n') : 'cluster_state:ok'),
    } as unknown as Asked['admin'],
  });
  const view = await readView([
    // It has been deposed and does not know it yet.
    answering('old', 'old :1@1 myself,master - 0 0 1 connected 0-99', 'new :2@2 slave old 0 0 1 connected',
      'other :3@3 master - 0 0 3 connected 100-16383'),
    answering('new', 'old :1@1 master,fail - 0 0 1 connected', 'new :2@2 myself,master - 0 0 7 connected 0-99',
      'other :3@3 master - 0 0 3 connected 100-16383'),
    answering('other', 'old :1@1 slave new 0 0 7 connected', 'new :2@2 master - 0 0 7 connected 0-99',
      'other :3@3 myself,master - 0 0 3 connected 100-16383 [7->-new]'),
  ]);
  expect([view.ownerOf(0), view.ownerOf(99), view.ownerOf(100), view.masters.toSorted(), view.isWhole])
    .toEqual(['new', 'new', 'other', ['new', 'other'], true]);
});
