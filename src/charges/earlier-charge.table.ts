import type { EntryKind } from '../journal/entry.js';
import type { Micros } from '../money/micros.js';
import type { Db } from '../postgres/connect.js';
import { toMs, unnestSource } from '../postgres/unnest.js';

/** What was asked for: a key of one account. */
export type ChargeName = { readonly accountId: string; readonly key: string };

/** The first entry under a key, as far as Postgres has the journal. */
export type NamedEntry = ChargeName & {
  readonly kind: EntryKind; readonly fingerprint: string; readonly seq: number; readonly atMs: number; readonly availableAfter: Micros;
};

const names = unnestSource<ChargeName>('n', { account_id: ['text', (name) => name.accountId], key: ['text', (name) => name.key] });

/**
 * The first entry under each of these keys since `sinceMs`, in one statement. Keys without one are left out. Where a key
 * was charged twice, because Postgres was away the second time, the first charge is the answer.
 */
export async function readNamedEntries(db: Db, asked: readonly ChargeName[], sinceMs: number): Promise<NamedEntry[]> {
  const { rows } = await db.raw<{ rows: NamedEntry[] }>(
    `select n.account_id as "accountId", n.key, e.kind, e.fingerprint, e.seq, ${toMs('e.at')} as "atMs", e.available_after as "availableAfter"
       from ${names.sql}
      cross join lateral (
        select kind, fingerprint, seq, at, available_after from entries
         where account_id = n.account_id and key = n.key and key <> '' and at > to_timestamp(?::double precision / 1000)
         order by seq limit 1) as e`,
    [...names.bind(asked), sinceMs],
  );
  return rows;
}
