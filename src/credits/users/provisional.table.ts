import type { Micros } from '../../kit/money/micros.js';
import type { Lot } from '../../ledger/account-snapshot.js';
import type { Db } from '../../stores/postgres/connect.js';
import { unnestSource } from '../../stores/postgres/unnest.js';
import { provisionalName, type NamesFrom } from './names.js';
import { IS_TRUSTED, isNamed } from './profile.table.js';

/** SQL: whether provisional account `p` is unclaimed or claimed: no token has its id as its own subject. */
const IS_NOBODYS = `p.owned_at is null and not exists (select from profiles o where o.account_id = p.account_id)`;

/** Opens an account for an unknown name, unless one exists by now. */
export async function insertProvisional(
  db: Db, { accountId, createdBy }: { readonly accountId: string; readonly createdBy: string },
): Promise<void> {
  await db.raw(
    `insert into provisional_accounts (account_id, name, created_by) values (?, ?, ?) on conflict do nothing`,
    [accountId, provisionalName(accountId), createdBy],
  );
}

export type Acquaintance = {
  /** Who gave the names of the stored profile; null also for one from before this was recorded. */
  readonly namesFrom: NamesFrom | null;
  /** Whether the profile of the caller is stored. */
  readonly isKnown: boolean;
  /** Provisional accounts with the caller's id, unclaimed ones with the caller's name, and those whose claim is unfinished. */
  readonly provisional: readonly string[];
};

/** After this time the worker takes over an unfinished claim; before that, requests finish it themselves. */
const CLAIM_UNDER_WAY = `interval '1 minute'`;

/** Reads everything that the first request of a caller needs, in one statement over three indexes. */
export async function readAcquaintance(db: Db, accountId: string, names: readonly string[]): Promise<Acquaintance> {
  const { rows } = await db.raw<{ rows: Acquaintance[] }>(
    `select exists (select from profiles where account_id = :accountId) as "isKnown",
            (select names_from from profiles where account_id = :accountId) as "namesFrom",
            array(select account_id from provisional_accounts
                   where owned_at is null
                     and (account_id = :accountId
                       or (name = any(:names::text[])
                         and (claimed_by is null or (claimed_by = :accountId and claimed_at > now() - ${CLAIM_UNDER_WAY}))))
                   order by account_id) as provisional`,
    { accountId, names: [...names] },
  );
  return rows[0] ?? { namesFrom: null, isKnown: false, provisional: [] };
}

/** Records that an account id is the subject of a token: from now on the account is a normal one and cannot be claimed. */
export async function setOwned(db: Db, accountId: string): Promise<void> {
  await db.raw(`update provisional_accounts set owned_at = now() where account_id = ? and owned_at is null`, [accountId]);
}

/**
 * Gives a provisional account to a claimant permanently; a repeat by the same claimant succeeds. False: it has an owner or
 * another claimant by now, or another account has its name, too. Then an administrator must name accounts by id.
 */
export async function setClaimed(db: Db, accountId: string, claimant: string): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update provisional_accounts p set claimed_by = :claimant, claimed_at = coalesce(p.claimed_at, now())
      where p.account_id = :accountId and ${IS_NOBODYS}
        and (p.claimed_by = :claimant
          or (p.claimed_by is null
            and not exists (select from profiles o where o.account_id <> :claimant and ${IS_TRUSTED} and ${isNamed('p.name')})))`,
    { accountId, claimant },
  );
  return rowCount === 1;
}

/** A lot that is being moved to a claimant. */
export type LotMove = {
  readonly accountId: string;
  readonly lotId: string;
  readonly claimedBy: string;
  readonly expiresAtMs: number | null;
};

const lotSource = unnestSource<Lot>('l', {
  lot_id: ['text', ({ lotId }) => lotId],
  expires_at_ms: ['bigint', ({ expiresAtMs }) => expiresAtMs],
});

/**
 * Starts to move these lots, if the account is claimed and has no owner. The same statement checks this after the lots were
 * read, so lots that were granted after the owner's first token are not moved.
 */
export async function beginMoves(db: Db, accountId: string, lots: readonly Lot[]): Promise<void> {
  if (lots.length === 0) return;
  await db.raw(
    `insert into claimed_lots (account_id, lot_id, claimed_by, expires_at_ms)
     select p.account_id, l.lot_id, p.claimed_by, l.expires_at_ms from provisional_accounts p, ${lotSource.sql}
      where p.account_id = ? and p.claimed_by is not null and ${IS_NOBODYS}
     on conflict do nothing`,
    [...lotSource.bind(lots), accountId],
  );
}

export async function readOpenMoves(db: Db, accountId: string): Promise<LotMove[]> {
  const { rows } = await db.raw<{ rows: LotMove[] }>(
    `select account_id as "accountId", lot_id as "lotId", claimed_by as "claimedBy", expires_at_ms as "expiresAtMs"
       from claimed_lots where account_id = ? and moved_at is null order by lot_id`,
    [accountId],
  );
  return rows;
}

export async function endMove(db: Db, { accountId, lotId }: LotMove, amount: Micros): Promise<void> {
  await db.raw(
    `update claimed_lots set amount = ?, moved_at = now() where account_id = ? and lot_id = ? and moved_at is null`,
    [amount, accountId, lotId],
  );
}

/** SQL: what a turn of the claims may have to do with. Whether something has to be done costs as much as the turn. */
export const MOVING_LOTS = 'from claimed_lots where moved_at is null order by begun_at';
export const PROVISIONAL = 'from provisional_accounts';

/** Accounts with lots that are being moved, longest waiting first. */
export async function readMovingAccounts(db: Db, limit: number): Promise<string[]> {
  const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
    `select account_id as "accountId" from claimed_lots where moved_at is null group by account_id order by min(begun_at) limit ?::integer`,
    [limit],
  );
  return rows.map(({ accountId }) => accountId);
}

/** A provisional account and what may have to be done with it. */
export type ProvisionalState = {
  readonly accountId: string;
  readonly claimedBy: string | null;
  /** The only account with its name that has sent a token of the auth service. */
  readonly candidate: string | null;
  /** Credits that were granted to it, as far as the journal is drained. */
  readonly isFunded: boolean;
};

/** Up to `limit` provisional accounts without an owner, by id, after `afterId`. */
export async function readProvisional(db: Db, afterId: string, limit: number): Promise<ProvisionalState[]> {
  const { rows } = await db.raw<{ rows: ProvisionalState[] }>(
    `select p.account_id as "accountId", p.claimed_by as "claimedBy",
            case when p.claimed_by is null then
              (select case when count(*) = 1 then min(o.account_id) filter (where o.names_from in ('access', 'jwks')) end
                 from profiles o where ${IS_TRUSTED} and ${isNamed('p.name')}) end as candidate,
            exists (select from accounts a where a.account_id = p.account_id and a.available > 0) as "isFunded"
       from provisional_accounts p where p.account_id > ? and ${IS_NOBODYS}
      order by p.account_id limit ?::integer`,
    [afterId, limit],
  );
  return rows;
}
