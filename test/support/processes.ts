import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { mintToken, type TokenClaims } from '../../src/edge/auth/mint-token.js';
import { ANY_RATE } from './gateway.js';
import { redisSettings } from './redis-address.js';

/** `blockMs`: block the event loop once for this long, before sockets are read again. */
export type ToChild = { readonly offsetMs: number } | { readonly blockMs: number };
export type FromChild = { readonly port: number; readonly operationsPort: number } | { readonly offsetMs: number };

/** A gateway process that can be killed and restarted, as an orchestrator would. */
export type GatewayProcess = {
  readonly role: 'api' | 'worker';
  readonly pid: () => number | undefined;
  /** A worker's URL serves only its probes. */
  readonly url: () => string;
  /** Where metrics and readiness in detail are. */
  readonly operationsUrl: () => string;
  readonly isRunning: () => boolean;
  /** Resolves when it serves; a restarted API keeps its port. Throws with its log when it ends before. */
  readonly start: () => Promise<void>;
  /** Sends the signal; resolves when the process is gone if the signal ends it. */
  readonly kill: (signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT') => Promise<void>;
  /** Blocks its event loop for a while. */
  readonly block: (ms: number) => void;
  /** The last lines of its log. */
  readonly log: () => string;
};

/** `redisUrl`: as redis-address.ts reads it. */
export type TestServers = { readonly redisUrl: string; readonly databaseUrl: string };

/** One API process and one worker process over the same servers. */
export type GatewayProcesses = {
  readonly url: () => string;
  readonly api: GatewayProcess;
  readonly worker: GatewayProcess;
  readonly servers: TestServers;
  readonly namespace: string;
  readonly shards: number;
  /** The gateway's time: this process' time plus the offset. */
  readonly nowMs: () => number;
  /** Moves the time of both processes and resolves when they use it; processes that start later use it as well. */
  readonly advance: (ms: number) => Promise<void>;
  readonly token: (claims: TokenClaims) => Promise<string>;
  readonly stop: () => Promise<void>;
};

const MODULE = join(import.meta.dirname, 'gateway-process.js');
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const LOG_LENGTH_MAX = 20_000;
/** Tokens outlive every test; the gateway accepts no older ones. */
const TOKEN_TTL_SECONDS = 3_600;
const SHARDS = 16;

/** Starts both. The database must be migrated. */
export async function startProcesses(servers: TestServers, environment: Readonly<Record<string, string>> = {}): Promise<GatewayProcesses> {
  const secret = randomBytes(32).toString('hex');
  const namespace = `p${randomUUID().slice(0, 8)}`;
  let offsetMs = 0;
  const settings: Record<string, string> = {
    JWT_ACCESS_SECRET: secret, ...redisSettings(servers.redisUrl), DATABASE_URL: servers.databaseUrl,
    REDIS_NAMESPACE: namespace, HOST: '127.0.0.1', OPERATIONS_PORT: '0', SHARDS: String(SHARDS),
    LOG_LEVEL: 'warn', ...ANY_RATE, ...environment,
  };
  const api = gatewayProcess('api', settings, () => offsetMs);
  const worker = gatewayProcess('worker', settings, () => offsetMs);
  const stop = async (): Promise<void> => { await Promise.all([api.process.kill('SIGTERM'), worker.process.kill('SIGTERM')]); };
  try {
    await Promise.all([api.process.start(), worker.process.start()]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    api: api.process, worker: worker.process, servers, namespace, shards: Number(settings['SHARDS']),
    url: api.process.url,
    nowMs: () => Date.now() + offsetMs,
    advance: async (ms) => {
      offsetMs += ms;
      await Promise.all([api.tellTime(), worker.tellTime()]);
    },
    token: (claims) => mintToken(secret, claims, TOKEN_TTL_SECONDS, Date.now()),
    stop,
  };
}

export type Controlled = { readonly process: GatewayProcess; readonly tellTime: () => Promise<void> };

/** A process of this build, or of another one by the path of its `gateway-process.js`. */
export function gatewayProcess(
  role: 'api' | 'worker', settings: Readonly<Record<string, string>>, offsetMs: () => number, module = MODULE,
): Controlled {
  let child: ChildProcess | undefined;
  let port = 0;
  let operationsPort = 0;
  let log = '';
  const isRunning = (): boolean => child?.exitCode === null && child.signalCode === null;

  const start = async (): Promise<void> => {
    if (isRunning()) throw new Error(`the ${role} runs already`);
    const started = fork(module, [String(offsetMs())], {
      env: { PATH: process.env['PATH'], ...settings, ROLE: role, PORT: String(port) },
      execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    child = started;
    const collect = (chunk: Buffer): void => { log = (log + chunk.toString()).slice(-LOG_LENGTH_MAX); };
    started.stdout?.on('data', collect);
    started.stderr?.on('data', collect);
    const ready = await messageOf(started, (message) => ('port' in message ? message : null), START_TIMEOUT_MS);
    if (ready === null) {
      started.kill('SIGKILL');
      throw new Error(`the ${role} did not start:\n${log}`);
    }
    ({ port, operationsPort } = ready);
    await tellTime(); // it may have moved while the process was starting
  };

  const tellTime = async (): Promise<void> => {
    if (child?.connected !== true || !isRunning()) return;
    const sent = offsetMs();
    const heard = messageOf(child, (message) => ('offsetMs' in message && message.offsetMs >= sent ? message : null), START_TIMEOUT_MS);
    child.send({ offsetMs: sent } satisfies ToChild, () => undefined); // a process that ends in the meantime needs no time
    await heard;
  };

  const kill: GatewayProcess['kill'] = async (signal) => {
    if (child === undefined || !isRunning()) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    const overdue = setTimeout(() => child?.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(overdue);
  };

  return { process: {
    role, pid: () => child?.pid, url: () => `http://127.0.0.1:${port}`,
    operationsUrl: () => `http://127.0.0.1:${operationsPort}`, isRunning, start, kill,
    block: (blockMs) => { child?.send({ blockMs } satisfies ToChild); }, log: () => log,
  }, tellTime };
}

/** The first message that `read` accepts; null when the process ends before it or the timeout passes. */
function messageOf<T>(child: ChildProcess, read: (message: FromChild) => T | null, timeoutMs: number): Promise<T | null> {
  return new Promise((resolve) => {
    const finish = (result: T | null): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(result);
    };
    const onMessage = (message: unknown): void => {
      const result = read(message as FromChild);
      if (result !== null) finish(result);
    };
    const onExit = (): void => { finish(null); };
    const timer = setTimeout(() => { finish(null); }, timeoutMs);
    child.on('message', onMessage);
    child.once('exit', onExit);
  });
}
