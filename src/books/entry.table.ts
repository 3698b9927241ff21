import type { Micros } from '../kit/money/micros.js';
import type { EntryKind, JournalEntry } from '../ledger/entry.js';
import { afterOf, AMOUNTS, BALANCES, type AfterName, type AmountName } from '../ledger/figures.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { copyInto } from '../stores/postgres/copy.js';
import { fromMs, toMs, unnestSource, type Columns } from '../stores/postgres/unnest.js';
import { amountColumns } from './amount-columns.js';

/** An entry to be written, with the epoch of its shard. */
export type EntryRow = { readonly entry: JournalEntry; readonly epoch: number; readonly lots: string };

const afterColumns: Columns<EntryRow> = Object.fromEntries(
  BALANCES.map((name) => [`${name}_after`, ['bigint', ({ entry }: EntryRow) => entry[afterOf(name)]] as const]),
);

const entryColumns: Columns<EntryRow> = {
  account_id: ['text', ({ entry }) => entry.accountId],
  seq: ['bigint', ({ entry }) => entry.seq],
  at_ms: ['double precision', ({ entry }) => entry.atMs],
  epoch: ['bigint', ({ epoch }) => epoch],
  kind: ['text', ({ entry }) => entry.kind],
  ...amountColumns<EntryRow>(({ entry }) => entry),
  overage: ['bigint', ({ entry }) => entry.overage],
  ...afterColumns,
  lots: ['text', ({ lots }) => lots],
  hold_id: ['text', ({ entry }) => entry.holdId],
  lease_ms: ['bigint', ({ entry }) => entry.leaseEndsAtMs],
  policy: ['text', ({ entry }) => entry.policy],
  key: ['text', ({ entry }) => entry.key],
  fingerprint: ['text', ({ entry }) => entry.fingerprint],
  price: ['text', ({ entry }) => entry.price],
  principal: ['text', ({ entry }) => entry.principal],
  corrects: ['bigint', ({ entry }) => entry.corrects],
  reported: ['bigint', ({ entry }) => entry.reported],
  reported_usage: ['text', ({ entry }) => entry.reportedUsage],
};
const entrySource = unnestSource<EntryRow>('e', entryColumns);

export const insertEntries = copyInto<EntryRow>('entries', entryColumns, ['at_ms']);

/** Not known to the version before, which leaves them out. */
const NEW = new Set(['reported', 'reported_usage']);
/** The columns that must be equal when an entry is delivered again; text of `about` may have been quarantined. */
const COMPARED = entrySource.names.filter((name) => name !== 'at_ms' && name !== 'epoch' && !NEW.has(name));

type Detail = { readonly accountId: string; readonly seq: number; readonly atMs: number; readonly about: string };

export const insertDetails = copyInto<Detail>('entry_details', {
  account_id: ['text', (row) => row.accountId],
  seq: ['bigint', (row) => row.seq],
  at_ms: ['double precision', (row) => row.atMs],
  about: ['text', (row) => row.about],
}, ['at_ms']);

/** Those of these entries that Postgres stores differently or not at all, although all should be stored: forks (I7). */
export async function findForks(trx: Trx, rows: readonly EntryRow[]): Promise<{ accountId: string; seq: number }[]> {
  if (rows.length === 0) return [];
  const same = COMPARED.map((name) => `stored.${name} = e.${name}`).join(' and ');
  const { rows: found } = await trx.raw<{ rows: { accountId: string; seq: number }[] }>(
    `select e.account_id as "accountId", e.seq from ${entrySource.sql}
      where not exists (select from entries as stored where ${same} and stored.at = ${fromMs('e.at_ms')})`,
    entrySource.bind(rows),
  );
  return found;
}

/** One entry of an account's history, with the facts its dialect gave. */
export type HistoryEntry = Pick<JournalEntry, AmountName | AfterName | 'seq' | 'atMs' | 'kind' | 'overage' | 'holdId' | 'key' | 'price'
  | 'about' | 'principal' | 'corrects' | 'reported' | 'reportedUsage'>;

const HISTORY = `e.seq, ${toMs('e.at')} as "atMs", e.kind, ${AMOUNTS.map((name) => `e.${name}`).join(', ')}, e.overage,
            ${BALANCES.map((name) => `e.${name}_after as "${afterOf(name)}"`).join(', ')},
            e.hold_id as "holdId", e.key, e.price, e.principal, e.corrects,
            e.reported, e.reported_usage as "reportedUsage", coalesce(d.about, '') as about
       from entries e
       left join entry_details d on d.account_id = e.account_id and d.seq = e.seq and d.at = e.at`;

/** Up to `limit` entries of an account before `beforeSeq`, the newest first. */
export async function readHistoryPage(
  db: Db, accountId: string, beforeSeq: number, limit: number, kinds: readonly EntryKind[] | null,
): Promise<HistoryEntry[]> {
  const { rows } = await db.raw<{ rows: HistoryEntry[] }>(
    `select ${HISTORY}
      where e.account_id = ? and e.seq < ?::bigint and (?::text[] is null or e.kind = any(?::text[]))
      order by e.seq desc limit ?::integer`,
    [accountId, beforeSeq, kinds === null ? null : [...kinds], kinds === null ? null : [...kinds], limit],
  );
  return rows;
}

/** The entries of one hold between two entries of its account, oldest first. */
export async function readHoldEntries(
  db: Db, accountId: string, holdId: string, { fromSeq, toSeq }: { readonly fromSeq: number; readonly toSeq: number },
): Promise<HistoryEntry[]> {
  const { rows } = await db.raw<{ rows: HistoryEntry[] }>(
    `select ${HISTORY} where e.account_id = ? and e.seq between ?::bigint and ?::bigint and e.hold_id = ? order by e.seq`,
    [accountId, fromSeq, toSeq, holdId],
  );
  return rows;
}

/** An entry with the lots that it changed, as text of the journal. */
export type EntryWithLots = HistoryEntry & { readonly lots: string };

/** One entry by its number with its lots, or null while Postgres does not have it. */
export async function readEntryWithLots(db: Db, accountId: string, seq: number): Promise<EntryWithLots | null> {
  const { rows } = await db.raw<{ rows: EntryWithLots[] }>(
    `select e.lots, ${HISTORY} where e.account_id = ? and e.seq = ?::bigint`, [accountId, seq],
  );
  return rows[0] ?? null;
}

/** One entry by its number, or null while Postgres does not have it. */
export async function readEntry(db: Db, accountId: string, seq: number): Promise<HistoryEntry | null> {
  const [entry] = await readHistoryPage(db, accountId, seq + 1, 1, null);
  return entry?.seq === seq ? entry : null;
}

/** Credits of an account that expired with their lots. */
export type Expiry = { readonly amount: Micros; readonly atMs: number };

const EXPIRIES_SHOWN = 10;

/** The last expiries of an account, the latest first. */
export async function readExpiries(db: Db, accountId: string): Promise<Expiry[]> {
  const { rows } = await db.raw<{ rows: Expiry[] }>(
    `select expired as amount, ${toMs('at')} as "atMs" from entries
      where account_id = ? and kind = 'expire_lots' order by seq desc limit ?::integer`,
    [accountId, EXPIRIES_SHOWN],
  );
  return rows;
}
