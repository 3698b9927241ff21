import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { checkPorts } from './compose/check-ports.js';
import { childProcesses, tellReady } from './compose/child-processes.js';
import type { Servers, Time } from './compose/core.js';
import { prepareDatabase } from './compose/prepare-database.js';
import { welcome } from './compose/welcome.js';
import { tellWorkerStatus, workerStatus } from './compose/worker-status.js';
import { readConfig, type Config, type Role } from './config.js';
import { localSecret } from './edge/auth/local-secret.js';
import { systemClock } from './kit/clock.js';
import { createLog, type Log } from './kit/log.js';
import { clusterMetricsText, serveClusterMetrics } from './kit/metrics/cluster.js';
import type { Metrics } from './kit/metrics/metrics.js';
import { projectRoot } from './kit/paths.js';
import { EmbeddedError } from './stores/embedded/embedded-error.js';
import { startEmbedded, type Embedded } from './stores/embedded/start-embedded.js';
import { checkLogin } from './stores/redis/check-login.js';
import { redisAt, type RedisLocation } from './stores/redis/location.js';
import { queuePrefix } from './stores/redis/queue-connections.js';

/** The longest time a stop may take. Then the process exits, which is as safe as kill -9. */
const STOP_TIMEOUT_MS = 30_000;
/** How often a start asks a Redis that is away. */
const REDIS_RETRY_MS = 500;

/** Most modules of the gateway. They are loaded while servers start, which takes as long. */
const loadGateway = () => import('./compose/gateway.js');

/** Ends the handlers of main.ts: from here on this process stops in its own way. */
type Release = () => void;

const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { readonly version: string };
const time: Time = { clock: systemClock, offsetMs: () => 0 };
const progress = (line: string): void => { process.stderr.write(`${line}\n`); };

/** Runs one step of the start. An error names the step, without a stack. */
async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EmbeddedError) throw error;
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Runs `stop` at the first SIGINT or SIGTERM and then exits. A second signal, or a stop that takes too long, exits at once. */
function stopOnSignal(log: Log, stop: () => Promise<void>): (reason: string, exitCode: number) => void {
  let isStopping = false;
  const stopNow = (reason: string, exitCode: number): void => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log.info({ reason }, 'stopping');
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
    stop().then(() => process.exit(exitCode), (error: unknown) => {
      log.error({ err: error }, 'did not stop cleanly');
      process.exit(1);
    });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { stopNow(signal, 0); });
  return stopNow;
}

/** Waits until Redis answers, and says once that it does not. Throws when it refuses the login. */
async function redisAnswers(redis: RedisLocation, keys: readonly string[]): Promise<void> {
  for (let told = false; ; told = true) {
    const away = await step('logging in', () => checkLogin(redis, keys));
    if (away === null) return;
    if (!told) progress(`Redis does not answer (${away}): start it, or correct REDIS_URL; waiting for it`);
    await sleep(REDIS_RETRY_MS);
  }
}

/** Starts the servers that are not configured, migrates, and returns the addresses of all. */
async function openServers(
  config: Config, log: Log, onDeath: (reason: string) => void,
): Promise<{ readonly servers: Servers; readonly embedded: Embedded }> {
  const hasDatabase = config.databaseUrl !== undefined || config.migrationDatabaseUrl !== undefined;
  const embedded = await startEmbedded({
    redis: config.redis === undefined, postgres: !hasDatabase,
    dataDir: config.dataDir, redisBinary: config.redisBinary, redisNamespace: config.redisNamespace, progress, onDeath,
  });
  const redis = config.redis ?? (embedded.redisUrl === undefined ? undefined : redisAt(embedded.redisUrl));
  if (redis === undefined) throw new Error('the embedded Redis has no address');
  const { redisNamespace: name } = config;
  await redisAnswers(redis, [`${name}:start`, `${queuePrefix(name)}:start`]);
  const databaseUrl = await step('preparing Postgres', () => prepareDatabase(hasDatabase ? config : {
    databaseUrl: embedded.databaseUrl, migrationDatabaseUrl: embedded.migrationDatabaseUrl,
  }, {
    migrated: (name) => { progress(`postgres: migrated ${name}`); },
    warn: (text) => { log.warn(text); },
  }));
  return { servers: { redis, databaseUrl }, embedded };
}

/** The embedded mode generates its own signing secret; with configured servers the secret must be configured as well. */
function withSecret(config: Config): Config {
  const isEmbedded = config.redis === undefined || (config.databaseUrl ?? config.migrationDatabaseUrl) === undefined;
  if (!isEmbedded || config.auth.accessSecret !== undefined) return config;
  try {
    return { ...config, auth: { ...config.auth, accessSecret: localSecret(config.dataDir) } };
  } catch (error) {
    const missing = [
      ...config.redis === undefined ? ['REDIS_URL'] : [], ...config.databaseUrl === undefined ? ['DATABASE_URL'] : [],
      'JWT_ACCESS_SECRET, JWKS_URL or CHATSPARTY_JWT_SECRET',
    ];
    throw new Error(
      `DATA_DIR (${config.dataDir}) cannot be used for embedded servers: ${error instanceof Error ? error.message : String(error)}\n`
      + `Set DATA_DIR to a folder that this account can write; or use other servers, and set:\n  ${missing.join('\n  ')}`,
      { cause: error },
    );
  }
}

/** The first process: starts the servers that are not configured, its own share of API and worker, and forks the rest. */
async function runPrimary(config: Config, log: Log, main: string, release: Release): Promise<void> {
  await checkPorts(config);
  const loading = loadGateway();
  loading.catch(() => undefined); // the error is handled below
  let stopNow: (reason: string, exitCode: number) => void = (reason) => { throw new Error(reason); };
  const { servers, embedded } = await openServers(config, log, (reason) => { stopNow(reason, 1); });
  const isClustered = config.apiProcesses > 1 && config.role !== 'worker';
  const ownRole: Role | null = config.role === 'worker' ? 'worker' : (isClustered ? null : 'api');

  const worker = workerStatus();
  let registry: Metrics['registry'] | undefined;
  const metricsOfAll = serveClusterMetrics(() => registry);
  const children = childProcesses({
    main: fileURLToPath(main), servers, accessSecret: config.auth.accessSecret, onWorkerNews: worker.heard, log,
  });
  const started = Promise.all([
    config.role === 'all' ? children.start('worker') : undefined,
    isClustered ? Promise.any(Array.from({ length: config.apiProcesses }, () => children.start('api'))) : undefined,
  ]);
  started.catch(() => undefined); // the error is handled below, when this process has opened its own part

  const { openGateway } = await loading;
  const gateway = ownRole === null ? null : await step('opening the gateway', () => openGateway({
    config, role: ownRole, servers, time, version, log, workerCheck: worker.check,
    metricsText: (metrics) => {
      ({ registry } = metrics);
      return metricsOfAll;
    },
  }));
  release();
  stopNow = stopOnSignal(log, async () => {
    await children.stop('api');
    await gateway?.close();
    await children.stop('worker');
    await embedded.stop();
  });
  await step('starting the other processes', () => started);
  log.info({
    role: config.role, port: gateway?.port ?? config.port, operationsPort: gateway?.operationsPort ?? config.operations.port,
    apiProcesses: config.apiProcesses, version,
  }, 'ready');
  if (config.redis === undefined && config.role === 'all') progress(welcome(gateway?.port ?? config.port));
}

/** A fork: an API process on the shared port, or the worker. The first process passes it the addresses of the servers. */
async function runChild(config: Config, log: Log, release: Release): Promise<void> {
  const { redis, databaseUrl } = config;
  if (redis === undefined || databaseUrl === undefined) throw new Error('a child process needs REDIS_URL and DATABASE_URL');
  const worker = workerStatus();
  process.on('message', worker.heard);
  const { openGateway } = await loadGateway();
  const gateway = await openGateway({
    config, role: config.role, servers: { redis, databaseUrl }, time, version, log, listens: false, workerCheck: worker.check,
    metricsText: (metrics) => clusterMetricsText(metrics.registry),
  });
  release();
  stopWithFirst(log, () => gateway.close());
  if (gateway.workerChecks !== undefined) tellWorkerStatus(gateway.workerChecks);
  tellReady();
}

/** Stops at SIGTERM, which the first process sends. Ctrl-C reaches all processes, so SIGINT is left to the first one. */
function stopWithFirst(log: Log, stop: () => Promise<void>): void {
  let isStopping = false;
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => {
    if (isStopping) return;
    isStopping = true;
    stop().then(() => process.exit(0), (error: unknown) => {
      log.error({ err: error }, 'did not stop cleanly');
      process.exit(1);
    });
  });
}

/** Runs this process, which was started with the module `main`, until it is ready. Ends the process when it cannot start. */
export async function run(main: string, release: Release): Promise<void> {
  try {
    const config = withSecret(readConfig());
    const log = createLog({ level: config.logLevel });
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'bug: going down, which is safe');
      process.exit(1);
    });
    await (cluster.isWorker ? runChild(config, log, release) : runPrimary(config, log, main, release));
  } catch (error) {
    progress(`\nThe gateway did not start.\n${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
