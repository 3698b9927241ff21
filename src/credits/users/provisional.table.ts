import type { Micros } from '../../kit/money/micros.js';
import type { Lot } from '../../ledger/account-snapshot.js';
import type { Db } from '../../stores/postgres/connect.js';
import { unnestSource } from '../../stores/postgres/unnest.js';
import { provisionalName } from './names.js';
import { IS_TRUSTED, isNamed } from './profile.table.js';

/** Whether provisional account `p` still waits, or works for its claimant: no token has its id as its own subject. */
const IS_NOBODYS = `p.owned_at is null and not exists (select from profiles o where o.account_id = p.account_id)`;

/** Opens an account under a name nobody is known by, unless there is one by now. */
export async function insertProvisional(
  db: Db, { accountId, createdBy }: { readonly accountId: string; readonly createdBy: string },
): Promise<void> {
  await db.raw(
    `insert into provisional_accounts (account_id, name, created_by) values (?, ?, ?) on conflict do nothing`,
    [accountId, provisionalName(accountId), createdBy],
  );
}

export type Acquaintance = {
  /** Whether her profile is there. */
  readonly isKnown: boolean;
  /** Provisional accounts that are hers by id, or by name and unclaimed, or that another request of hers is claiming now. */
  readonly provisional: readonly string[];
};

/** A claim may be under way for this long before the worker sees to it; until then requests see to it themselves. */
const CLAIM_UNDER_WAY = `interval '1 minute'`;

/** What Postgres knows of a caller: all that her first request needs, in one statement over three indexes. */
export async function readAcquaintance(db: Db, accountId: string, names: readonly string[]): Promise<Acquaintance> {
  const { rows } = await db.raw<{ rows: Acquaintance[] }>(
    `select exists (select from profiles where account_id = :accountId) as "isKnown",
            array(select account_id from provisional_accounts
                   where owned_at is null
                     and (account_id = :accountId
                       or (name = any(:names::text[])
                         and (claimed_by is null or (claimed_by = :accountId and claimed_at > now() - ${CLAIM_UNDER_WAY}))))
                   order by account_id) as provisional`,
    { accountId, names: [...names] },
  );
  return rows[0] ?? { isKnown: false, provisional: [] };
}

/** Notes that an account's id is the subject of a token: it is an account like any other, and nobody else's. */
export async function setOwned(db: Db, accountId: string): Promise<void> {
  await db.raw(`update provisional_accounts set owned_at = now() where account_id = ? and owned_at is null`, [accountId]);
}

/**
 * Gives a provisional account to a claimant, once and for all; she may ask again. False: it has an owner or another
 * claimant by now, or somebody else goes by its name, too; then an administrator must say by id whom she means.
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

/** A lot on its way to a claimant. */
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
 * Sends these lots on their way, if the account is claimed and still nobody's: asked in the same statement, after they
 * were read, so no lot that came after its owner did is among them.
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

/** Accounts with lots on their way, those that have waited longest first. */
export async function readMovingAccounts(db: Db, limit: number): Promise<string[]> {
  const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
    `select account_id as "accountId" from claimed_lots where moved_at is null group by account_id order by min(begun_at) limit ?::integer`,
    [limit],
  );
  return rows.map(({ accountId }) => accountId);
}

/** A provisional account and what there may be to do about it. */
export type ProvisionalState = {
  readonly accountId: string;
  readonly claimedBy: string | null;
  /** The one account that goes by its name and has shown a token of the auth service. */
  readonly candidate: string | null;
  /** Credits that reached it, as far as the journal has come. */
  readonly isFunded: boolean;
};

/** Up to `limit` provisional accounts that are nobody's, in order of their ids, after `afterId`. */
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
