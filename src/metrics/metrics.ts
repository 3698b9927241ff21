import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { busyHistogram } from './busy-histogram.js';

/** States of the breaker before Redis, as numbers that draw well: higher is worse. */
const BREAKER_STATES = { closed: 0, half_open: 1, open: 2 } as const;

/** What the guard in front of Redis can say about itself when somebody looks. */
export type RedisState = { readonly breaker: keyof typeof BREAKER_STATES; readonly inFlight: number };

/** Requests are answered in about a millisecond; the resolution is where the promises are. */
const REQUEST_BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const SCRIPT_BUCKETS_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.15, 0.5];
const JOB_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30];
const BATCH_BUCKETS_ENTRIES = [1, 10, 50, 100, 250, 500, 1_000];

/** Observes one finished thing by how it ended. Bound once per route or job: the hot path only looks it up. */
export type Observe = (status: string, seconds: number) => void;

/** All metrics of one process. Passed around by hand: there is no global registry to collide in. */
export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Declares every metric, each once. Labels come from closed sets in our own code (route templates, script names, reply
 * statuses), never from requests, so the number of series is bounded. `aggregator` says how processes of a cluster add
 * up, where a sum would be wrong.
 */
export function createMetrics({ version, defaults = true }: { readonly version: string; readonly defaults?: boolean }) {
  const registry = new Registry();
  const registers = [registry];
  if (defaults) collectDefaultMetrics({ register: registry });

  const requests = busyHistogram(registry, {
    name: 'cg_http_request_duration_seconds', help: 'Time to answer, by route template, method and status.', buckets: REQUEST_BUCKETS_SECONDS,
  });
  new Gauge({
    name: 'cg_http_requests_in_flight', help: 'Requests being answered.', registers,
    collect() { this.set(http.inFlight); },
  });
  const scripts = busyHistogram(registry, {
    name: 'cg_script_duration_seconds', help: 'Round trip of a Lua script, by script and reply status.', buckets: SCRIPT_BUCKETS_SECONDS,
  });
  const jobs = new Histogram({
    name: 'cg_job_duration_seconds', help: 'Run time of a background job, by job and how it ended.',
    labelNames: ['job', 'status'], buckets: JOB_BUCKETS_SECONDS, registers,
  });
  const holdsOpen = new Gauge({ name: 'cg_holds_open', help: 'Open holds in Redis.', aggregator: 'max', registers });
  const lagEntries = new Gauge({
    name: 'cg_journal_lag_entries', help: 'Entries in Redis that Postgres does not have yet.', aggregator: 'max', registers,
  });
  const lagSeconds = new Gauge({
    name: 'cg_journal_lag_seconds', help: 'Age of the oldest entry that Postgres does not have: what a total loss of Redis would cost.', aggregator: 'max', registers,
  });
  const drainEntries = new Histogram({
    name: 'cg_drain_batch_entries', help: 'Entries of one drain transaction.', buckets: BATCH_BUCKETS_ENTRIES, registers,
  });
  const drainSeconds = new Histogram({
    name: 'cg_drain_duration_seconds', help: 'Time of one drain transaction.', buckets: JOB_BUCKETS_SECONDS, registers,
  });
  const unknowns = new Counter({
    name: 'cg_outcomes_unknown_total', help: 'Operations that may or may not have happened: Redis did not answer in time.', labelNames: ['operation'], registers,
  });
  const replays = new Counter({
    name: 'cg_replays_total', help: 'Repeated requests that were answered with their first outcome.', labelNames: ['operation'], registers,
  });
  new Gauge({
    name: 'cg_breaker_state', help: 'Breaker before Redis: 0 closed, 1 half open, 2 open.', aggregator: 'max', registers,
    collect() { this.set(BREAKER_STATES[redisState().breaker]); },
  });
  new Gauge({
    name: 'cg_redis_commands_in_flight', help: 'Commands sent to Redis and not answered.', registers,
    collect() { this.set(redisState().inFlight); },
  });
  const build = new Gauge({ name: 'cg_build_info', help: 'What runs: always 1.', labelNames: ['version', 'node'], aggregator: 'first', registers });

  build.set({ version, node: process.version }, 1);
  let redisState = (): RedisState => ({ breaker: 'closed', inFlight: 0 });
  const observeScript = new Map<string, Observe>();

  const http = {
    inFlight: 0,
    route: (method: string, route: string): Observe => bound((status) => requests({ method, route, status })),
  };
  return {
    registry,
    text: (): Promise<string> => registry.metrics(),
    contentType: registry.contentType,
    http,
    /** One call of a script: its reply's status word, or `error`. */
    script: (script: string, status: string, seconds: number, isReplay: boolean): void => {
      let observe = observeScript.get(script);
      if (observe === undefined) {
        observe = bound((each) => scripts({ script, status: each }));
        observeScript.set(script, observe);
      }
      observe(status, seconds);
      if (isReplay) replays.inc({ operation: script });
    },
    job: (job: string): Observe => (status, seconds) => { jobs.observe({ job, status }, seconds); },
    holdsOpen: (count: number): void => { holdsOpen.set(count); },
    journalLag: (entries: number, seconds: number): void => { lagEntries.set(entries); lagSeconds.set(seconds); },
    drained: (entries: number, seconds: number): void => { drainEntries.observe(entries); drainSeconds.observe(seconds); },
    outcomeUnknown: (operation: string): void => { unknowns.inc({ operation }); },
    /** Money-in is replayed in Postgres, where no script sees it. */
    replayed: (operation: string): void => { replays.inc({ operation }); },
    /** Where to look for the guard's state; it is read when somebody scrapes, not when it changes. */
    watchRedis: (read: () => RedisState): void => { redisState = read; },
  };
}

/** Looks up the series of each status once and keeps it: a handful per route, so a Map is enough. */
function bound(seriesOf: (status: string) => (seconds: number) => void): Observe {
  const byStatus = new Map<string, (seconds: number) => void>();
  return (status, seconds) => {
    let series = byStatus.get(status);
    if (series === undefined) {
      series = seriesOf(status);
      byStatus.set(status, series);
    }
    series(seconds);
  };
}
