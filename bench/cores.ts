import { availableParallelism } from 'node:os';
import { runCommand } from '../src/stores/embedded/run-command.js';

/** The server under test on the first processor, everything else on the others. */
export type Cores = { readonly server: string; readonly others: string; readonly all: string };

/** Null: processes cannot be bound to processors here (one core, or no `taskset`), so all share all of them. */
export async function separateCores(): Promise<Cores | null> {
  const count = availableParallelism();
  if (count < 2 || !(await runCommand('taskset', ['--version'])).ok) return null;
  return { server: '0', others: count === 2 ? '1' : `1-${count - 1}`, all: `0-${count - 1}` };
}

/** Binds a process with all its threads; what it starts from then on is bound as well. */
export async function bind(pid: number, cores: string): Promise<void> {
  const result = await runCommand('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)]);
  if (!result.ok) throw new Error(`process ${pid} cannot be bound to processors ${cores}: ${result.problem}`);
}
