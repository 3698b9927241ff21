import type { Db, Trx } from '../../stores/postgres/connect.js';
import { fromMs, toMs, unnestSource } from '../../stores/postgres/unnest.js';
import { MINTED_ID, provisionalName, type NamesFrom } from './names.js';

/** The owner of an account according to the last token. Used to find accounts, never for authorisation. */
export type ProfileRow = {
  readonly accountId: string;
  readonly username: string | null;
  readonly email: string | null;
  readonly role: string | null;
  readonly namesFrom: NamesFrom;
  readonly seenAtMs: number;
};

const source = unnestSource<ProfileRow>('p', {
  account_id: ['text', (row) => row.accountId],
  username: ['text', (row) => row.username],
  email: ['text', (row) => row.email],
  role: ['text', (row) => row.role],
  names_from: ['text', (row) => row.namesFrom],
  seen_at_ms: ['double precision', (row) => row.seenAtMs],
});

/**
 * SQL: whether profile `o` has the name `name`. A text that issuers make as an id is nobody's username (names.ts). E-mails are
 * compared without case, and only if they have the same length in bytes, because lower-casing turns some letters of other
 * scripts into ASCII.
 */
export const isNamed = (name: string): string => `(
  (position('@' in ${name}) = 0 and ${name} !~* '${MINTED_ID}' and o.username = ${name})
  or (position('@' in ${name}) > 0 and lower(o.email) = lower(${name}) and octet_length(o.email) = octet_length(${name})))`;

/** SQL: whether names from there are not as trusted as those of the auth service (names.ts). */
const isUntrusted = (from: string): string => `(coalesce(${from}, 'access') in ('chatsparty', 'jwks-open'))`;

/** SQL: whether the names of profile `o` are as trusted as those of the auth service (names.ts). */
export const IS_TRUSTED = `not ${isUntrusted('o.names_from')}`;

/** SQL of `upsertProfiles`: whether the stored names stay, because an issuer of less trust states others. */
const STAYS = `(${isUntrusted('excluded.names_from')} and not ${isUntrusted('old.names_from')}
         and coalesce(old.username, old.email) is not null)`;

/** SQL of `upsertProfiles`: a name, and who stated the names, as they are from now on. */
const stated = (column: 'username' | 'email'): string => `case when ${STAYS} then old.${column} else coalesce(excluded.${column},
         case when ${isUntrusted('excluded.names_from')} = ${isUntrusted('old.names_from')} then old.${column} end) end`;
const STATED_BY = `case when ${STAYS} then old.names_from else excluded.names_from end`;

/** An unchanged profile is written again only after this time. */
const REFRESH = `interval '5 minutes'`;

/**
 * Writes profiles; of several for one account the last. A field that a token does not have keeps its value. Names of the auth
 * service replace all names of an issuer of less trust, which must not count as its names, and are never replaced by them.
 */
export async function upsertProfiles(db: Db, rows: readonly ProfileRow[]): Promise<void> {
  if (rows.length === 0) return;
  const last = new Map(rows.map((row) => [row.accountId, row]));
  // All writers use the same order, so that two batches cannot deadlock.
  const sorted = [...last.values()].sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
  await db.raw(
    `insert into profiles as old (account_id, username, email, role, names_from, first_seen, last_seen)
     select account_id, username, email, role, names_from, ${fromMs('seen_at_ms')}, ${fromMs('seen_at_ms')} from ${source.sql}
     on conflict (account_id) do update set
       username = ${stated('username')},
       email = ${stated('email')},
       role = coalesce(excluded.role, old.role),
       names_from = ${STATED_BY},
       last_seen = greatest(old.last_seen, excluded.last_seen)
     where (${stated('username')}, ${stated('email')}, coalesce(excluded.role, old.role), ${STATED_BY})
             is distinct from (old.username, old.email, old.role, old.names_from)
        or excluded.last_seen > old.last_seen + ${REFRESH}`,
    source.bind(sorted),
  );
}

/** An account and the name of its owner. */
export type FoundAccount = { readonly accountId: string; readonly username: string | null };

/** `any`: the text is an id, a username or an e-mail, tried in this order. */
export type FindBy = 'any' | 'email';

/**
 * The account that a text names. The order is: an id that has a profile or entries; a name of the owner or of a provisional
 * account that the owner has claimed; an unclaimed provisional account with this name; a name that only ChatsParty gave.
 * `ambiguous`: two accounts of the same rank have the name.
 */
export async function findAccount(db: Db, text: string, by: FindBy): Promise<FoundAccount | 'ambiguous' | null> {
  const { rows } = await db.raw<{ rows: FoundAccount[] }>(
    `with ask as (select :asked::text as text, :name::text as name),
     found as (
       select o.account_id, 1 as rank from profiles o, ask where :byId and o.account_id = ask.text
       union select a.account_id, 1 from accounts a, ask
              where :byId and a.account_id = ask.text
                and not exists (select from provisional_accounts p where p.account_id = a.account_id and p.owned_at is null)
       union select p.account_id, 1 from provisional_accounts p, ask where :byId and p.account_id = ask.text and p.owned_at is not null
       union select o.account_id, case when ${IS_TRUSTED} then 2 else 4 end from profiles o, ask where ${isNamed('ask.text')}
       union select coalesce(p.claimed_by, p.account_id), case when p.claimed_by is null then 3 else 2 end
               from provisional_accounts p, ask where p.name = ask.name and p.owned_at is null)
     select account_id as "accountId", (select o.username from profiles o where o.account_id = best.account_id) as username
       from (select distinct account_id from found where rank = (select min(rank) from found) limit 2) as best`,
    { asked: text, name: provisionalName(text), byId: by === 'any' },
  );
  const [first, second] = rows;
  if (first === undefined) return null;
  return second === undefined ? first : 'ambiguous';
}

export type NewUser = { readonly accountId: string; readonly username: string; readonly email: string; readonly role: string };
export type Registered = { readonly status: 'registered'; readonly createdAtMs: number } | { readonly status: 'id_taken' | 'email_taken' };

/**
 * Creates the profile of a user who has not sent a token yet. Concurrent registrations of one e-mail wait for each other,
 * because no unique index forbids it: tokens may share an e-mail and must not fail because of it (docs/contracts/README.md#identity).
 */
export async function insertUser(trx: Trx, { accountId, username, email, role }: NewUser): Promise<Registered> {
  await trx.raw(`select pg_advisory_xact_lock(hashtext('credit-gateway:user:' || lower(?)))`, [email]);
  const { rows: taken } = await trx.raw<{ rows: { id: boolean; email: boolean }[] }>(
    `select exists (select from profiles o where o.account_id = :accountId) as id,
            exists (select from profiles o where o.account_id <> :accountId and ${IS_TRUSTED} and ${isNamed(':email::text')}) as email`,
    { accountId, email },
  );
  if (taken[0]?.id === true) return { status: 'id_taken' };
  if (taken[0]?.email === true) return { status: 'email_taken' };
  const { rows } = await trx.raw<{ rows: { createdAtMs: number }[] }>(
    `insert into profiles (account_id, username, email, role, names_from, first_seen, last_seen)
     values (:accountId, :username, :email, :role, 'admin', now(), now())
     on conflict (account_id) do nothing returning ${toMs('first_seen')} as "createdAtMs"`,
    { accountId, username, email, role },
  );
  return rows[0] === undefined ? { status: 'id_taken' } : { status: 'registered', createdAtMs: rows[0].createdAtMs };
}

/** All accounts with this name, for an operator to choose from. */
export async function listNamed(db: Db, name: string, limit: number): Promise<ProfileRow[]> {
  const { rows } = await db.raw<{ rows: ProfileRow[] }>(
    `select o.account_id as "accountId", o.username, o.email, o.role, o.names_from as "namesFrom", ${toMs('o.last_seen')} as "seenAtMs"
       from profiles o, (select ?::text as name) as ask
      where o.account_id = ask.name or ${isNamed('ask.name')} order by o.account_id limit ?::integer`,
    [name, limit],
  );
  return rows;
}

/** The name of the account's owner, or null for an account without a profile. */
export async function readProfile(db: Db, accountId: string): Promise<ProfileRow | null> {
  const { rows } = await db.raw<{ rows: ProfileRow[] }>(
    `select account_id as "accountId", username, email, role, names_from as "namesFrom", ${toMs('last_seen')} as "seenAtMs"
       from profiles where account_id = ?`,
    [accountId],
  );
  return rows[0] ?? null;
}
