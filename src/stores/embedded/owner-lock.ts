import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-error.js';
import type { EmbeddedServer } from './embedded-server.js';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.js';

type Server = ProcessIdentity & { readonly name: string };
type Owner = { readonly owner: ProcessIdentity; readonly since: string; readonly servers: readonly Server[] };

export type OwnerLock = {
  /** Records the servers, so that the next start can end them if this process is killed. */
  readonly record: (servers: readonly EmbeddedServer[]) => Promise<void>;
  readonly release: () => Promise<void>;
};

/** The kernel signals the servers of a killed owner at once; they need a moment to write and exit. */
const GOING_DOWN_MS = 3_000;
const STOP_TIMEOUT_MS = 10_000;

/**
 * Makes this process the only owner of the servers in `dir`. Two owners would start two Redis servers on one append-only
 * file and destroy it. Servers that a killed owner left running are ended first.
 */
export async function lockOwner(dir: string): Promise<OwnerLock> {
  const path = join(dir, 'owner.lock');
  const owner = await identityOf(process.pid);
  if (owner === undefined) throw new EmbeddedError('locking DATA_DIR', 'cannot tell when this process started');
  const mine: Owner = { owner, since: new Date().toISOString(), servers: [] };

  while (!(await create(path, mine))) {
    const other = await read(path);
    if (other === undefined) continue; // released in the meantime
    if (await isAlive(other.owner)) throw alreadyRunning(dir, other);
    for (const server of other.servers) await end(server);
    await removeStale(path, other);
  }
  return {
    record: async (servers) => {
      const known: Server[] = [];
      for (const { name, pid } of servers) {
        const identity = await identityOf(pid);
        if (identity !== undefined) known.push({ ...identity, name });
      }
      const draft = `${path}.${process.pid}`;
      await writeFile(draft, JSON.stringify({ ...mine, servers: known }, null, 2));
      await rename(draft, path);
    },
    release: () => rm(path, { force: true }),
  };
}

function alreadyRunning(dir: string, { owner, since, servers }: Owner): EmbeddedError {
  const list = servers.map(({ name, pid }) => `${name} pid ${pid}`).join(', ');
  const details = list === '' ? '' : ` (${list})`;
  return new EmbeddedError('locking DATA_DIR', `process ${owner.pid} has been running the servers of ${dir} since ${since}${details}`, {
    advice: [
      `use that gateway, or stop it: kill ${owner.pid}`,
      'or set DATA_DIR to another directory (and PORT to another port) for a second, separate gateway',
    ],
  });
}

/** Creates a complete file: it is written under another name and linked into place, which fails if the name exists. */
async function create(path: string, content: Owner): Promise<boolean> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, JSON.stringify(content, null, 2));
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Undefined for a file that cannot be parsed; it is treated as left behind by a process that has ended. */
async function read(path: string): Promise<Owner | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return { owner: { pid: 0, startedAt: '' }, since: '', servers: [] };
  }
}

/** Two starts may find the same stale lock. One must not remove the other's new lock, so the removed file is checked. */
async function removeStale(path: string, stale: Owner): Promise<void> {
  const aside = `${path}.stale-${process.pid}`;
  await rename(path, aside).catch(() => undefined);
  const taken = await read(aside);
  if (taken !== undefined && taken.owner.startedAt !== stale.owner.startedAt) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function end(server: Server): Promise<void> {
  if (await goneWithin(server, GOING_DOWN_MS)) return;
  process.kill(server.pid, server.name === 'redis' ? 'SIGTERM' : 'SIGINT');
  if (await goneWithin(server, STOP_TIMEOUT_MS)) return;
  throw new EmbeddedError('ending a server that was left behind', `${server.name} (pid ${server.pid}) does not stop`, {
    advice: [`kill -9 ${server.pid}`],
  });
}

async function goneWithin(server: Server, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (await isAlive(server)) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return true;
}
