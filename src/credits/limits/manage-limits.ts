import { readLimitSet, type StoredLimit } from '../../books/account-limit.table.js';
import { deleteWindows } from '../../books/limit-window.table.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';
import { LIMIT_WINDOWS_KEPT_DAYS, LIMITS_PER_ACCOUNT_MAX } from '../../kit/limits.js';
import type { Precondition } from '../../kit/precondition.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { LimitDefinition } from '../../ledger/limits.js';
import type { Db } from '../../stores/postgres/connect.js';
import { inPostgres } from '../../stores/postgres/errors.js';
import { applied, applyPending } from '../accounts/apply-settings.js';
import { deleteLimit, lockLimits, markApplied, pendingSets, writeLimit } from './limit.table.js';

export type LimitsDeps = {
  readonly db: Db;
  readonly ledger: Pick<Ledger, 'setLimits'>;
  /** Redis' clock, about. */
  readonly clock: Clock;
};

/** What a caller may say of a limit. Its texts contain no control characters. */
export type LimitSpec = Omit<LimitDefinition, 'counter'>;

/**
 * A change of a limit. `applied` false: Redis did not answer; Postgres has the change, and a worker applies it. `before` is
 * null for a limit that did not exist.
 */
export type ChangedLimit = { readonly limit: StoredLimit; readonly before: StoredLimit | null; readonly applied: boolean };

/**
 * Defines a limit, or replaces it. What it has counted is kept unless it now counts something else: another period, window,
 * zone or match. A new one counts from now on, without what is spent already; it counts open holds from their next operation. The
 * same definition again changes nothing.
 *
 * @throws GatewayError limit_exceeded (LIMITS_PER_ACCOUNT_MAX), what `check` throws, ledger_unavailable (`not_executed`:
 *   Postgres did not answer)
 */
export async function setLimit(
  deps: LimitsDeps, accountId: string, spec: LimitSpec, { check, actor }: { readonly check: Precondition; readonly actor: string },
): Promise<ChangedLimit> {
  const changed = await inPostgres(() => deps.db.transaction(async (trx) => {
    const set = await lockLimits(trx, accountId);
    const before = set.limits.find(({ limitId }) => limitId === spec.limitId) ?? null;
    check(before?.version ?? null);
    if (before === null && set.limits.length >= LIMITS_PER_ACCOUNT_MAX) {
      throw new GatewayError('limit_exceeded', `the account has ${LIMITS_PER_ACCOUNT_MAX} limits already`);
    }
    const version = set.version + 1;
    const keeps = before !== null && shapeOf(before) === shapeOf(spec);
    if (keeps && before.amount === spec.amount && before.mode === spec.mode) return { limit: before, before };
    const limit = { ...spec, counter: keeps ? before.counter : version, version };
    await writeLimit(trx, accountId, version, limit, actor);
    return { limit, before };
  }));
  return { ...changed, applied: await applied(() => applyLimits(deps, accountId)) };
}

/** Deletes a limit and forgets what it has counted. Null: there is none. @throws GatewayError as `setLimit` */
export async function removeLimit(
  deps: LimitsDeps, accountId: string, limitId: string, check: Precondition,
): Promise<{ readonly applied: boolean } | null> {
  const isThere = await inPostgres(() => deps.db.transaction(async (trx) => {
    const set = await lockLimits(trx, accountId);
    const before = set.limits.find((each) => each.limitId === limitId);
    check(before?.version ?? null);
    if (before === undefined) return false;
    await deleteLimit(trx, accountId, set.version + 1, limitId);
    return true;
  }));
  return isThere ? { applied: await applied(() => applyLimits(deps, accountId)) } : null;
}

export const listLimits = async (db: Db, accountId: string): Promise<readonly StoredLimit[]> =>
  inPostgres(async () => (await readLimitSet(db, accountId)).limits);

/** What a limit counts: when this changes, its counters begin anew. */
const shapeOf = ({ period, window, timeZone, match }: LimitSpec): string =>
  JSON.stringify([period, window, timeZone, match.spender ?? null, match.model ?? null, match.feature ?? null, match.key ?? null]);

/** Sends what Postgres has to Redis, in whatever order with others: the script takes the newest. */
async function applyLimits({ db, ledger, clock }: LimitsDeps, accountId: string): Promise<void> {
  const limits = await readLimitSet(db, accountId);
  await ledger.setLimits({ accountId, limits, nowMs: clock() });
  await markApplied(db, accountId, limits.version);
}

const FORGET_BATCH_MAX = 5_000;
const DAY_MS = 86_400_000;

/** The worker's turn: applies what requests left behind, and deletes windows that ended long ago. */
export const keepLimits = async (deps: LimitsDeps): Promise<{ readonly applied: number; readonly forgotten: number }> => ({
  applied: await applyPending((olderThanMs, max) => pendingSets(deps.db, olderThanMs, max), (accountId) => applyLimits(deps, accountId)),
  forgotten: await deleteWindows(deps.db, deps.clock() - LIMIT_WINDOWS_KEPT_DAYS * DAY_MS, FORGET_BATCH_MAX),
});
