/** The names of the worker's jobs. */
export const JOB_NAMES = [
  'drain', 'expire-holds', 'expire-lots', 'expire-forgotten', 'replay-money-in', 'resume-claims', 'resume-transfers',
  'make-partitions', 'forget-epochs', 'refill-plans', 'welcome-newcomers', 'forget-refusals', 'keep-limits', 'reconcile',
  'send-webhooks', 'tell-expiring-lots', 'forget-events', 'evict-idle',
] as const;
export type LedgerJobName = (typeof JOB_NAMES)[number];
