import type { Db } from '../postgres/connect.js';
import { fromMs, unnestSource } from '../postgres/unnest.js';

/** Who an account belongs to, as its last token said. For finding accounts, never for deciding anything. */
export type ProfileRow = {
  readonly accountId: string;
  readonly username: string | null;
  readonly email: string | null;
  readonly role: string | null;
  readonly seenAtMs: number;
};

const source = unnestSource<ProfileRow>('p', {
  account_id: ['text', (row) => row.accountId],
  username: ['text', (row) => row.username],
  email: ['text', (row) => row.email],
  role: ['text', (row) => row.role],
  seen_at_ms: ['double precision', (row) => row.seenAtMs],
});

/** A profile that says nothing new is written again only this long after the last time. */
const REFRESH = `interval '5 minutes'`;

/** Writes profiles, the last of several for one account. A token that leaves something out does not erase it. */
export async function upsertProfiles(db: Db, rows: readonly ProfileRow[]): Promise<void> {
  if (rows.length === 0) return;
  const last = new Map(rows.map((row) => [row.accountId, row]));
  // One order for all writers, so that two batches cannot deadlock.
  const sorted = [...last.values()].sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
  await db.raw(
    `insert into profiles as old (account_id, username, email, role, first_seen, last_seen)
     select account_id, username, email, role, ${fromMs('seen_at_ms')}, ${fromMs('seen_at_ms')} from ${source.sql}
     on conflict (account_id) do update set
       username = coalesce(excluded.username, old.username),
       email = coalesce(excluded.email, old.email),
       role = coalesce(excluded.role, old.role),
       last_seen = greatest(old.last_seen, excluded.last_seen)
     where (coalesce(excluded.username, old.username), coalesce(excluded.email, old.email), coalesce(excluded.role, old.role))
             is distinct from (old.username, old.email, old.role)
        or excluded.last_seen > old.last_seen + ${REFRESH}`,
    source.bind(sorted),
  );
}

/** The account of that id, else of that username, else of that e-mail in any case. `ambiguous`: two have the name. */
export async function findAccountByName(db: Db, text: string): Promise<{ readonly accountId: string } | 'ambiguous' | null> {
  const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
    `with found as (
       select account_id, 1 as rank from accounts where account_id = :text
       union select account_id, 1 from profiles where account_id = :text
       union select account_id, 2 from profiles where username = :text
       union select account_id, 3 from profiles where lower(email) = lower(:text))
     select distinct account_id as "accountId" from found where rank = (select min(rank) from found) limit 2`,
    { text },
  );
  const [first, second] = rows;
  if (first === undefined) return null;
  return second === undefined ? { accountId: first.accountId } : 'ambiguous';
}
