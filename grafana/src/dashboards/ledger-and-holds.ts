import type { DashboardSpec } from '../dashboard.js';
import { lowest, NOW, RANGE, secondsSince, share, STEP, within } from '../expressions.js';
import { bars, graph, over, stat, under } from '../panels.js';
import { increase, quantile, rate, worst } from '../promql.js';

/** The promise of the journal: 99 % of entries in Postgres within this time (docs/architecture.md#from-redis-to-postgres). */
const PROMISED_SECONDS = 0.25;
const PROMISED_SHARE = 0.99;

/** Is the ledger right, how far is Postgres behind, what happens to holds. */
export const ledgerAndHolds: DashboardSpec = {
  uid: 'cg-ledger',
  title: 'Credit gateway: ledger and holds',
  about: 'Is the ledger correct, how far is Postgres behind Redis, which holds are stuck, how fast are the scripts.',
  variables: [],
  rows: [
    {
      title: 'Is the ledger correct?',
      panels: [
        bars({
          id: 1, title: 'Drift by check, micro-credits', unit: 'none', width: 8, thresholds: over({ bad: 1 }), runbook: ['drift'],
          about: 'Difference by check. balance, lots, holds: Redis and Postgres disagree. sequence: an account\'s entries have a gap. running_balance, conservation: the entries in Postgres do not add up. unknown_account: the account is in Redis only. Normal: all 0.',
          queries: { '{{check}}': worst('driftMicros', { by: ['check'] }) },
        }),
        graph({
          id: 2, title: 'Accounts with a difference', unit: 'none', width: 8, thresholds: over({ bad: 1 }), runbook: ['drift'],
          about: 'Number of accounts, by check. Normal: 0. One account: see its entries. Many at once: Redis has older data, or its keys were changed by hand.',
          queries: { '{{check}}': worst('driftAccounts', { by: ['check'] }) },
        }),
        graph({
          id: 3, title: 'Accounts compared', unit: 'ops', width: 8, runbook: ['reconciler-failing'],
          about: 'Per second, by result. busy: the account changed during each attempt, so only its balance was compared. failed: it could not be read and is compared again later. Normal: mostly ok, drift none.',
          queries: { '{{result}}': rate('reconciled', STEP, { by: ['result'] }) },
        }),
        stat({
          id: 4, title: 'Reconciler', unit: 's', width: 6, decimals: 0, thresholds: over({ warn: 3_600, bad: 86_400 }), runbook: ['reconciler-stopped'],
          about: 'Time since the last finished batch, and since the last finished round over all accounts. The duration of a round grows with the number of accounts; a batch takes seconds.',
          queries: { batch: secondsSince('reconciledAt'), 'all accounts': secondsSince('reconcileRoundAt') },
        }),
        stat({
          id: 5, title: 'Shards', unit: 'none', width: 6, thresholds: over({ bad: 1 }), runbook: ['shard-stopped', 'shards-fenced', 'journal-lost'],
          about: 'stopped: the journal contradicts Postgres; the shard is not drained until an operator decides. fenced: closed for writes. lost: entries that Redis acknowledged and lost, until a loss is acknowledged. Normal: 0.',
          queries: { stopped: worst('shardsStopped'), fenced: worst('shardsFenced'), lost: worst('journalLost') },
        }),
        stat({
          id: 6, title: 'Epochs, all shards', unit: 'none', width: 6, runbook: ['fence-raised'],
          about: 'Grows by one for each shard that was fenced and rebuilt from Postgres, because Redis had lost data. Red marks in the graphs show when. Normal: it does not change.',
          queries: { epochs: worst('fenceEpochs') },
        }),
        stat({
          id: 7, title: 'Accounts', unit: 'short', width: 6, runbook: ['accounts-frozen', 'drift-frozen', 'eviction-stopped'],
          about: 'Accounts in the ledger, and in Redis after the last round of the eviction: those used within EVICT_AFTER_SECONDS, not all that there are. Frozen accounts: their holds cannot be ended before the thaw. frozen for drift: by the reconciler, within the time range; normal: 0.',
          queries: { all: worst('accounts'), 'in Redis': worst('accountsResident'), frozen: worst('accountsFrozen'), 'frozen for drift': increase('driftFreezes', RANGE) },
        }),
        graph({
          id: 21, title: 'Shards by Redis master', unit: 'none', width: 24, height: 6, isStacked: true, legend: 'table', runbook: ['shards-fenced', 'fence-raised'],
          about: 'Shards that every process may write to, by the Redis master that has them; with one Redis or Sentinel a single line, redis. Normal: the sum is the number of shards, and each master of a Cluster has its share. At a failover or a move of slots, shards go to another master within seconds, and a master that has none left ends. A sum that stays lower: those shards are closed, and their accounts get 503.',
          queries: { '{{server}}': lowest('shardsOpen', 'server') },
        }),
      ],
    },
    {
      title: 'How far is Postgres behind?',
      panels: [
        graph({
          id: 8, title: 'Entries not yet in Postgres', unit: 'short', width: 6, thresholds: over({ warn: 10_000, bad: 100_000 }), runbook: ['journal-backlog'],
          about: 'The journal in Redis. Normal: below one batch. It grows while Postgres is down and uses memory of Redis; see "Redis, Postgres and processes".',
          queries: { entries: worst('lagEntries') },
        }),
        graph({
          id: 9, title: 'Age of the oldest entry', unit: 's', width: 6, thresholds: over({ warn: 5, bad: 30 }), runbook: ['journal-lag'],
          about: 'A total loss of Redis would lose the entries of this time. Normal: below a second.',
          queries: { lag: worst('lagSeconds') },
        }),
        graph({
          id: 10, title: 'Time until an entry is in Postgres', unit: 's', width: 6, thresholds: over({ warn: PROMISED_SECONDS }), runbook: ['journal-delay'],
          about: 'Entries that have reached Postgres. Objective: 99 % within 250 ms, the line. Slower with little lag: drains run too rarely, or Postgres commits slowly; see "Workers and queues".',
          queries: { p50: quantile(0.5, 'journalDelay', STEP), p99: quantile(0.99, 'journalDelay', STEP) },
        }),
        stat({
          id: 11, title: 'Within 250 ms', unit: 'percentunit', width: 3, height: 8, decimals: 1, max: 1, idle: 'no entries', thresholds: under({ warn: PROMISED_SHARE, bad: 0.9 }), runbook: ['journal-delay'],
          about: 'Share of the entries of the last five minutes that were in Postgres in time. Objective: 99 %.',
          queries: { share: within('journalDelay', PROMISED_SECONDS, NOW) },
        }),
        stat({
          id: 12, title: 'Pending grants', unit: 'short', width: 3, height: 8, thresholds: over({ warn: 10, bad: 100 }), runbook: ['money-in-pending'],
          about: 'Grants and other changes by administrators that are in Postgres and that Redis has not applied yet. Normal: 0, or a few while Redis is down; the job replay-money-in applies them. The overview shows their age.',
          queries: { pending: worst('moneyInPending') },
        }),
      ],
    },
    {
      title: 'Holds and scripts',
      panels: [
        graph({
          id: 13, title: 'Holds placed and ended', unit: 'ops', width: 8,
          about: 'Per second, counted when they are in Postgres. Normal: most holds are settled. voided: the client cancelled. expired: the client never ended the hold. late_settled: the client settled after the end of the lease and was charged. corrected: more usage was reported after the end and was charged.',
          queries: { placed: rate('holdsPlaced', STEP), '{{ending}}': rate('holdsEnded', STEP, { by: ['ending'] }) },
        }),
        graph({
          id: 14, title: 'Open and overdue holds', unit: 'short', width: 8, runbook: ['holds-overdue'],
          about: 'open: in Redis now. overdue: their lease ended more than five seconds ago. Overdue above 0 for long: the sweeper does not run. Holds of frozen accounts stay open and are not counted. The console lists them.',
          queries: { open: worst('holdsOpen'), overdue: worst('holdsOverdue') },
        }),
        graph({
          id: 15, title: 'Oldest and most overdue hold', unit: 's', width: 8, runbook: ['holds-overdue'],
          about: 'oldest: age of the oldest open hold in Postgres; clients that report progress keep a hold open for long. overdue: time since the earliest ended lease of an open hold; normal: 0.',
          queries: { oldest: worst('holdOldestSeconds'), overdue: worst('holdsOverdueSeconds') },
        }),
        graph({
          id: 16, title: 'Lifetime of a hold, p95', unit: 's', width: 8,
          about: 'Time from placing a hold to its end. settled: the duration of an answer. expired: the lease. If settled is close to the lease, answers are long: raise HOLD_TTL_SECONDS or report progress.',
          queries: { '{{ending}}': quantile(0.95, 'holdSeconds', STEP, { by: ['ending'] }) },
        }),
        stat({
          id: 17, title: 'Holds that expire', unit: 'percentunit', width: 4, height: 8, decimals: 1, idle: 'no holds', thresholds: over({ warn: 0.05, bad: 0.25 }), runbook: ['holds-overdue'],
          about: 'Share of the holds that ended in the time range. Normal: below 5 %. More: a client crashes, or does not finalize.',
          queries: { share: share(increase('holdsEnded', RANGE, { where: { ending: 'expired' } }), increase('holdsEnded', RANGE)) },
        }),
        graph({
          id: 18, title: 'Scripts, p99', unit: 's', width: 12, legend: 'table', thresholds: over({ warn: 0.025, bad: 0.15 }), runbook: ['latency-burn'],
          about: 'Round trip of a Lua script to Redis and back. Normal: around a millisecond. All slow: Redis or the network. At 150 ms the gateway gives up and answers 503.',
          queries: { '{{script}}': quantile(0.99, 'scriptSeconds', STEP, { by: ['script'] }) },
        }),
        graph({
          id: 19, title: 'Unknown outcomes, replays, refused while busy', unit: 'ops', width: 24, height: 6, legend: 'table', runbook: ['outcomes-unknown', 'busy'],
          about: 'unknown: Redis did not answer in time, so the operation may or may not have happened; a retry with the same key gets the outcome. replayed: such retries, and early retries of clients. refused while busy: not executed, because the process was overloaded. Normal: no unknown, none refused; some replays.',
          queries: { 'unknown': `${rate('outcomesUnknown', STEP)} or vector(0)`, 'replayed {{operation}}': rate('replays', STEP, { by: ['operation'] }), 'refused while busy, {{urgency}}': rate('busyRefusals', STEP, { by: ['urgency'] }) },
        }),
      ],
    },
  ],
};
