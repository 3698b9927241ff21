import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, LOOPBACK } from '../../../src/stores/embedded/loopback-port.js';
import { projectRoot } from '../../../src/kit/paths.js';

/** One process of the gateway, as its orchestrator sees it: when it ends it is started again, until it serves. */
export type Member = {
  readonly name: string;
  /** Once it is ready, its address for good. */
  readonly url: string;
  readonly isRunning: () => boolean;
  /** Resolves when it is ready, however often that takes. */
  start(): Promise<void>;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Ends it for good. */
  stop(): Promise<void>;
};

export type MemberPlan = {
  readonly name: string;
  readonly role: 'api' | 'worker';
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
};

const MAIN = join(projectRoot, 'dist/src/main.js');
/** Between two starts of a process that did not become ready, as it does while Postgres is away. */
const RESTART_MS = 500;
const STOP_TIMEOUT_MS = 15_000;

export function member({ name, role, environment, logFile }: MemberPlan): Member {
  let port = 0;
  let wasReady = false;
  const log: WriteStream = createWriteStream(logFile, { flags: 'a' });
  let child: ChildProcess | undefined;
  let isOver = false;
  process.once('exit', () => { child?.kill('SIGKILL'); });

  const isRunning = (): boolean => child?.exitCode === null && child.signalCode === null;

  const launch = (): Promise<boolean> => new Promise((resolve) => {
    const started = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment, ROLE: role, PORT: String(port), HOST: LOOPBACK },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    const hear = (chunk: Buffer): void => {
      log.write(chunk);
      if (!chunk.includes('"msg":"ready"')) return;
      wasReady = true;
      resolve(true);
    };
    started.stdout.on('data', hear);
    started.stderr.on('data', hear);
    started.once('exit', (code, signal) => {
      log.write(`-- ended: ${signal ?? `exit code ${String(code)}`}\n`);
      resolve(false);
    });
  });

  return {
    name, isRunning,
    get url() { return `http://${LOOPBACK}:${port}`; },
    async start() {
      while (!isOver && !isRunning()) {
        if (!wasReady) port = await freePort(); // another program may have taken the last one
        if (await launch()) return;
        await sleep(RESTART_MS);
      }
    },
    async kill() {
      if (child === undefined || !isRunning()) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    signal: (signal) => { if (isRunning()) child?.kill(signal); },
    async stop() {
      isOver = true;
      if (child !== undefined && isRunning()) {
        const gone = once(child, 'exit');
        child.kill('SIGCONT');
        child.kill('SIGTERM');
        const overdue = setTimeout(() => child?.kill('SIGKILL'), STOP_TIMEOUT_MS);
        await gone;
        clearTimeout(overdue);
      }
      log.end();
    },
  };
}
