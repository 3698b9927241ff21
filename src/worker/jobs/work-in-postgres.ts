import { OVERDUE_HOLDS } from '../../books/hold.table.js';
import { OLD_WINDOWS } from '../../books/limit-window.table.js';
import { OVERDUE_LOTS } from '../../books/lot.table.js';
import { PENDING_INTENTS } from '../../books/money-in.table.js';
import { PENDING_SETS } from '../../credits/limits/limit.table.js';
import { NEWCOMERS } from '../../credits/plans/newcomer.table.js';
import { DUE_PERIODS } from '../../credits/plans/period.table.js';
import { DUE_ACCOUNTS } from '../../credits/plans/plan.table.js';
import { PENDING_TERMS } from '../../credits/terms/terms.table.js';
import { DEBITED_TRANSFERS, PENDING_TRANSFERS } from '../../credits/transfers/transfer.table.js';
import { MOVING_LOTS, PROVISIONAL } from '../../credits/users/provisional.table.js';
import { DUE_DELIVERIES, NEW_EVENTS } from '../../credits/webhooks/delivery.table.js';
import { evictionPauseMs } from '../../journal/evict-idle.js';
import { EVICTION_STEP } from '../../journal/eviction-state.table.js';
import { RECONCILE_BATCH } from '../../journal/reconcile/reconcile-state.table.js';
import type { Clock } from '../../kit/clock.js';
import { LIMIT_WINDOWS_KEPT_DAYS } from '../../kit/limits.js';
import type { Db } from '../../stores/postgres/connect.js';
import { OVERDUE_BY_MS } from './expire-forgotten.js';
import type { LedgerJobName } from './job-names.js';

/**
 * What each job finds to do in Postgres: the rows that its own queries begin with, or more. Those of a large table are in the order of
 * their index. Without an order, Postgres reads the whole table when its statistics are older than the end of the work: it expects to
 * come upon a row soon.
 */
const WORK = {
  'expire-forgotten': [OVERDUE_HOLDS, OVERDUE_LOTS],
  'replay-money-in': [PENDING_INTENTS],
  'resume-claims': [MOVING_LOTS, PROVISIONAL],
  'resume-transfers': [PENDING_TRANSFERS, DEBITED_TRANSFERS],
  'refill-plans': [`${DUE_ACCOUNTS} order by due_at`, `${DUE_PERIODS} order by due_at`],
  'welcome-newcomers': [NEWCOMERS],
  'keep-limits': [PENDING_SETS, `${PENDING_TERMS} order by changed_at`, OLD_WINDOWS],
  'reconcile': [RECONCILE_BATCH],
  'send-webhooks': [NEW_EVENTS, DUE_DELIVERIES],
  'evict-idle': [EVICTION_STEP],
} as const satisfies Partial<Record<LedgerJobName, readonly string[]>>;

export type WorkInPostgres = keyof typeof WORK;
export const WORK_IN_POSTGRES = Object.keys(WORK) as WorkInPostgres[];

export type WorkDeps = {
  readonly db: Db;
  readonly clock: Clock;
  /** EVICT_AFTER_SECONDS in ms; 0: no account is evicted. */
  readonly evictIdleMs: number;
};

/** Younger than this, what a request left is still its own; some jobs wait longer. */
const OLDER_THAN_MS = 2_000;
/** A round of the reconciler that has ended is not repeated at once. */
const RECONCILE_PAUSE_MS = 30_000;
const DAY_MS = 86_400_000;

/** Those of these jobs that would find something to do now. One statement. @throws what pg throws */
export async function workInPostgres({ db, clock, evictIdleMs }: WorkDeps, asked: readonly WorkInPostgres[]): Promise<WorkInPostgres[]> {
  const names = asked.filter((name) => name !== 'evict-idle' || evictIdleMs > 0);
  if (names.length === 0) return [];
  const nowMs = clock();
  const columns = names.map((name) => `${WORK[name].map((from) => `(select true ${from} limit 1) is not null`).join(' or ')} as "${name}"`);
  const { rows: [found] } = await db.raw<{ rows: [Readonly<Partial<Record<WorkInPostgres, boolean>>>] }>(`select ${columns.join(', ')}`, {
    nowMs, dueBeforeMs: nowMs - OVERDUE_BY_MS, olderThanMs: OLDER_THAN_MS, beforeMs: nowMs - LIMIT_WINDOWS_KEPT_DAYS * DAY_MS,
    evictionPauseMs: evictionPauseMs(evictIdleMs), reconcilePauseMs: RECONCILE_PAUSE_MS,
  });
  return names.filter((name) => found[name] === true);
}
