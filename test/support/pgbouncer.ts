import { chmod, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { openCacheDir } from '../../src/stores/embedded/cache-dir.js';
import { debianPackages, librariesIn, packageDirectory } from '../../src/stores/embedded/debian-packages.js';
import { freePort, LOOPBACK } from '../../src/stores/embedded/loopback-port.js';
import { runCommand } from '../../src/stores/embedded/run-command.js';
import { spawnServer, waitUntilReady, type ServerCommand } from '../../src/stores/embedded/server-process.js';
import { makePrivateDirectory, serviceUserOf } from '../../src/stores/embedded/service-user.js';
import { temporaryFolder } from './servers.js';

/** A PgBouncer before the Postgres of the run, on loopback. */
export type TestBouncer = {
  /** The same database through the pooler. */
  readonly through: (databaseUrl: string) => string;
  readonly discard: () => Promise<void>;
};

export type PoolMode = 'session' | 'transaction';

/** The program, and the libraries that came with it. */
type Found = { readonly program: string; readonly libraries: readonly string[] };

const READY_TIMEOUT_MS = 30_000;

/** Finds the program or downloads Debian's package once, without installing it; otherwise answers why there is none. */
export async function findBouncer(): Promise<Found | string> {
  try {
    return await foundOrDownloaded();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`\n*** PgBouncer is missing: its tests are SKIPPED. ${reason}\n\n`);
    return reason;
  }
}

/** Starts one in this mode for the server of `databaseUrl`, with at most `poolSize` connections per database. */
export async function openBouncer(found: Found, mode: PoolMode, databaseUrl: string, poolSize: number): Promise<TestBouncer> {
  const folder = await temporaryFolder();
  const user = await serviceUserOf('');
  const home = join(folder.path, 'pgbouncer');
  await makePrivateDirectory(home, user);
  const { hostname, port: serverPort, username, password } = new URL(databaseUrl);
  const port = await freePort();
  const users = join(folder.path, 'users.txt');
  const settings = join(folder.path, 'pgbouncer.ini');
  await writeFile(users, `"${decodeURIComponent(username)}" "${decodeURIComponent(password)}"\n`, { mode: 0o644 });
  // Only what every installation must say: the gateway has to do with the defaults.
  await writeFile(settings, `[databases]
* = host=${hostname} port=${serverPort}
[pgbouncer]
listen_addr = ${LOOPBACK}
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = ${poolSize}
`, { mode: 0o644 });
  const command: ServerCommand = {
    name: 'pgbouncer', command: 'env', args: [`LD_LIBRARY_PATH=${found.libraries.join(':')}`, found.program, settings], user,
    stopSignal: 'SIGTERM', logFile: join(folder.path, 'pgbouncer.log'),
  };
  const through = (url: string): string => {
    const pooled = new URL(url);
    pooled.host = `${LOOPBACK}:${port}`;
    return pooled.href;
  };
  const server = await spawnServer(command);
  await waitUntilReady(command, server, () => answers(through(databaseUrl)), READY_TIMEOUT_MS);
  return {
    through,
    discard: async () => {
      await server.stop();
      folder.remove();
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function foundOrDownloaded(): Promise<Found> {
  const installed = (await runCommand('sh', ['-c', 'command -v pgbouncer'])).stdout.trim();
  if (installed !== '') return { program: installed, libraries: [] };
  const cache = await openCacheDir(await serviceUserOf(''));
  const target = join(cache, await packageDirectory('pgbouncer'));
  const program = join(target, 'usr', 'sbin', 'pgbouncer');
  if ((await stat(program).catch(() => null)) === null) await download(cache, target);
  return { program, libraries: await librariesIn(target) };
}

async function download(cache: string, target: string): Promise<void> {
  process.stderr.write('pgbouncer: not installed here; downloading Debian\'s packages (once, nothing is installed) ...\n');
  const draft = await mkdtemp(join(cache, '.draft-'));
  try {
    await chmod(draft, 0o755);
    const root = join(draft, 'root');
    const packages = await debianPackages(draft);
    await packages.unpack(await packages.withDependencies('pgbouncer'), root);
    await rm(target, { recursive: true, force: true });
    await rename(root, target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
