import type { LedgerJobName } from './job-names.js';

/**
 * How often each job runs while it has something to do. Nudges start a drain within 100 ms; the drain that is looked for finds
 * what a crash left behind. Holds must end within a second of their lease (docs/architecture.md#when-things-fail).
 */
export const EVERY_MS = {
  'drain': 1_000,
  'expire-holds': 1_000,
  'expire-lots': 5_000,
  'expire-forgotten': 5_000,
  'replay-money-in': 10_000,
  'resume-claims': 10_000,
  'resume-transfers': 2_000,
  'make-partitions': 3_600_000,
  'forget-epochs': 3_600_000,
  'refill-plans': 2_000,
  'welcome-newcomers': 1_000,
  'forget-refusals': 3_600_000,
  'keep-limits': 5_000,
  'reconcile': 5_000,
  'send-webhooks': 1_000,
  'tell-expiring-lots': 60_000,
  'forget-events': 3_600_000,
  'evict-idle': 2_000,
} as const satisfies Readonly<Record<LedgerJobName, number>>;

/**
 * A schedule runs a job whether it has something to do or not, so none is frequent: a run costs a dozen round trips. What may
 * wait for less is looked for as often as `EVERY_MS` (look-for-work.ts), many jobs in one question.
 */
const LOOKED_FOR_MS = 300_000;
/** An alert fires when one of these has not run for three minutes: no worker takes jobs (grafana/src/server-alerts.ts). */
const WATCHED: ReadonlySet<LedgerJobName> = new Set(['drain', 'expire-holds', 'expire-lots', 'replay-money-in']);
const WATCHED_MS = 60_000;

/** The period of the schedule of a job. */
export function scheduleMs(name: LedgerJobName): number {
  if (EVERY_MS[name] >= WATCHED_MS) return EVERY_MS[name]; // nothing looks for its work
  return WATCHED.has(name) ? WATCHED_MS : LOOKED_FOR_MS;
}
