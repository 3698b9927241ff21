import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { orLate } from '../../kit/deadline.js';
import { EmbeddedError, reasonOf } from './embedded-error.js';
import { runCommand } from './run-command.js';
import type { ServiceUser } from './service-user.js';

export type ServerCommand = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly user: ServiceUser | undefined;
  /** The signal that shuts the server down cleanly. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  readonly logFile: string;
};

export type ServerProcess = {
  readonly pid: number;
  /** Resolves with the reason when the process has ended; never rejects. */
  readonly exited: Promise<string>;
  readonly isRunning: () => boolean;
  readonly stop: () => Promise<void>;
};

/** Postgres writes a checkpoint and Redis its last AOF pages before they exit; after this time they count as hung. */
const STOP_TIMEOUT_MS = 20_000;
const LOG_TAIL_LINES = 12;
const POLL_MS = 15;

/**
 * Starts a server in its own process group, so that Ctrl-C reaches only the application, which drains first and then
 * stops its servers. If the application is killed with -9, the kernel sends `stopSignal` to the server (Linux only).
 */
export async function spawnServer(spec: ServerCommand): Promise<ServerProcess> {
  const { command, args } = await withDeathSignal(spec);
  const log = await openLog(spec.logFile);
  const identity = spec.user === undefined ? {} : { uid: spec.user.uid, gid: spec.user.gid };
  const child = spawn(command, args, { cwd: '/', detached: true, stdio: ['ignore', log.fd, log.fd], ...identity });
  const spawned = once(child, 'spawn');
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => { resolve(error.message); });
    child.once('exit', (code, signal) => { resolve(signal === null ? `exit code ${String(code)}` : `killed by ${signal}`); });
  });
  try {
    await spawned;
  } catch (error) {
    throw new EmbeddedError(`starting ${spec.name}`, `${command}: ${reasonOf(error)}`, { cause: error });
  } finally {
    await log.close();
  }
  const { pid } = child;
  if (pid === undefined) throw new EmbeddedError(`starting ${spec.name}`, `${command} has no process id`);

  // The server must neither keep a failed start running nor outlive this process where the kernel sends no death signal.
  child.unref();
  const endWithUs = (): void => { child.kill(spec.stopSignal); };
  process.once('exit', endWithUs);
  void exited.then(() => process.off('exit', endWithUs));

  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid,
    exited,
    isRunning,
    stop: async () => {
      if (!isRunning()) return;
      child.ref();
      child.kill('SIGCONT'); // a stopped process would not handle the next signal
      child.kill(spec.stopSignal);
      if (!(await settlesWithin(exited, STOP_TIMEOUT_MS))) child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Polls `isReady` until it is true. Throws, with the last lines of the server's log, when the process ends or time runs out. */
export async function waitUntilReady(
  spec: ServerCommand,
  server: ServerProcess,
  isReady: () => Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let exit: string | undefined;
  void server.exited.then((reason) => { exit = reason; });
  const check = async (): Promise<boolean> => {
    try {
      return await isReady();
    } catch (error) {
      await server.stop(); // it will not become ready
      throw error;
    }
  };
  while (!(await check())) {
    const isLate = performance.now() > deadline;
    if (exit !== undefined || isLate) {
      await server.stop();
      throw new EmbeddedError(`starting ${spec.name}`, exit ?? `not ready within ${timeoutMs} ms`, {
        tried: [`${spec.command} ${spec.args.join(' ')}`, ...(await logTail(spec.logFile)).map((line) => `log: ${line}`)],
        advice: [`read ${spec.logFile}`],
      });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function settlesWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  return orLate(timeoutMs, work.then(() => true), () => false);
}

let hasSetpriv: Promise<boolean> | undefined;

async function withDeathSignal({ command, args, stopSignal }: ServerCommand): Promise<{ command: string; args: string[] }> {
  hasSetpriv ??= runCommand('setpriv', ['--pdeathsig', 'TERM', '--', 'true']).then(({ ok }) => ok);
  if (!(await hasSetpriv)) return { command, args: [...args] };
  return { command: 'setpriv', args: ['--pdeathsig', stopSignal.slice('SIG'.length), '--', command, ...args] };
}

/** Keeps the log of the previous run beside the new one: after a crash it holds the cause. */
async function openLog(path: string) {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size > 0) await rename(path, `${path}.old`);
  return open(path, 'a', 0o600);
}

async function logTail(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-LOG_TAIL_LINES);
}
