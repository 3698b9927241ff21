import { readFile } from 'node:fs/promises';
import { runCommand } from './run-command.js';

/** Identifies a process beyond its id, which a later process can reuse. */
export type ProcessIdentity = { readonly pid: number; readonly startedAt: string };

/** Undefined: there is no such process. */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  const startedAt = (await startOnLinux(pid)) ?? (await startFromPs(pid));
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export async function isAlive(known: ProcessIdentity): Promise<boolean> {
  const found = await identityOf(known.pid);
  return found?.startedAt === known.startedAt;
}

/** The program name of this process id. Undefined: no such process. */
export async function programOf(pid: number): Promise<string | undefined> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => undefined);
  if (name !== undefined) return name.trim();
  const listed = await runCommand('ps', ['-o', 'comm=', '-p', String(pid)]);
  return listed.ok ? listed.stdout.trim() : undefined;
}

/** Clock ticks since boot, and the boot's id. A zombie counts as ended: it only waits for its parent to read its exit code. */
async function startOnLinux(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' '); // the program's name, in parentheses, may contain spaces
  const [state, ticks] = [fields?.[0], fields?.[19]];
  return ticks === undefined || state === 'Z' ? undefined : `${boot.trim()}/${ticks}`;
}

async function startFromPs(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return undefined;
  const listed = await runCommand('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return listed.ok ? listed.stdout.trim() : undefined;
}
