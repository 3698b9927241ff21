import type { Micros } from '../kit/money/micros.js';
import type { EntryKind } from '../ledger/entry.js';
import type { Db } from '../stores/postgres/connect.js';
import { toMs, unnestSource } from '../stores/postgres/unnest.js';

/** A key of one account to look up. */
export type ChargeName = { readonly accountId: string; readonly key: string };

/** The first entry made under a key, or the last refusal if there is none, as far as Postgres has the journal. */
export type NamedEntry = ChargeName & {
  readonly kind: EntryKind; readonly fingerprint: string; readonly seq: number; readonly atMs: number; readonly availableAfter: Micros;
  readonly uncollected: Micros; readonly holdId: string;
};

const names = unnestSource<ChargeName>('n', { account_id: ['text', (name) => name.accountId], key: ['text', (name) => name.key] });

/**
 * Reads what was made under each of these keys since `sinceMs`, in one statement. Keys without an entry are left out.
 * Where a key was charged twice, because Postgres was down the second time, the first charge is returned.
 */
export async function readNamedEntries(db: Db, asked: readonly ChargeName[], sinceMs: number): Promise<NamedEntry[]> {
  const { rows } = await db.raw<{ rows: NamedEntry[] }>(
    `select n.account_id as "accountId", n.key, e.kind, e.fingerprint, e.seq,
      ${toMs('e.at')} as "atMs", e.available_after as "availableAfter", e.uncollected, e.hold_id as "holdId"
       from ${names.sql}
      cross join lateral (
        select kind, fingerprint, seq, at, available_after, uncollected, hold_id from entries
         where account_id = n.account_id and key = n.key and key <> '' and at > to_timestamp(?::double precision / 1000)
         order by kind = 'refuse_usage', case kind when 'refuse_usage' then -seq else seq end limit 1) as e`,
    [...names.bind(asked), sinceMs],
  );
  return rows;
}
