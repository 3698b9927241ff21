import cluster, { type Worker } from 'node:cluster';
import type { Log } from '../kit/log.js';
import type { Servers } from './core.js';
import { isWorkerNews } from './worker-status.js';

export type ChildRole = 'api' | 'worker';

/**
 * The processes that the first process of a gateway starts: API processes, which share the port, and the worker, which
 * has an event loop of its own so that draining delays no answer. They are forks under node:cluster: a fork whose parent
 * is gone, however it went, loses its channel and exits by itself.
 */
export type ChildProcesses = {
  /** Resolves when the process is ready. Rejects when it ends before. From then on it is started again whenever it dies. */
  start(role: ChildRole): Promise<void>;
  /** Ends all of a role with SIGTERM, and waits for them. No process is started again after the first call. */
  stop(role: ChildRole): Promise<void>;
};

export type ChildProcessesDeps = {
  /** The module to fork. It is not always the one that Node was started with: `npm start` runs a script first. */
  readonly main: string;
  readonly servers: Servers;
  /** Undefined: tokens are verified by other means. */
  readonly accessSecret: string | undefined;
  /** Told what the worker says of itself. */
  readonly onWorkerNews: (message: unknown) => void;
  readonly log: Pick<Log, 'error'>;
};

const READY = 'cg:ready';
const RESTART_AFTER_MS = 500;
const RESTART_AFTER_MS_MAX = 10_000;
/** A process that lived for so long did not die of its start: the waits begin anew. */
const STABLE_AFTER_MS = 60_000;

const NAMES: Readonly<Record<ChildRole, string>> = { api: 'an API process', worker: 'the worker process' };

export function childProcesses({ main, servers, accessSecret, onWorkerNews, log }: ChildProcessesDeps): ChildProcesses {
  cluster.setupPrimary({ exec: main, args: [] });
  const alive = new Map<Worker, ChildRole>();
  const environment = {
    REDIS_URL: servers.redisUrl, DATABASE_URL: servers.databaseUrl,
    ...(accessSecret === undefined ? {} : { JWT_ACCESS_SECRET: accessSecret }),
  };
  let isStopping = false;

  const passOn = (message: object): void => {
    onWorkerNews(message);
    for (const [child, role] of alive) if (role === 'api' && child.isConnected()) child.send(message);
  };

  /** `deaths`: how many of its predecessors died in a row. */
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

/** In a process that was forked: it can be counted on from now on. */
export const tellReady = (): void => { process.send?.(READY); };
