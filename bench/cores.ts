import { readFileSync } from 'node:fs';
import { runCommand } from '../src/stores/embedded/run-command.js';

/** The server under test on the first processor, everything else on the others. */
export type Cores = { readonly server: string; readonly others: string; readonly all: string };

/** Null: processes cannot be bound to processors here (one core, or no `taskset`), so all share all of them. */
export async function separateCores(): Promise<Cores | null> {
  const [server, ...others] = allowedCores(readStatus());
  if (server === undefined || others.length === 0 || !(await runCommand('taskset', ['--version'])).ok) return null;
  return { server: String(server), others: others.join(','), all: [server, ...others].join(',') };
}

/** The processors that /proc/…/status allows a process: those of a container need not begin with 0. */
export function allowedCores(status: string): number[] {
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status) ?? [];
  return list.split(',').filter(Boolean).flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

function readStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}

/** Binds a process with all its threads; what it starts from then on is bound as well. */
export async function bind(pid: number, cores: string): Promise<void> {
  const result = await runCommand('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)]);
  if (!result.ok) throw new Error(`process ${pid} cannot be bound to processors ${cores}: ${result.problem}`);
}
