import type { Config, Role } from '../config.js';
import type { Check, Readiness } from '../edge/http/health.js';
import type { Log } from '../kit/log.js';
import { createMetrics, type Metrics } from '../kit/metrics/metrics.js';
import { openedParts, openOrClose, type Opened } from '../kit/opened.js';
import { settleWithin } from '../kit/settle-within.js';
import { shared } from '../kit/shared.js';
import type { Tracer } from '../kit/tracing/tracer.js';
import { connectQueue } from '../stores/redis/queue-connections.js';
import { ledgerQueue } from '../worker/jobs/ledger-queue.js';
import { createNudge } from '../worker/jobs/nudge.js';
import type { Api } from './api.js';
import { openCore, type Servers, type Time } from './core.js';
import { openOperations, type OperationsServer } from './operations.js';
import type { WorkerSide } from './worker.js';

export type GatewayDeps = {
  readonly config: Config;
  readonly role: Role;
  readonly servers: Servers;
  readonly time: Time;
  readonly version: string;
  readonly log: Log;
  /** The metrics of all processes, where there are several; by default only this process's. */
  readonly metricsText?: (metrics: Metrics) => () => Promise<string>;
  /** How old the text of the metrics may be, in ms; by default a second. Tests that compare two scrapes say 0. */
  readonly metricsFreshMs?: number;
  /** False for a worker process beside API processes that own the port. */
  readonly listens?: boolean;
  /** The state of the separate worker process; undefined where there is none. */
  readonly workerCheck?: () => Check | undefined;
};

export type Gateway = {
  /** Undefined for a process that does not listen. */
  readonly port: number | undefined;
  /** Where metrics and readiness in detail are. */
  readonly operationsPort: number | undefined;
  readonly metrics: Metrics;
  /** The readiness checks of the worker; undefined for a process without one. */
  readonly workerChecks: (() => Readiness['checks']) | undefined;
  /** Stops taking traffic, finishes requests and jobs in progress, and closes everything in reverse order of opening. */
  close(): Promise<void>;
};

/** How long jobs in progress may take when the gateway stops. Interrupting a job is as safe as killing the process. */
const JOBS_GRACE_MS = 10_000;
/** Scrapes are seconds apart: a text that is this old is new enough for the next scraper. */
const METRICS_FRESH_MS = 1_000;

/**
 * The composition root: one process of the gateway, from its configuration to its open port. When a part cannot be opened, those
 * that were are closed, and the reason is thrown.
 */
export const openGateway = (deps: GatewayDeps): Promise<Gateway> => openOrClose((opened) => openProcess(deps, opened));

async function openProcess(deps: GatewayDeps, opened: Opened): Promise<Gateway> {
  const { config, role, servers, time, version, log, listens = true, metricsFreshMs = METRICS_FRESH_MS } = deps;
  const metrics = createMetrics({ version });
  const tracer = opened.add(await tracerOf(deps), (each) => each?.close());
  const onQueueError = (error: unknown): void => {
    log.warn({ err: error }, 'queue error; a schedule repeats jobs that were not delivered');
  };
  const connections = opened.add(connectQueue(servers.redis, config.redisNamespace, onQueueError), (each) => { each.close(); });
  const queue = opened.add(
    ledgerQueue(connections.producer, config.redisNamespace, onQueueError), (each) => settleWithin(JOBS_GRACE_MS, each.close()),
  );
  const nudge = createNudge({ addDrain: (shards) => queue.addDrain(shards), onError: onQueueError });
  const core = opened.add(await openCore({
    config, servers, time, log, metrics, bulkRedis: connections.bulk, written: (shard) => { nudge.touch(shard); }, tracer,
  }), (each) => each.close());
  opened.add(nudge, (each) => { each.close(); });

  // A process loads only the modules of its role.
  const worker: WorkerSide | undefined = role === 'api' ? undefined : opened.add(await (await import('./worker.js')).openWorker({
    config, databaseUrl: servers.databaseUrl, core, connections, queue, time, log, metrics, tracer,
  }), (each) => settleWithin(JOBS_GRACE_MS, each.close()));
  const makeText = deps.metricsText?.(metrics) ?? metrics.text;
  const metricsText = shared(async () => Buffer.from(await makeText()), metricsFreshMs);
  // Closed after the API: metrics and readiness are there while its last requests finish.
  const afterApi = opened.add(openedParts(), (each) => each.close());
  const api: Api | undefined = role === 'worker' ? undefined : await (await import('./api.js')).openApi({
    config, core, databaseUrl: servers.databaseUrl,
    queues: { queue, connections, namespace: config.redisNamespace, rabbitmqUrl: config.rabbitmqUrl },
    clock: time.clock, version, log, metrics, metricsText, tracer, workerCheck: deps.workerCheck,
  }, opened);
  const readiness = api?.readiness ?? ((): Readiness => ({ serving: true, checks: worker?.checks() ?? {} }));
  const operations: OperationsServer | undefined = api === undefined && !listens ? undefined : afterApi.add(
    await openOperations({ config, readiness, ownsMainPort: api === undefined, log, metrics, metricsText }), (each) => each.close(),
  );

  return {
    port: api?.port ?? operations?.mainPort,
    operationsPort: operations?.port,
    metrics,
    workerChecks: worker?.checks,
    close: async () => {
      api?.retreat();
      if (api !== undefined && config.shutdownDelayMs > 0) await new Promise((resolve) => { setTimeout(resolve, config.shutdownDelayMs); });
      await opened.close();
    },
  };
}

/** Loads the tracing library only when a collector is configured. */
async function tracerOf({ config: { tracing }, version, log }: GatewayDeps): Promise<Tracer | undefined> {
  if (tracing === undefined) return undefined;
  const { openTracing } = await import('../kit/tracing/open-tracing.js');
  log.info({ collector: new URL(tracing.url).host, ratio: tracing.ratio }, 'requests are traced');
  return openTracing({ config: tracing, version, log, clock: Date.now });
}
