import type { Db } from '../stores/postgres/connect.js';

/** A step that this process may do: where the scan goes on. */
export type EvictionClaim = { readonly scanCursor: string };

/** A step that is claimed for longer than this belongs to a process that has died: no step takes as long. */
const CLAIM_SECONDS = 60;

/** SQL: whether a step may be claimed. `:evictionPauseMs`: the time between two rounds. */
const MAY_STEP = `(claimed_until is null or claimed_until < clock_timestamp())
  and (scan_cursor <> '0' or last_round_at is null
       or last_round_at <= clock_timestamp() - make_interval(secs => :evictionPauseMs::double precision / 1000))`;

/** SQL: a step that may be claimed. */
export const EVICTION_STEP = `from eviction_state where ${MAY_STEP}`;

/** Claims the next step. Null: another process has one, or the last round ended less than `pauseMs` ago. */
export async function claimStep(db: Db, pauseMs: number): Promise<EvictionClaim | null> {
  const { rows } = await db.raw<{ rows: EvictionClaim[] }>(
    `update eviction_state set claimed_until = clock_timestamp() + make_interval(secs => :claimSeconds) where ${MAY_STEP}
     returning scan_cursor as "scanCursor"`,
    { claimSeconds: CLAIM_SECONDS, evictionPauseMs: pauseMs },
  );
  return rows[0] ?? null;
}

/** Ends a step. `scanCursor` '0' ends the round. `stayed`: accounts that it found and left in Redis. */
export async function finishStep(db: Db, { scanCursor, stayed }: { readonly scanCursor: string; readonly stayed: number }): Promise<void> {
  await db.raw(
    `update eviction_state set claimed_until = null, scan_cursor = :scanCursor::text,
            round_accounts = case when :scanCursor::text = '0' then 0 else round_accounts + :stayed::bigint end,
            resident = case when :scanCursor::text = '0' then round_accounts + :stayed::bigint else resident end,
            last_round_at = case when :scanCursor::text = '0' then clock_timestamp() else last_round_at end`,
    { scanCursor, stayed },
  );
}

/** Releases a step that failed; the next one does it again. */
export async function releaseStep(db: Db): Promise<void> {
  await db.raw('update eviction_state set claimed_until = null');
}

/** How many accounts the last round left in Redis, about; null: there was none yet. */
export async function readResident(db: Db): Promise<number | null> {
  const { rows } = await db.raw<{ rows: { resident: number | null }[] }>('select resident from eviction_state');
  return rows[0]?.resident ?? null;
}

/** An account that may leave Redis, with the version of its limits. `isNew`: Postgres has no entry of it. */
export type IdleAccount = { readonly accountId: string; readonly limitsVersion: number; readonly isNew: boolean };

/**
 * Those of these accounts that hold nothing and have not changed since `beforeMs`, and those of which Postgres has no entry: they have
 * none at all, as after a read of a balance, or wait for the drain.
 */
export async function idleAmong(db: Db, accountIds: readonly string[], beforeMs: number): Promise<IdleAccount[]> {
  if (accountIds.length === 0) return [];
  const { rows } = await db.raw<{ rows: IdleAccount[] }>(
    `select account_id as "accountId", coalesce(s.version, 0) as "limitsVersion", a.account_id is null as "isNew"
       from unnest(?::text[]) as ask (account_id) left join accounts a using (account_id) left join limit_sets s using (account_id)
      where a.account_id is null or (a.held = 0 and a.updated_at <= to_timestamp(?::double precision / 1000))`,
    [[...accountIds], beforeMs],
  );
  return rows;
}
