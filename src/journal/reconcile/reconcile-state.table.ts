import { RECONCILE_ACCOUNTS_MAX, RECONCILE_HOLDS_MAX, SNAPSHOT_HOLDS_MAX } from '../../kit/limits.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';

/** The progress of the reconciler. A time is null until the event has happened. */
export type ReconcileState = {
  /** Whether the current round is complete, and its position. */
  readonly roundIsFull: boolean;
  readonly roundAccounts: number;
  readonly fullWanted: boolean;
  readonly lastBatchAtMs: number | null;
  readonly lastRoundAtMs: number | null;
  readonly lastRoundAccounts: number | null;
  readonly lastFullAtMs: number | null;
};

/** A batch to do: its start, and whether it is complete. */
export type Claim = {
  readonly accountCursor: string;
  readonly scanCursor: string;
  readonly roundAccounts: number;
  readonly roundIsFull: boolean;
};

/** A batch claimed for longer than this belongs to a process that has died: no job takes as long. */
const CLAIM_SECONDS = 120;
/** A complete round starts at least this often. */
const FULL_EVERY = `interval '1 day'`;

/**
 * SQL: a batch to do now. A round that ended less than `:reconcilePauseMs` ago is not repeated, unless a complete one is wanted or
 * there are findings, which are compared again.
 */
export const RECONCILE_BATCH = `from reconcile_state
  where (claimed_until is null or claimed_until < clock_timestamp())
    and (account_cursor <> '' or scan_cursor <> '0' or round_is_full or full_wanted or last_round_at is null
         or last_round_at <= clock_timestamp() - make_interval(secs => :reconcilePauseMs::double precision / 1000)
         or exists (select from drift_findings where resolved_at is null))`;

/** Claims the next batch unless another process has one. A requested complete round starts at once. */
export async function claimBatch(db: Db): Promise<Claim | null> {
  const { rows } = await db.raw<{ rows: Claim[] }>(
    `update reconcile_state set
       claimed_until = clock_timestamp() + make_interval(secs => ?),
       account_cursor = case when full_wanted and not round_is_full then '' else account_cursor end,
       round_accounts = case when full_wanted and not round_is_full then 0 else round_accounts end,
       full_wanted = full_wanted and round_is_full,
       round_is_full = round_is_full or full_wanted
      where claimed_until is null or claimed_until < clock_timestamp()
     returning account_cursor as "accountCursor", scan_cursor as "scanCursor", round_accounts as "roundAccounts",
       round_is_full as "roundIsFull"`,
    [CLAIM_SECONDS],
  );
  return rows[0] ?? null;
}

/** The progress of a finished batch. `accountCursor` null: all accounts are done. */
export type Done = { readonly accountCursor: string | null; readonly scanCursor: string; readonly accounts: number };

export async function finishBatch(db: Db, { accountCursor, scanCursor, accounts }: Done): Promise<void> {
  if (accountCursor !== null) {
    await db.raw(
      `update reconcile_state set claimed_until = null, last_batch_at = now(), account_cursor = ?, scan_cursor = ?,
         round_accounts = round_accounts + ?`,
      [accountCursor, scanCursor, accounts],
    );
    return;
  }
  await db.raw(
    `update reconcile_state set claimed_until = null, last_batch_at = now(), account_cursor = '', scan_cursor = ?, round_accounts = 0,
            last_round_at = now(), last_round_accounts = round_accounts + ?,
            last_full_at = case when round_is_full then now() else last_full_at end,
            round_is_full = full_wanted or (not round_is_full and (last_full_at is null or last_full_at < now() - ${FULL_EVERY})),
            full_wanted = false`,
    [scanCursor, accounts],
  );
}

/** Releases a batch that failed. */
export async function releaseBatch(db: Db): Promise<void> {
  await db.raw('update reconcile_state set claimed_until = null');
}

/** Requests a complete round, which starts with the next batch. */
export async function wantFullRound(db: Db): Promise<void> {
  await db.raw('update reconcile_state set full_wanted = true');
}

export async function readReconcileState(db: Db): Promise<ReconcileState> {
  const { rows } = await db.raw<{ rows: ReconcileState[] }>(
    `select round_is_full as "roundIsFull", round_accounts as "roundAccounts", full_wanted as "fullWanted",
      ${toMs('last_batch_at')} as "lastBatchAtMs",
            ${toMs('last_round_at')} as "lastRoundAtMs", last_round_accounts as "lastRoundAccounts",
              ${toMs('last_full_at')} as "lastFullAtMs"
       from reconcile_state`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the state of the reconciler is always one row');
  return row;
}

/** Accounts to compare together, and whether they are the last of the round. */
export type RoundPage = { readonly accountIds: readonly string[]; readonly isLast: boolean };

/**
 * The next accounts in the order of a round, with at most so many open holds in all; one account at least. Of each SNAPSHOT_HOLDS_MAX
 * count.
 */
export async function pageAfter(
  db: Db, accountId: string,
  { accounts = RECONCILE_ACCOUNTS_MAX, openHolds = RECONCILE_HOLDS_MAX }: { readonly accounts?: number; readonly openHolds?: number } = {},
): Promise<RoundPage> {
  const { rows } = await db.raw<{ rows: { accountId: string; before: number }[] }>(
    `select a.account_id as "accountId", coalesce(sum(h.open) over (
              order by a.account_id rows between unbounded preceding and 1 preceding), 0)::integer as before
       from (select account_id from accounts where account_id > :accountId order by account_id limit :accounts::integer) as a
       cross join lateral (select count(*) as open from (
         select from holds where account_id = a.account_id and state = 'open' order by hold_id limit :listed::integer) as listed) as h
      order by a.account_id`,
    { accountId, accounts, listed: SNAPSHOT_HOLDS_MAX },
  );
  const page = rows.filter(({ before }) => before < openHolds);
  return { accountIds: page.map((row) => row.accountId), isLast: page.length === rows.length && rows.length < accounts };
}

/** Those of these accounts that Postgres does not have. */
export async function unknownAmong(db: Db, accountIds: readonly string[]): Promise<string[]> {
  if (accountIds.length === 0) return [];
  const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
    `select asked as "accountId" from unnest(?::text[]) as asked where not exists (select from accounts where account_id = asked)`,
    [[...accountIds]],
  );
  return rows.map((row) => row.accountId);
}
