/** Sections of docs/runbook.md that panels point to, by anchor: each is an alert, in lower case with dashes. */
export const RUNBOOK_SECTIONS = [
  'accounts-frozen', 'amqp-disconnected', 'aof-failing', 'aof-off', 'aof-slow', 'availability-burn', 'breaker-open', 'busy', 'dead-letters', 'debt-growth',
  'debt-jump', 'drain-failing', 'drift', 'drift-frozen', 'event-loop-delay', 'eviction-differs', 'eviction-stopped', 'fence-raised', 'gateway-down', 'holds-overdue', 'job-failing',
  'job-not-running', 'journal-backlog', 'journal-delay', 'journal-lag', 'journal-lost', 'key-server-failing', 'latency-burn', 'ledger-unwatched', 'money-in-pending',
  'new-holds-refused', 'outcomes-unknown', 'postgres-connections', 'postgres-down', 'postgres-not-writable', 'postgres-old-transaction',
  'postgres-pool-exhausted', 'postgres-refuses', 'process-restarts', 'quarantine', 'queue-age', 'queue-failed-jobs', 'reconciler-failing',
  'reconciler-slow', 'reconciler-stopped', 'redis-down', 'redis-memory', 'redis-memory-unlimited', 'redis-refuses', 'redis-unfit', 'refusal-spike',
  'refusals-unrecorded', 'shard-stopped', 'shards-fenced', 'target-down', 'uncollected',
  'webhook-disabled', 'webhooks-late',
] as const;
export type RunbookSection = (typeof RUNBOOK_SECTIONS)[number];

/** The variable of every dashboard that says where the runbook is; grafana/README.md tells how to change it. */
export const RUNBOOK_VARIABLE = 'runbook';
/** Where Grafana serves it when grafana/runbook/ is mounted into its public folder. */
export const RUNBOOK_DEFAULT = '/public/runbook/index.html';

export const runbookUrl = (section: RunbookSection): string => `\${${RUNBOOK_VARIABLE}}#${section}`;
