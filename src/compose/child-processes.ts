import cluster, { type Worker } from 'node:cluster';
import type { Log } from '../kit/log.js';
import type { Servers } from './core.js';
import { isWorkerNews } from './worker-status.js';

export type ChildRole = 'api' | 'worker';

/**
 * The processes that the first process of a gateway starts: API processes, which share the port, and the worker, which
 * has its own event loop so that draining delays no answer. They are forks under node:cluster: when the parent dies in
 * any way, a fork loses its channel and exits.
 */
export type ChildProcesses = {
  /** Resolves when the process is ready; rejects when it ends before. A process that dies later is restarted. */
  start(role: ChildRole): Promise<void>;
  /** Ends all processes of a role with SIGTERM and waits for them. After the first call nothing is restarted. */
  stop(role: ChildRole): Promise<void>;
};

export type ChildProcessesDeps = {
  /** The module to fork. It is not always the one that Node was started with: `npm start` runs a script first. */
  readonly main: string;
  readonly servers: Servers;
  /** Undefined: tokens are verified by other means. */
  readonly accessSecret: string | undefined;
  /** Receives each status message of the worker. */
  readonly onWorkerNews: (message: unknown) => void;
  readonly log: Pick<Log, 'error'>;
};

const READY = 'cg:ready';
const RESTART_AFTER_MS = 500;
const RESTART_AFTER_MS_MAX = 10_000;
/** A process that ran for this long did not fail at its start: the restart delay is reset. */
const STABLE_AFTER_MS = 60_000;

const NAMES: Readonly<Record<ChildRole, string>> = { api: 'an API process', worker: 'the worker process' };

export function childProcesses({ main, servers, accessSecret, onWorkerNews, log }: ChildProcessesDeps): ChildProcesses {
  cluster.setupPrimary({ exec: main, args: [] });
  const alive = new Map<Worker, ChildRole>();
  const environment = {
    // Any other Redis than an embedded one is configured, and forks inherit the environment.
    ...(servers.redis.kind === 'server' ? { REDIS_URL: servers.redis.url } : {}), DATABASE_URL: servers.databaseUrl,
    MIGRATION_DATABASE_URL: '', // the first process has migrated: nothing else needs the owner's password
    ...(accessSecret === undefined ? {} : { JWT_ACCESS_SECRET: accessSecret }),
  };
  let isStopping = false;

  const passOn = (message: object): void => {
    onWorkerNews(message);
    for (const [child, role] of alive) if (role === 'api' && child.isConnected()) child.send(message);
  };

  /** `deaths`: how many processes of this role died in a row before this one. */
  const fork = (role: ChildRole, deaths: number): Promise<void> => new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = cluster.fork({ ...environment, ROLE: role });
    alive.set(child, role);
    child.on('message', (message: unknown) => {
      if (message === READY) resolve();
      if (isWorkerNews(message)) passOn(message);
    });
    child.once('exit', (code, signal) => {
      alive.delete(child);
      reject(new Error(`${NAMES[role]} ended before it was ready (${(signal as string | null) ?? `exit code ${code}`})`));
      if (isStopping) return;
      const deathsNow = performance.now() - startedAt > STABLE_AFTER_MS ? 0 : deaths;
      const restartMs = Math.min(RESTART_AFTER_MS * 2 ** deathsNow, RESTART_AFTER_MS_MAX);
      log.error({ child: child.process.pid, code, signal, restartMs }, `${NAMES[role]} died; starting another`);
      setTimeout(() => { if (!isStopping) fork(role, deathsNow + 1).catch(() => undefined); }, restartMs);
    });
  });

  return {
    start: (role) => fork(role, 0),
    stop: async (role) => {
      isStopping = true;
      await Promise.all([...alive].filter(([, each]) => each === role).map(([child]) => new Promise<void>((resolve) => {
        child.once('exit', () => { resolve(); });
        child.process.kill('SIGTERM');
      })));
    },
  };
}

/** Called in a fork: tells the parent that it is ready. */
export const tellReady = (): void => { process.send?.(READY); };
