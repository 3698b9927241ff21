import type { Alert } from './alert.js';
import { increase, part, processSeries, quantile, series, worst } from './promql.js';

/** Alerts about the ledger: drift, the journal, the fence, overdue holds. */

/** How far a gauge rose within a window; 0 when it fell or a process restarted. */
const rise = (gauge: string, window: string): string => `max(max_over_time(${gauge}[${window}]) - min_over_time(${gauge}[${window}]))`;

/** Seconds since a time that a gauge holds; one that was never set counts from the start of the process. */
const since = (gauge: string): string => `time() - (${gauge} or min(${processSeries('process_start_time_seconds')}))`;

export const bookAlerts: readonly Alert[] = [
  {
    name: 'Drift', severity: 'page', holdsFor: '0s',
    when: [{ value: `(max by (check) (abs(${series('driftMicros')})) + max by (check) (${series('driftAccounts')}))`, is: '> 0' }],
    summary: 'The ledger is inconsistent: {{ $labels.check }}',
    description: 'The reconciler found a difference by the check {{ $labels.check }}: {{ $value }} (accounts plus micro-credits; 0 is right). Nothing was repaired.',
  },
  {
    name: 'DriftFrozen', severity: 'ticket', holdsFor: '0s',
    when: [{ value: increase('driftFreezes', '15m'), is: '> 0' }],
    summary: 'The reconciler froze accounts that drift',
    description: '{{ $value | humanize }} accounts were frozen within 15 minutes because Redis and the books differ (RECONCILE_FREEZE). Their writes are refused until they are repaired and thawed.',
  },
  {
    name: 'ReconcilerStopped', severity: 'ticket', holdsFor: '5m',
    when: [{ value: since(worst('reconciledAt')), is: '> 300' }],
    summary: 'Redis and Postgres are not compared',
    description: 'The reconciler last finished a batch {{ $value | humanizeDuration }} ago; normal is some seconds. Until it runs again drift is not detected.',
  },
  {
    name: 'ReconcilerFailing', severity: 'ticket', holdsFor: '5m',
    when: [{ value: increase('reconciled', '15m', { where: { result: 'failed' } }), is: '> 0' }],
    summary: 'Accounts cannot be compared',
    description: '{{ $value | humanize }} comparisons of accounts failed within 15 minutes; normal is none. Whether these accounts are correct is unknown.',
  },
  {
    name: 'ReconcilerSlow', severity: 'ticket', holdsFor: '10m',
    when: [{ value: since(worst('reconcileRoundAt')), is: '> 86400' }],
    summary: 'The reconciler needs more than a day for all accounts',
    description: 'The last round over all accounts ended {{ $value | humanizeDuration }} ago; the bound is a day.',
  },
  {
    name: 'ShardStopped', severity: 'page', holdsFor: '0s',
    when: [{ value: worst('shardsStopped'), is: '> 0' }],
    summary: 'A shard is stopped: its journal contradicts Postgres',
    description: '{{ $value }} shards are stopped; 0 is right. Holds and settles of their accounts continue in Redis, but their entries do not reach Postgres until an operator resumes the shard.',
  },
  {
    name: 'ShardsFenced', severity: 'page', holdsFor: '30s',
    when: [{ value: worst('shardsFenced'), is: '> 0' }],
    summary: 'Shards are closed: their accounts get 503',
    description: '{{ $value }} shards have been closed for half a minute; opening takes a second. Redis is down, or cannot be compared with Postgres.',
  },
  {
    name: 'FenceRaised', severity: 'ticket', holdsFor: '0s',
    when: [{ value: rise(series('fenceEpochs'), '15m'), is: '> 0' }],
    summary: 'Redis had lost data; shards were rebuilt from Postgres',
    description: '{{ $value }} shards got a new epoch within 15 minutes. JournalLost counts the entries that were lost.',
  },
  {
    name: 'JournalLost', severity: 'page', holdsFor: '0s',
    when: [{ value: worst('journalLost'), is: '> 0' }],
    summary: 'Redis lost entries that it had acknowledged',
    description: 'At least {{ $value }} entries were acknowledged, did not reach Postgres and are gone from Redis; 0 is right. Their accounts have been rebuilt from Postgres. Shards, window and accounts: credit-gateway shards list.',
  },
  {
    name: 'Quarantine', severity: 'ticket', holdsFor: '0s',
    when: [{ value: worst('quarantined'), is: '> 0' }],
    summary: 'Texts of entries could not be stored',
    description: '{{ $value }} texts are in the table quarantine; normal is none. The amounts of their entries are in the ledger.',
  },
];

/** Idle accounts that should leave Redis. */
export const evictionAlerts: readonly Alert[] = [
  {
    name: 'EvictionStopped', severity: 'ticket', holdsFor: '1m',
    when: [{ value: `sum(increase(${part('jobSeconds', 'count', { job_name: 'evict-idle' })}[15m]))`, is: '== 0' }],
    summary: 'Idle accounts do not leave Redis',
    description: 'The job evict-idle ran {{ $value }} times within 15 minutes; it should run at least every five minutes. Memory of Redis grows with every account that was ever used.',
  },
  {
    name: 'EvictionDiffers', severity: 'ticket', holdsFor: '0s',
    when: [{ value: increase('evictions', '1h', { where: { result: 'differs' } }), is: '> 1' }],
    summary: 'Idle accounts stay in Redis, because Postgres does not have them as they are',
    description: '{{ $value | humanize }} times within an hour an idle account was not evicted, because Redis and Postgres do not say the same of it; normal is none.',
  },
];

export const journalAlerts: readonly Alert[] = [
  {
    name: 'LedgerUnwatched', severity: 'page', holdsFor: '2m',
    when: [{ value: `(count(${series('lagSeconds')}) or vector(0))`, is: '== 0' }],
    summary: 'No worker measures the ledger',
    description: '{{ $value }} processes have exported cg_journal_lag_seconds for two minutes: no worker runs, or none is scraped. Nothing is drained, holds do not expire, and most other alerts have no data.',
  },
  {
    name: 'JournalLag', severity: 'ticket', holdsFor: '1m',
    when: [{ value: worst('lagSeconds'), is: '> 5' }],
    summary: 'Postgres is more than 5 s behind Redis',
    description: 'The oldest entry that Postgres does not have is {{ $value | humanizeDuration }} old; 99 % should take a quarter of a second. A loss of Redis now would lose the entries of that time.',
  },
  {
    name: 'JournalLag', severity: 'page', holdsFor: '1m',
    when: [{ value: worst('lagSeconds'), is: '> 30' }],
    summary: 'Postgres is more than 30 s behind Redis',
    description: 'The oldest entry that Postgres does not have is {{ $value | humanizeDuration }} old; 99 % should take a quarter of a second. A loss of Redis now would lose the entries of that time.',
  },
  {
    name: 'JournalBacklog', severity: 'ticket', holdsFor: '2m',
    when: [{ value: worst('lagEntries'), is: '> 50000' }],
    summary: 'More than 50 000 entries wait for Postgres',
    description: '{{ $value | humanize }} entries wait in Redis; some hundred are normal. They use memory until they are in Postgres.',
  },
  {
    name: 'JournalDelay', severity: 'ticket', holdsFor: '10m',
    when: [{ value: quantile(0.99, 'journalDelay', '5m'), is: '> 0.5' }],
    summary: 'Entries reach Postgres too late',
    description: '1 % of the entries waited longer than {{ $value | humanizeDuration }}; the goal is a quarter of a second, the bound is half a second.',
  },
];

export const holdAlerts: readonly Alert[] = [
  {
    name: 'HoldsOverdue', severity: 'ticket', holdsFor: '1m',
    when: [{ value: worst('holdsOverdue'), is: '> 0' }],
    summary: 'Holds are stuck: they are open after the end of their lease',
    description: '{{ $value }} open holds have passed the end of their lease for more than five seconds; the sweeper ends a hold within one. Their credits cannot be spent.',
  },
  {
    name: 'MoneyInPending', severity: 'ticket', holdsFor: '1m',
    when: [{ value: worst('moneyInOldestSeconds'), is: '> 60' }],
    summary: 'A grant has waited for more than a minute',
    description: 'The oldest grant that Postgres has and Redis has not applied is {{ $value | humanizeDuration }} old; some seconds are normal.',
  },
  {
    name: 'MoneyInPending', severity: 'page', holdsFor: '1m',
    when: [{ value: worst('moneyInOldestSeconds'), is: '> 600' }],
    summary: 'A grant has waited for more than ten minutes',
    description: 'The oldest grant that Postgres has and Redis has not applied is {{ $value | humanizeDuration }} old: a user paid and cannot spend the credits.',
  },
];
