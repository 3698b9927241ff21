import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../../src/kit/paths.js';

/** One process of the gateway, as its orchestrator sees it: when it ends it is started again, until it serves. */
export type Member = {
  readonly name: string;
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
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
};

const MAIN = join(projectRoot, 'dist/src/main.js');
/** Between two starts of a process that did not become ready, as it does while Postgres is away. */
const RESTART_MS = 500;
const STOP_TIMEOUT_MS = 15_000;

export function member({ name, role, port, environment, logFile }: MemberPlan): Member {
  const log: WriteStream = createWriteStream(logFile, { flags: 'a' });
  let child: ChildProcess | undefined;
  let isOver = false;
  process.once('exit', () => { child?.kill('SIGKILL'); });

  const isRunning = (): boolean => child?.exitCode === null && child.signalCode === null;

  const launch = (): Promise<boolean> => new Promise((resolve) => {
    const started = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment, ROLE: role, PORT: String(port), HOST: '127.0.0.1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    const hear = (chunk: Buffer): void => {
      log.write(chunk);
      if (chunk.includes('"msg":"ready"')) resolve(true);
    };
    started.stdout.on('data', hear);
    started.stderr.on('data', hear);
    started.once('exit', (code, signal) => {
      log.write(`-- ended: ${signal ?? `exit code ${String(code)}`}\n`);
      resolve(false);
    });
  });

  return {
    name, url: `http://127.0.0.1:${port}`, isRunning,
    async start() {
      while (!isOver && !isRunning()) {
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
