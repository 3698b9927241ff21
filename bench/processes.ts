import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Role } from '../src/config.js';
import { sum } from './statistics.js';

/** The processes of a benchmark. Each ends with `stop`; forks also end when this process does. */

export type Child = { readonly pid: number; stop(): Promise<void> };

/** Where this module is built: `dist`, or `build` for examples. */
const BUILT = join(import.meta.dirname, '..');

/** A server of `bench/baselines`: a fork that sends its port when it listens. */
export async function startBaseline(
  name: string, args: readonly string[], environment: Readonly<Record<string, string>> = {},
): Promise<Child & { readonly port: number }> {
  const env = { ...process.env, NODE_ENV: 'production', ...HIGH_RATES, ...environment };
  const child = fork(join(BUILT, 'bench/baselines', `${name}.js`), args, { env });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (sent) => { resolve(Number(sent)); });
    child.once('exit', (code) => { reject(new Error(`the baseline ${name} ended with exit code ${code ?? 'none'} before it was ready`)); });
  });
  return { ...childOf(child), port };
}

export type GatewayProcess = Child & { readonly port: number; readonly operationsPort: number };

/** Limits that a benchmark does not reach; they are counted all the same. */
const HIGH = '99999999/10';
const HIGH_RATES = { RATE_LIMIT_KEY: HIGH, RATE_LIMIT_KEY_WRITES: HIGH, RATE_LIMIT_USER: HIGH, RATE_LIMIT_USER_WRITES: HIGH };

/** One process of the gateway as in production: its main module, configured by environment. `quiet`: its errors are expected. */
export async function startGatewayProcess(
  role: Role, environment: Readonly<Record<string, string>>, nodeArgs: readonly string[] = [],
  { quiet = false }: { readonly quiet?: boolean } = {},
): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [...nodeArgs, join(BUILT, 'src/main.js')], {
    env: { ...process.env, ...HIGH_RATES, ...environment, ROLE: role, PORT: '0', OPERATIONS_PORT: '0', HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => { child.kill('SIGKILL'); });
  const ports = await new Promise<Pick<GatewayProcess, 'port' | 'operationsPort'>>((resolve, reject) => {
    child.once('exit', (code) => { reject(new Error(`the ${role} process ended with exit code ${code ?? 'none'} before it was ready`)); });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { msg, level, port = 0, operationsPort = 0 } = JSON.parse(line) as {
        readonly msg?: string; readonly level?: string; readonly port?: number; readonly operationsPort?: number;
      };
      if (!quiet && (level === 'error' || level === 'fatal')) process.stderr.write(`${role}: ${line}\n`);
      if (msg === 'ready') resolve({ port, operationsPort });
    });
  });
  return { ...childOf(child), ...ports };
}

export function childOf(child: ChildProcess): Child {
  if (child.pid === undefined) throw new Error('a process of the benchmark could not be started');
  return {
    pid: child.pid,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Processor time so far of a process and its children, also of those that have ended, in ms; 0 where there is no /proc. */
export function cpuMs(pid: number): number {
  let total = endedMs(String(pid));
  for (const name of listNumbers('/proc')) {
    if (Number(name) === pid || readStat(name)?.parent === pid) total += ownCpuMs(name);
  }
  return total;
}

/** The same with all descendants. */
export function familyCpuMs(pid: number): number {
  const parents = new Map(listNumbers('/proc').map((name) => [Number(name), readStat(name)?.parent ?? 0]));
  const isOfFamily = (each: number): boolean => each === pid || (each > 1 && isOfFamily(parents.get(each) ?? 0));
  return sum([...parents.keys()].filter(isOfFamily).map((each) => ownCpuMs(String(each)) + endedMs(String(each))));
}

const MS_PER_TICK = 10;
const NS_PER_MS = 1_000_000;
const NS_PER_MICRO = 1_000;

/** By the scheduler, to the nanosecond; by /proc/…/stat, in hundredths of a second, where it does not tell. */
function ownCpuMs(pid: string): number {
  const threads = listNumbers(`/proc/${pid}/task`).map((thread) => ranNs(`/proc/${pid}/task/${thread}/schedstat`));
  const ns = sum(threads);
  return ns > 0 ? ns / NS_PER_MS : (readStat(pid)?.ticks ?? 0) * MS_PER_TICK;
}

/** Of children that have ended and were waited for: a server of Postgres ends with its connection. */
const endedMs = (pid: string): number => (readStat(pid)?.endedTicks ?? 0) * MS_PER_TICK;

/** Processor time so far of a process' first thread, in µs; Redis runs all scripts on it. 0 where there is no /proc. */
export const firstThreadMicros = (pid: number): number => ranNs(`/proc/${pid}/schedstat`) / NS_PER_MICRO;

function ranNs(schedstat: string): number {
  try {
    return Number(readFileSync(schedstat, 'utf8').split(' ')[0]);
  } catch {
    return 0; // it has ended in the meantime
  }
}

function listNumbers(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function readStat(pid: string): { readonly parent: number; readonly ticks: number; readonly endedTicks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may contain spaces: fields are counted after it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
    const [utime = 0, stime = 0, ofEndedUser = 0, ofEndedSystem = 0] = fields.slice(11);
    return { parent: fields[1] ?? 0, ticks: utime + stime, endedTicks: ofEndedUser + ofEndedSystem };
  } catch {
    return undefined; // it has ended in the meantime
  }
}
