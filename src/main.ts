import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { localSecret } from './auth/local-secret.js';
import { systemClock } from './clock.js';
import type { Servers, Time } from './compose-core.js';
import { readConfig, type Config, type Role } from './config.js';
import { EmbeddedError } from './embedded/embedded-error.js';
import { startEmbedded, type Embedded } from './embedded/start-embedded.js';
import { openGateway } from './gateway.js';
import { createLog, type Log } from './log.js';
import { clusterMetricsText, serveClusterMetrics } from './metrics/cluster.js';
import { projectRoot } from './paths.js';
import { migrate } from './postgres/migrate.js';
import { welcome } from './welcome.js';

/** The whole of stopping takes no longer; after that we go, which is as safe as a kill -9. */
const STOP_TIMEOUT_MS = 30_000;

const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { readonly version: string };
const time: Time = { clock: systemClock, offsetMs: () => 0 };
const progress = (line: string): void => { process.stderr.write(`${line}\n`); };

/** A step of the start. A failure says which step it was, in words, without a stack. */
async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EmbeddedError) throw error;
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Runs `stop` at the first SIGINT or SIGTERM and then exits; a second signal, or a stop that hangs, exits at once. */
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

/** Brings up what is not configured, migrates, and says where everything is. */
async function openServers(config: Config, onDeath: (reason: string) => void): Promise<{ readonly servers: Servers; readonly embedded: Embedded }> {
  const embedded = await startEmbedded({
    redis: config.redisUrl === undefined, postgres: config.databaseUrl === undefined,
    dataDir: config.dataDir, redisBinary: config.redisBinary, progress, onDeath,
  });
  const redisUrl = config.redisUrl ?? embedded.redisUrl;
  const databaseUrl = config.databaseUrl ?? embedded.databaseUrl;
  if (redisUrl === undefined || databaseUrl === undefined) throw new Error('an embedded server has no address');
  await step('migrating Postgres', () => migrate(databaseUrl, (name) => { progress(`postgres: migrated ${name}`); }));
  return { servers: { redisUrl, databaseUrl }, embedded };
}

/** The embedded mode signs its own tokens; a configured one must say whose it believes. */
function withSecret(config: Config): Config {
  const isEmbedded = config.redisUrl === undefined || config.databaseUrl === undefined;
  if (!isEmbedded || config.auth.accessSecret !== undefined) return config;
  return { ...config, auth: { ...config.auth, accessSecret: localSecret(config.dataDir) } };
}

/** The first process: servers, workers, and the HTTP side, in itself or in processes of their own. */
async function runPrimary(config: Config, log: Log): Promise<void> {
  let stopNow: (reason: string, exitCode: number) => void = (reason) => { throw new Error(reason); };
  const { servers, embedded } = await openServers(config, (reason) => { stopNow(reason, 1); });
  const isClustered = config.apiProcesses > 1 && config.role !== 'worker';
  const ownRole: Role | null = isClustered ? (config.role === 'all' ? 'worker' : null) : config.role;

  const gateway = ownRole === null ? null : await step('opening the gateway', () => openGateway({ config, role: ownRole, servers, time, version, log, listens: !isClustered }));
  stopNow = stopOnSignal(log, async () => {
    await stopCluster();
    await gateway?.close();
    await embedded.stop();
  });
  if (isClustered) {
    serveClusterMetrics(gateway?.metrics.registry);
    const environment = { ROLE: 'api', REDIS_URL: servers.redisUrl, DATABASE_URL: servers.databaseUrl, ...secretOf(config) };
    for (let i = 0; i < config.apiProcesses; i += 1) cluster.fork(environment);
    cluster.on('exit', (worker, code) => {
      if (isStoppingCluster) return;
      log.error({ worker: worker.process.pid, code }, 'an API process died; starting another');
      setTimeout(() => { if (!isStoppingCluster) cluster.fork(environment); }, RESPAWN_MS);
    });
    await new Promise((resolve) => { cluster.once('listening', resolve); });
  }
  log.info({ role: config.role, port: gateway?.port ?? config.port, apiProcesses: config.apiProcesses, version }, 'ready');
  if (config.redisUrl === undefined && config.role === 'all') progress(welcome(gateway?.port ?? config.port));
}

const RESPAWN_MS = 500;
let isStoppingCluster = false;

const secretOf = ({ auth }: Config): Record<string, string> => (auth.accessSecret === undefined ? {} : { JWT_ACCESS_SECRET: auth.accessSecret });

async function stopCluster(): Promise<void> {
  isStoppingCluster = true;
  const workers = Object.values(cluster.workers ?? {}).flatMap((worker) => (worker === undefined ? [] : [worker]));
  await Promise.all(workers.map((worker) => new Promise<void>((resolve) => {
    worker.once('exit', () => { resolve(); });
    worker.kill('SIGTERM');
  })));
}

/** One of several API processes: it listens on the shared port and knows its servers from the first process. */
async function runApiProcess(config: Config, log: Log): Promise<void> {
  const { redisUrl, databaseUrl } = config;
  if (redisUrl === undefined || databaseUrl === undefined) throw new Error('an API process needs REDIS_URL and DATABASE_URL');
  const gateway = await openGateway({
    config, role: 'api', servers: { redisUrl, databaseUrl }, time, version, log,
    metricsText: (metrics) => clusterMetricsText(metrics.registry),
  });
  stopOnSignal(log, () => gateway.close());
}

try {
  const config = withSecret(readConfig());
  const log = createLog({ level: config.logLevel });
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'bug: going down, which is safe');
    process.exit(1);
  });
  await (cluster.isWorker ? runApiProcess(config, log) : runPrimary(config, log));
} catch (error) {
  progress(`\nThe gateway did not start.\n${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
