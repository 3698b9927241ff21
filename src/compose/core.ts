import type { Client } from 'pg';
import { foreseeing, type ForeseeHolds } from '../books/foresee-holds.js';
import { readSpentByKey } from '../books/key-spend.table.js';
import { accountSource } from '../books/load-account.js';
import type { Config } from '../config.js';
import { resolveAccount } from '../credits/accounts/resolve-account.js';
import { withModelNames } from '../credits/limits/model-names.js';
import { priceBooks, type PriceBooks } from '../credits/prices/price-books.js';
import { knownBook } from '../credits/prices/price.js';
import { PRICES_CHANNEL } from '../credits/prices/price.table.js';
import { findAccount, type FindBy, type FoundAccount } from '../credits/users/profile.table.js';
import { countEntries } from '../journal/count-entries.js';
import { knownKeyLimits } from '../edge/auth/key-limits.js';
import { readKeyLimits } from '../edge/auth/server-key.table.js';
import { createDrain, type Drain } from '../journal/drain.js';
import { drainReachable } from '../journal/drain-reachable.js';
import { freshen, type Freshen } from '../journal/freshen.js';
import { shardStore } from '../journal/shard-store.js';
import { sharedDrain } from '../journal/shared-drain.js';
import { traceBatches } from '../journal/trace-drain.js';
import { steadyClock, type Clock } from '../kit/clock.js';
import { IN_FLIGHT_MAX, MODEL_LABELS_MAX, REDIS_DEADLINES_MAX } from '../kit/limits.js';
import type { Log } from '../kit/log.js';
import { boundedLabels } from '../kit/metrics/bounded-labels.js';
import type { Metrics } from '../kit/metrics/metrics.js';
import { openOrClose, type Opened } from '../kit/opened.js';
import type { Tracer } from '../kit/tracing/tracer.js';
import type { Fence } from '../ledger/fence.js';
import { keyspace, type Keyspace } from '../ledger/keys.js';
import type { Ledger } from '../ledger/ledger.js';
import { redisLedger } from '../ledger/redis-ledger.js';
import { traceScripts } from '../ledger/trace-scripts.js';
import {
  apiProfile, connectPostgres, drainProfile, reportProfile, watchProfile, type Db, type PoolProfile,
} from '../stores/postgres/connect.js';
import { listenToPostgres } from '../stores/postgres/listen.js';
import { watchPools } from '../stores/postgres/pool-gauges.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import { traceStatements } from '../stores/postgres/trace-statements.js';
import { TROUBLE_WORDS } from '../stores/postgres/trouble.js';
import { whenPostgresAnswers } from '../stores/postgres/when-postgres-answers.js';
import { watchPostgres, type PostgresWatch } from '../stores/postgres/watch-postgres.js';
import type { Breaker } from '../stores/redis/breaker.js';
import { guardedClient } from '../stores/redis/guarded-client.js';
import type { RedisLocation } from '../stores/redis/location.js';
import { openHotPath } from '../stores/redis/open-redis.js';
import { serverBreakers } from '../stores/redis/server-breakers.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import { watchRedis, type RedisWatch } from '../stores/redis/watch-redis.js';
import { openFence, watchShards } from './fence.js';

/** Where the servers are, configured or embedded. */
export type Servers = { readonly redis: RedisLocation; readonly databaseUrl: string };

/** The gateway's time. `offsetMs` is added to it and to Redis' clock in the scripts; zero in production. */
export type Time = { readonly clock: Clock; readonly offsetMs: () => number };

export type CoreDeps = {
  readonly config: Config;
  readonly servers: Servers;
  readonly time: Time;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A connection with a long deadline for reading whole batches; the hot path's deadline is too short for them. */
  readonly bulkRedis: ShardedRedis;
  /** Called after each write with the shard whose journal has grown. */
  readonly written: (shard: number) => void;
  /** Undefined: nothing is traced. */
  readonly tracer?: Tracer | undefined;
};

/** The common base of both roles: the ledger over Redis, Postgres, and the fence between them. */
export type Core = {
  readonly db: Db;
  /** For transactions that move batches (connect.ts, `drain`). */
  readonly drainDb: Db;
  /** For reports that are read by a cursor (connect.ts, `reportProfile`). */
  readonly reportDb: Db;
  readonly redis: ShardedRedis;
  readonly keys: Keyspace;
  readonly fence: Fence;
  readonly ledger: Ledger;
  /** Before many holds are placed under ids of callers. */
  readonly foreseeHolds: ForeseeHolds;
  /** A separate drain: for jobs, which use one connection each (connect.ts), and for commands. */
  readonly drain: Drain;
  /** The shared drain of this process, for the fence and for readers: together they use one connection. */
  readonly drainNow: Drain;
  /** Drains before a read, by `drainNow`. */
  readonly freshen: Freshen;
  /** The account that a text names, including one that was acknowledged a moment ago. */
  readonly resolveAccount: (text: string, by?: FindBy) => Promise<FoundAccount | 'ambiguous' | null>;
  readonly prices: PriceBooks;
  /** The worst of the breakers in front of the servers of Redis. */
  readonly breaker: Pick<Breaker, 'state'>;
  /** Number of calls to Redis that wait for a reply. */
  readonly inFlight: () => number;
  readonly redisWatch: RedisWatch;
  readonly postgresWatch: PostgresWatch;
  close(): Promise<void>;
};

const MS_PER_SECOND = 1_000;
/** The part of POSTGRES_TIMEOUT_MS that a keyed charge waits for an earlier result in Postgres: 500 ms by default. */
const RECALL_SHARE = 0.25;

/**
 * Opens the core; `close` closes its parts in reverse order. Waits for a Postgres that does not answer, and says so in the log. Throws
 * when Postgres refuses it, or Redis cannot be used; then nothing is open.
 */
export const openCore = (deps: CoreDeps): Promise<Core> => openOrClose((opened) => openParts(deps, opened));

async function openParts(
  { config, servers, time, log, metrics, bulkRedis, written, tracer }: CoreDeps, opened: Opened,
): Promise<Core> {
  const onConnection = tracer === undefined ? undefined : (client: Client): void => { traceStatements(client, tracer); };
  const pool = (profile: PoolProfile): Db =>
    opened.add(connectPostgres(servers.databaseUrl, profile, onConnection), (each) => each.destroy());
  const db = pool(apiProfile(config.postgresTimeoutMs));
  const drainDb = pool(drainProfile(config.postgresTimeoutMs));
  const reportDb = pool(reportProfile(config.postgresTimeoutMs));
  const store = await whenPostgresAnswers(log, 'opening the shards', () => shardStore(db, config.shards));
  const keys = keyspace(config.redisNamespace, config.shards);

  const prices = opened.add(await whenPostgresAnswers(log, 'reading the prices', () => priceBooks({
    db, clock: time.clock, unknownModel: config.unknownModel,
    listen: (onNotice) => listenToPostgres({ databaseUrl: servers.databaseUrl, channel: PRICES_CHANNEL, onNotice }),
    priced: (book, rule) => { metrics.count('priced', { book: knownBook(book), rule }); },
    onError: (error) => { log.warn({ err: error }, 'prices not read; the ones in memory stay in use'); },
  })), (each) => each.close());
  const entryName = (model: string): string | null => prices.history.entryName(model);
  const modelLabel = boundedLabels({ max: MODEL_LABELS_MAX, entryName });

  // Redis stamps entries with its own clock, which tests do not move.
  const drain = drainReachable(createDrain({
    db: drainDb, redis: bulkRedis, keys, clock: Date.now, tailMs: config.journalTailMs, entryName,
    trace: tracer === undefined ? undefined : traceBatches(tracer, Date.now),
    observe: {
      batch: ({ entries, fresh, redelivered, durationMs, agesMs }) => {
        metrics.observe('drainEntries', {}, entries);
        metrics.observe('drainSeconds', {}, durationMs / MS_PER_SECOND);
        metrics.count('redelivered', {}, redelivered);
        for (const ageMs of agesMs) metrics.observe('journalDelay', {}, ageMs / MS_PER_SECOND);
        countEntries(metrics, modelLabel, fresh);
      },
      stopped: (shard, reason) => { log.error({ shard, reason }, 'shard stopped: its journal contradicts Postgres and needs a decision'); },
      quarantined: (count) => {
        log.error({ count }, 'texts quarantined: the money is booked, the texts are in the table quarantine');
      },
    },
  }), bulkRedis, keys);

  const drainNow = sharedDrain(drain);
  const redis = opened.add(
    openHotPath(servers.redis, config.redisTimeoutMs, (error) => { log.warn({ err: error }, 'Redis connection'); }),
    (each) => { each.close(); },
  );
  const guard = opened.add(await openFence({ redis, store, keys, drainNow, log }), (each) => each.close());
  const gate = guard.fence;
  const redisWatch = opened.add(watchRedis(redis, metrics, (unfit) => {
    if (unfit.length === 0) log.info('Redis: its settings are right again');
    else log.error({ settings: unfit.map(({ kind }) => kind) }, `Redis can lose credits: ${unfit.map(({ detail }) => detail).join('; ')}`);
  }), (each) => { each.stop(); });
  const hotBreakers = serverBreakers(redis);
  const client = guardedClient({
    client: redis, breakerOf: hotBreakers.of, inFlightMax: IN_FLIGHT_MAX,
    // Half of what a call may wait in all: the pace of a server varies.
    expectedMs: (key) => redis.expectedMs(key), expectedMaxMs: config.redisTimeoutMs * REDIS_DEADLINES_MAX / 2,
    onUnknown: () => { metrics.count('outcomesUnknown', { operation: 'script' }); },
  });
  const source = foreseeing(accountSource({ db, clock: time.clock }));
  const ledger = withModelNames(redisLedger({
    client, keys, fence: gate, acknowledged: guard.acknowledged, written,
    source,
    recallMs: config.postgresTimeoutMs * RECALL_SHARE,
    unrecalled: () => { metrics.count('keysUnrecalled', {}); },
    observe: metrics.script,
    limitReached: (limit) => { metrics.count('limitRefusals', limit); },
    memory: redisWatch.memory,
    openHoldsMax: config.openHoldsMax,
    correctionWindowMs: config.correctionWindowMs,
    keyLimits: {
      limitOf: knownKeyLimits({
        read: () => readKeyLimits(db), clock: steadyClock,
        onError: (error) => { log.warn({ err: error }, 'limits of API keys not read; the ones in memory stay in force'); },
      }),
      load: async (name, fromMs) => {
        await freshen(drainNow, keys).all();
        return readSpentByKey(db, name, fromMs).catch((error: unknown) => { throw toGatewayError(error); });
      },
      clock: time.clock,
      onUncounted: (error) => { log.warn({ err: error }, 'a key counts what it no longer holds, until its window ends'); },
    },
    timeOffsetMs: time.offsetMs,
    around: tracer === undefined ? undefined : (scripts) => traceScripts(scripts, tracer),
  }), entryName);
  watchPools(metrics, { api: db, drain: drainDb });
  const postgres = opened.add(
    openPostgresWatch(servers.databaseUrl, config.postgresTimeoutMs, [db, drainDb], { log, metrics }), (each) => each.close(),
  );
  watchShards(metrics, gate, redis, keys);
  metrics.watchRedis(() => ({ breaker: hotBreakers.state(), inFlight: client.inFlight() }));

  const fresh = freshen(drainNow, keys);
  const lookUp = (text: string, by: FindBy): ReturnType<typeof findAccount> =>
    findAccount(db, text, by).catch((error: unknown) => { throw toGatewayError(error); });
  return {
    db, drainDb, reportDb, redis, keys, fence: gate, ledger, foreseeHolds: source.foresee, drain, drainNow, freshen: fresh, prices,
    resolveAccount: (text, by) => resolveAccount({ lookUp, freshen: fresh }, text, by),
    breaker: hotBreakers, inFlight: client.inFlight, redisWatch, postgresWatch: postgres.watch,
    close: opened.close,
  };
}

function openPostgresWatch(
  databaseUrl: string, timeoutMs: number, pools: readonly Db[], { log, metrics }: Pick<CoreDeps, 'log' | 'metrics'>,
): { readonly watch: PostgresWatch; readonly close: () => Promise<void> } {
  const db = connectPostgres(databaseUrl, { ...watchProfile(timeoutMs), connectionsMax: 1 });
  const watch = watchPostgres({
    db, pools, metrics,
    onError: (error) => { log.debug({ err: error }, 'Postgres does not answer'); },
    onTrouble: (trouble) => {
      if (trouble === null) log.info('Postgres: can be used again');
      else log.error({ trouble }, `Postgres ${TROUBLE_WORDS[trouble]}; what needs it is answered with 503`);
    },
  });
  return {
    watch,
    close: async () => {
      watch.stop();
      await db.destroy();
    },
  };
}
