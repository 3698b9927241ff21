import { counter, gauge, histogram, OPEN, type MetricSpec } from './metric-spec.js';

/**
 * Every metric of the gateway, declared once: name, unit and labels. `metrics.ts` creates them; the dashboards and the
 * alert rules (`grafana/src/`) refer to them through this file, so that a renamed metric or a removed label is a compile
 * error there.
 *
 * Amounts are in credits, because Prometheus' numbers are floating-point anyway; only the drift is in micro-credits,
 * because even one of them is wrong. The values of a label are a closed set, given here, or `OPEN`: then the code that
 * observes must bound them (route templates, script names, `bounded-labels.ts`). No label is ever an account, a hold or a
 * text of a request.
 *
 * The values are label values, not types of the domain: the code that observes a metric has its own type, and the
 * compiler and test/kit/metrics/catalogue.test.ts check that the two agree.
 */

/** Most requests take about a millisecond; the buckets are densest around the promised limits. */
const REQUEST_BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const SCRIPT_BUCKETS_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.15, 0.5];
const JOB_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30];
const BATCH_BUCKETS_ENTRIES = [1, 10, 50, 100, 250, 500, 1_000];
/** 99 % within 250 ms are promised (docs/architecture.md#from-redis-to-postgres). */
const DELAY_BUCKETS_SECONDS = [0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300];
const LIFE_BUCKETS_SECONDS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];

/** Why a request was refused: the code of the answer, or the negative answer of a check that is no error (credits/refusals/refusal.ts). */
const REFUSAL_REASONS = [
  'invalid_request', 'unauthenticated', 'insufficient_credits', 'limit_reached', 'forbidden', 'not_found', 'method_not_allowed',
  'account_not_found', 'hold_not_found', 'hold_resolved', 'progress_backwards', 'not_refundable', 'conflict', 'precondition_failed',
  'body_too_large',
  'unsupported_media_type', 'idempotency_mismatch', 'unknown_model', 'price_missing', 'unknown_limit', 'account_frozen', 'limit_exceeded',
  'rate_limited', 'not_configured', 'ledger_unavailable', 'internal', 'check_negative', 'not_permitted',
] as const;

/** The checks of the reconciler (journal/reconcile/comparison.ts); see docs/runbook.md. */
const DRIFT_CHECKS = ['balance', 'lots', 'holds', 'sequence', 'running_balance', 'conservation', 'unknown_account'] as const;

/** The price books (credits/prices/price.ts); `other`: books that operators have named. */
const PRICE_BOOKS = ['tokens', 'messages', 'models', 'native', 'other'] as const;
/** How a name led to a price (credits/prices/price-tokens.ts). */
const PRICE_RULES = ['exact', 'alias', 'case', 'provider', 'date', 'variant', 'region', 'default'] as const;

/** The worker's jobs (worker/jobs/job-names.ts). */
const JOBS = [
  'drain', 'expire-holds', 'expire-lots', 'expire-forgotten', 'replay-money-in', 'resume-claims', 'resume-transfers',
  'make-partitions', 'forget-epochs', 'refill-plans', 'welcome-newcomers', 'forget-refusals', 'keep-limits', 'reconcile',
  'send-webhooks', 'tell-expiring-lots', 'forget-events', 'evict-idle',
] as const;

/** The queues of settlements and of telemetry (edge/queues/queues.ts), in RabbitMQ and in BullMQ. */
const CONSUMED_QUEUES = ['credits_process_end_multimodel_queue', 'credits_process_end_queue', 'feature_usage_queue'] as const;

/** BullMQ's queues: the ledger's own jobs, webhooks, and messages of callers without RabbitMQ. */
const QUEUES = ['ledger', 'webhooks', ...CONSUMED_QUEUES] as const;

/** Why Postgres refuses all clients (stores/postgres/trouble.ts). */
const REDIS_REFUSALS = ['busy', 'read_only', 'disk', 'memory', 'replicas', 'loading', 'cluster', 'access'] as const;
const POSTGRES_TROUBLES = ['read_only', 'resources', 'connections', 'stopping', 'access', 'io'] as const;

export const METRICS = {
  // Requests
  requestSeconds: histogram(
    'cg_http_request_duration_seconds', 'Time to answer, by route template, method and status.',
    { method: OPEN, route: OPEN, status: OPEN }, REQUEST_BUCKETS_SECONDS,
  ),
  requestsInFlight: gauge('cg_http_requests_in_flight', 'Requests being answered.', {}, { aggregator: 'sum' }),
  refusals: counter('cg_refusals_total', 'Requests that were refused, by reason: an error code, check_negative or not_permitted.', {
    reason: REFUSAL_REASONS,
  }),
  busyRefusals: counter('cg_busy_refusals_total', 'Requests that were refused before any work because the process is overloaded. '
    + 'begin: holds and charges; end: ends of holds; other: reads and administration.', { urgency: ['begin', 'end', 'other'] }),
  rateRefusals: counter('cg_rate_refusals_total', 'Requests over a limit of rates, by what was counted and whose it is.', {
    class: ['general', 'writes', 'failed-authentication', 'zero-amount', 'uncharged', 'metadata'],
    subject: ['key', 'user', 'address', 'account'],
  }),
  socketsClosed: counter('cg_sockets_closed_total', 'Connections that were closed for what they asked for. pipelined: too many requests '
    + 'ahead of their answers; send_timeout: an answer was not read; unsent: too much is not read, of all connections together; '
    + 'connections: too many, and not accepted.', { reason: ['pipelined', 'send_timeout', 'unsent', 'connections'] }),
  loopTurn: gauge('cg_loop_turn_seconds', 'Time of one turn of the event loop under load, of the slowest process; 0 without requests.', {}),
  refusalsUnrecorded: counter(
    'cg_refusals_unrecorded_total',
    'Refusals that could not be kept for the operator console: Postgres down for long, or too many at once.', {},
  ),
  jwksRefreshes: counter('cg_jwks_refreshes_total', 'Attempts to fetch the keys of JWKS_URL.', { result: ['ok', 'failed'] }),
  jwksAge: gauge('cg_jwks_age_seconds', 'Age of the keys of JWKS_URL in the process with the oldest; 0 without a key server.', {}),

  // Scripts, and Redis as the hot path sees it
  scriptSeconds: histogram(
    'cg_script_duration_seconds', 'Round trip of a Lua script, by script and reply status.', { script: OPEN, status: OPEN },
    SCRIPT_BUCKETS_SECONDS,
  ),
  keysUnrecalled: counter(
    'cg_keys_unrecalled_total',
    'Keyed charges for which Postgres could not say in time whether they are repeats; only Redis was asked.', {},
  ),
  outcomesUnknown: counter('cg_outcomes_unknown_total', 'Operations that may or may not have happened: Redis did not answer in time.', {
    operation: OPEN,
  }),
  replays: counter('cg_replays_total', 'Repeated requests that were answered with their first outcome.', { operation: OPEN }),
  breakerState: gauge('cg_breaker_state', 'Breaker in front of Redis: 0 closed, 1 half open, 2 open.', {}),
  redisInFlight: gauge('cg_redis_commands_in_flight', 'Commands sent to Redis and not answered.', {}, { aggregator: 'sum' }),

  // Money, from the journal: an entry counts when Postgres has it
  holdsPlaced: counter('cg_holds_placed_total', 'Holds placed.', {}),
  holdsEnded: counter(
    'cg_holds_ended_total',
    'Holds ended, by how. late_settled: settled after the lease was over. corrected: charged more after its end.',
    { ending: ['settled', 'voided', 'expired', 'late_settled', 'corrected'] },
  ),
  holdSeconds: histogram(
    'cg_hold_life_seconds', 'Time from placing a hold to its end, by how it ended.', { ending: ['settled', 'voided', 'expired'] },
    LIFE_BUCKETS_SECONDS,
  ),
  leasesEnded: counter('cg_leases_ended_total', 'Holds of the native API that a caller ended, by the reason that the caller gave.', {
    reason: ['completed', 'client_disconnect', 'user_stop', 'provider_error', 'timeout', 'cut_off', 'none'],
  }),
  credits: counter('cg_credits_total', 'Credits by what happened to them. overage: captured beyond the hold; debt: the part of '
    + 'overage that became debt; uncollected: usage beyond a hold that could not be charged; refused: usage that was reported '
      + 'without credits for it; refunded: captured, and given back on request; given_back: captured when a lease ended, and too much.', {
    flow: [
      'granted', 'captured', 'expired', 'removed', 'held', 'released', 'overage', 'debt', 'debt_paid', 'uncollected', 'refused',
      'refunded', 'given_back',
    ],
  }),
  limitRefusals: counter('cg_limit_refusals_total', 'Holds, extensions and charges that a spending limit refused, by its window.', {
    period: ['minute', 'hour', 'day', 'week', 'month', 'total'], window: ['calendar', 'rolling'],
  }),
  priced: counter(
    'cg_prices_found_total',
    'Prices that were looked up for holds, charges and quotes, by book and by the rule that found them. default: the model is in no '
      + 'price book and costs what the book says for any other.', { book: PRICE_BOOKS, rule: PRICE_RULES },
  ),
  modelHeld: counter(
    'cg_model_held_credits_total', 'Credits held for a model, counted when the hold ends. Beyond the busiest models: other.',
    { model: OPEN },
  ),
  modelCaptured: counter('cg_model_captured_credits_total', 'Credits captured for a model.', { model: OPEN }),
  modelTokens: counter('cg_model_tokens_total', 'Tokens reported for a model.', { model: OPEN }),
  modelMessages: counter('cg_model_messages_total', 'Settlements and charges of a model.', { model: OPEN }),

  // Current state
  holdsOpen: gauge('cg_holds_open', 'Open holds in Redis.', {}),
  holdsOverdue: gauge(
    'cg_holds_overdue', 'Open holds whose lease ended more than five seconds ago: the sweeper should have ended them.', {},
  ),
  holdsOverdueSeconds: gauge('cg_holds_overdue_seconds', 'How long the most overdue hold has been overdue; 0 when none is.', {}),
  holdOldestSeconds: gauge('cg_hold_oldest_seconds', 'Age of the oldest open hold that Postgres knows; 0 when none is.', {}),
  creditsHeld: gauge('cg_credits_held', 'Credits in open holds, all accounts, as Postgres has them.', {}),
  creditsAvailable: gauge('cg_credits_available', 'Credits that can be spent, all accounts, as Postgres has them.', {}),
  creditsDebt: gauge('cg_credits_debt', 'Credits owed, all accounts, as Postgres has them.', {}),
  debtors: gauge('cg_debtors', 'Accounts that owe credits.', {}),
  accounts: gauge('cg_accounts', 'Accounts in the ledger.', {}),
  accountsFrozen: gauge('cg_accounts_frozen', 'Frozen accounts.', {}),
  driftFreezes: counter('cg_drift_freezes_total', 'Accounts that the reconciler froze because they drift (RECONCILE_FREEZE).', {}),
  accountsResident: gauge('cg_accounts_resident', 'Accounts in Redis after the last round of the eviction.', {}),
  evictions: counter(
    'cg_evictions_total', 'Idle accounts that the eviction looked at. `differs`: Redis and Postgres do not agree, so it stayed.',
    { result: ['evicted', 'in_use', 'changed', 'differs', 'not_loaded', 'closed'] },
  ),
  moneyInPending: gauge('cg_money_in_pending', 'Grants and other intents that Postgres has and Redis has not applied yet.', {}),
  moneyInOldestSeconds: gauge('cg_money_in_oldest_seconds', 'Age of the oldest of these; 0 when there is none.', {}),

  // The journal
  lagEntries: gauge('cg_journal_lag_entries', 'Entries in Redis that Postgres does not have yet.', {}),
  lagSeconds: gauge(
    'cg_journal_lag_seconds', 'Age of the oldest entry that Postgres does not have: what a total loss of Redis would cost.', {},
  ),
  journalDelay: histogram('cg_journal_delay_seconds', 'How long an entry waited for Postgres.', {}, DELAY_BUCKETS_SECONDS),
  drainEntries: histogram('cg_drain_batch_entries', 'Entries of one drain transaction.', {}, BATCH_BUCKETS_ENTRIES),
  drainSeconds: histogram('cg_drain_duration_seconds', 'Time of one drain transaction.', {}, JOB_BUCKETS_SECONDS),
  redelivered: counter('cg_drain_redelivered_total', 'Entries that Postgres had already, and that were the same.', {}),
  shardsStopped: gauge(
    'cg_shards_stopped', 'Shards whose journal contradicts Postgres; they are not drained until an operator resumes them.', {},
  ),
  shardsFenced: gauge('cg_shards_fenced', 'Shards this gateway may not write to now: being verified, or Redis is down.', {}),
  shardsOpen: gauge(
    'cg_shards_open', 'Shards this gateway may write to now, by the Redis master that has them; with one Redis or Sentinel: redis.',
    { server: OPEN }, { aggregator: 'min' },
  ),
  fenceEpochs: gauge('cg_fence_epochs', 'Sum of the epochs of all shards: grows by one for each shard that is fenced and rebuilt.', {}),
  journalLost: gauge('cg_journal_lost_entries', 'Entries that Redis had acknowledged and lost before Postgres had them, at '
    + 'least; until an operator acknowledges the loss (credit-gateway shards). Must be 0.', {}),
  quarantined: gauge('cg_quarantined', 'Texts of entries that Postgres could not store; their money is in the ledger.', {}),
  deadLetters: gauge('cg_dead_letters', 'Settlements and telemetry of queues that failed for good and wait for a decision.', {}),

  // The reconciler
  driftMicros: gauge(
    'cg_drift_micros', 'Difference between Redis and Postgres, or inside Postgres, in micro-credits, by check. Must be 0.',
    { check: DRIFT_CHECKS },
  ),
  driftAccounts: gauge('cg_drift_accounts', 'Accounts with a difference, by check. Must be 0.', { check: DRIFT_CHECKS }),
  reconciled: counter(
    'cg_reconciled_accounts_total', 'Accounts compared, by result. busy: written to all the time, compared by balance only.',
    { result: ['ok', 'drift', 'busy', 'failed'] },
  ),
  reconcileSeconds: histogram('cg_reconcile_duration_seconds', 'Time to compare one batch of accounts.', {}, JOB_BUCKETS_SECONDS),
  reconciledAt: gauge('cg_reconciled_timestamp_seconds', 'When the reconciler last finished a batch, in seconds since 1970.', {}),
  reconcileRoundAt: gauge('cg_reconcile_round_timestamp_seconds', 'When it last compared all accounts, in seconds since 1970.', {}),

  // Queues and jobs
  // job_name, because Prometheus adds its own label `job` to every series and would rename ours.
  jobSeconds: histogram(
    'cg_job_duration_seconds', 'Run time of a background job, by job and how it ended.',
    { job_name: JOBS, status: ['ok', 'failed'] }, JOB_BUCKETS_SECONDS,
  ),
  queueJobs: gauge('cg_queue_jobs', 'Jobs in a BullMQ queue, by state.', {
    queue: QUEUES, state: ['waiting', 'active', 'delayed', 'failed', 'completed'],
  }),
  queueOldestSeconds: gauge('cg_queue_oldest_seconds', 'How long the oldest waiting job has waited; 0 when none does.', { queue: QUEUES }),
  amqpConnected: gauge('cg_amqp_connected', 'RabbitMQ: 1 connected, 0 configured but not connected, -1 not configured.', {}),
  settlementSeconds: histogram(
    'cg_settlement_duration_seconds',
    'Time to settle or store one message of a queue, BullMQ or RabbitMQ, by result. refused: in the dead-letter queue.',
    { queue: CONSUMED_QUEUES, result: ['settled', 'replayed', 'retry', 'refused'] }, JOB_BUCKETS_SECONDS,
  ),
  amqpInFlight: gauge('cg_amqp_in_flight', 'RabbitMQ messages in progress.', {}, { aggregator: 'sum' }),

  // Webhooks
  webhookAttempts: counter(
    'cg_webhook_attempts_total', 'Attempts to deliver an event, by outcome. retry: it is tried again; failed: given up.',
    { outcome: ['delivered', 'retry', 'failed'] },
  ),
  webhookOldestDueSeconds: gauge(
    'cg_webhook_oldest_due_seconds', 'How long the oldest delivery has been due, of webhooks that do not fail; 0 when none is.', {},
  ),
  webhooksPending: gauge('cg_webhook_deliveries_pending', 'Deliveries to enabled webhooks that wait for an attempt.', {}),
  webhooksDisabled: gauge('cg_webhooks_disabled', 'Webhooks that were disabled because only failures, or 410, came back.', {}),

  // Redis and Postgres, as this process sees them
  redisUp: gauge('cg_redis_up', 'Whether Redis answered the last look.', {}, { aggregator: 'min' }),
  redisPing: gauge('cg_redis_ping_seconds', 'Time of that look.', {}),
  redisMemory: gauge('cg_redis_memory_bytes', 'Memory that Redis uses.', {}),
  redisMemoryMax: gauge('cg_redis_memory_max_bytes', 'maxmemory of Redis; 0: no limit.', {}),
  redisMemoryLadder: gauge('cg_redis_memory_ladder',
    '0: normal; 1: from 70 % of maxmemory, what fills it without money is refused; 2: from 85 %, all new holds.', {}),
  redisClients: gauge('cg_redis_clients', 'Connections to Redis.', {}),
  redisCommands: gauge('cg_redis_commands', 'Commands Redis has processed since it started.', {}),
  redisAof: gauge('cg_redis_aof_ok', 'Append-only file: 1 on and its last write and rewrite worked, 0 on and failing, -1 off.', {}),
  redisUnfit: gauge(
    'cg_redis_unfit',
    '1: a setting with which Redis can lose credits. eviction: maxmemory-policy; aof: no append-only file; version: too old.',
    { setting: ['eviction', 'aof', 'version'] },
  ),
  redisRefuses: gauge('cg_redis_refuses', '1: Redis answers and refuses writes, because of its own state.', { reason: REDIS_REFUSALS }),
  redisAofDelayed: gauge('cg_redis_aof_delayed_fsyncs', 'Writes that waited for a slow disk since Redis started.', {}),
  redisAofSize: gauge('cg_redis_aof_bytes', 'Size of the append-only file; 0 when it is off.', {}),
  redisUptime: gauge('cg_redis_uptime_seconds', 'Time since Redis started.', {}),
  redisReplicas: gauge('cg_redis_replicas', 'Replicas that are connected to Redis.', {}),
  postgresUp: gauge('cg_postgres_up', 'Whether Postgres answered the last look.', {}, { aggregator: 'min' }),
  postgresPing: gauge('cg_postgres_ping_seconds', 'Time of that look.', {}),
  postgresWritable: gauge('cg_postgres_writable',
    '1: Postgres can be used. 0: it does not answer, is read-only, or refused something within 15 seconds.', {}, { aggregator: 'min' }),
  postgresRefusals: counter('cg_postgres_refusals_total', 'Statements and connections that Postgres refused because of its own state.', {
    reason: POSTGRES_TROUBLES,
  }),
  poolConnections: gauge(
    'cg_postgres_pool_connections',
    'Connections of this process to Postgres, by pool and state. pending: callers that wait for one.',
    { pool: ['api', 'drain'], state: ['used', 'free', 'pending'] }, { aggregator: 'sum' },
  ),
  poolMax: gauge('cg_postgres_pool_max', 'Most connections that a pool may open.', { pool: ['api', 'drain'] }, { aggregator: 'sum' }),
  postgresConnections: gauge('cg_postgres_connections', 'Connections to the database server, of all clients.', {}),
  postgresConnectionsMax: gauge('cg_postgres_connections_max', 'max_connections of the database server.', {}),
  postgresBytes: gauge('cg_postgres_database_bytes', 'Size of the database.', {}),
  postgresOldestTransaction: gauge('cg_postgres_oldest_transaction_seconds', 'Age of the oldest open transaction in the database.', {}),

  build: gauge('cg_build_info', 'Version of the gateway and of Node; always 1.', { version: OPEN, node: OPEN }, { aggregator: 'first' }),
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricKey = keyof typeof METRICS;
type OfType<T extends MetricSpec['type']> = { [K in MetricKey]: (typeof METRICS)[K]['type'] extends T ? K : never }[MetricKey];
export type CounterKey = OfType<'counter'>;
export type GaugeKey = OfType<'gauge'>;
export type HistogramKey = OfType<'histogram'>;

type ValueOf<V> = V extends readonly (infer Each extends string)[] ? Each : string;
/** The labels of a metric with their possible values. */
export type LabelsOf<K extends MetricKey> =
  { readonly [L in keyof (typeof METRICS)[K]['labels']]: ValueOf<(typeof METRICS)[K]['labels'][L]> };
