import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { makeRoles, urlAs, type RoleLogin } from '../postgres/make-roles.js';
import { EmbeddedError, reasonOf } from './embedded-error.js';
import { superviseServer, type DeathListener, type EmbeddedServer } from './embedded-server.js';
import { freePort, LOOPBACK } from './loopback-port.js';
import { findPostgres, type PostgresBinaries } from './postgres-binary.js';
import { programOf } from './process-identity.js';
import { runCommand } from './run-command.js';
import { openServerDirectory, passwordOf, rememberPort, writeSecret, type ServerDirectory } from './server-directory.js';
import { spawnServer, waitUntilReady, type ServerCommand, type ServerProcess } from './server-process.js';
import { makePrivateDirectory } from './service-user.js';

export type PostgresServerOptions = {
  /** Created if it does not exist. One server per directory. */
  readonly dir: string;
  /** By default the port of the last start, or a free one. */
  readonly port?: number;
  /** Settings in addition to the defaults, such as `{ max_connections: '20' }`. They are visible in the process list. */
  readonly extraConfig?: Readonly<Record<string, string>>;
  /** The directory for copied binaries; see cache-dir.ts. */
  readonly cacheDir?: string | undefined;
  readonly progress?: (line: string) => void;
  readonly onDeath?: DeathListener | undefined;
};

/** The database, and the administrator's role, which only this file uses: it creates the other two. */
const NAME = 'credit_gateway';
/** The role that owns the tables and migrates, and the one that the gateway works as (deploy/postgres/roles.sql). */
const OWNER = 'credit_gateway_owner';
const APPLICATION = 'credit_gateway_app';
const INITDB_TIMEOUT_MS = 120_000;
/** Crash recovery replays at most the log since the last checkpoint. */
const READY_TIMEOUT_MS = 60_000;
/** Processes of a killed server hold its shared memory for a moment; a new server must wait until they have ended. */
const LEFTOVERS_TIMEOUT_MS = 10_000;

/** `url` is the application's. */
export type PostgresServer = EmbeddedServer & {
  /** For migrations. */
  readonly ownerUrl: string;
  /** The superuser, for tests that create databases and break things. */
  readonly adminUrl: string;
};

type Logins = { readonly owner: RoleLogin; readonly application: RoleLogin };

/** The roles of a server's directory; their passwords are created on first use. */
async function loginsOf(home: ServerDirectory): Promise<Logins> {
  return {
    owner: { name: OWNER, password: await passwordOf(home, 'owner') },
    application: { name: APPLICATION, password: await passwordOf(home, 'application') },
  };
}

/** The addresses of a server in `dir` that may be running. Undefined: none was ever started there. */
export async function rememberedPostgres(dir: string): Promise<{ readonly url: string; readonly ownerUrl: string } | undefined> {
  const home = await openServerDirectory('postgres', dir);
  if (home.rememberedPort === undefined) return undefined;
  const { owner, application } = await loginsOf(home);
  const url = `postgres://${LOOPBACK}:${home.rememberedPort}/${NAME}`;
  return { url: urlAs(url, application), ownerUrl: urlAs(url, owner) };
}

/** Starts Postgres in `dir` on loopback, creates the database and its roles on first use, and waits until it answers. */
export async function startPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const { dir, cacheDir, progress, onDeath, extraConfig = {} } = options;
  const home = await openServerDirectory('postgres', dir);
  const dataMajor = await majorOf(home.dataDir);
  const binaries = await findPostgres({ user: home.user, dataMajor, cacheDir, progress });
  if (dataMajor === undefined) {
    progress?.('postgres: creating the database (once) ...');
    await createCluster(home, binaries);
  }
  await removeStalePidFile(home.dataDir);
  const port = options.port ?? (await freePort(home.rememberedPort));
  await rememberPort(home, port);

  const settings = {
    listen_addresses: LOOPBACK,
    port: String(port),
    unix_socket_directories: '', // none: all clients must use the password
    ...extraConfig,
  };
  const spec: ServerCommand = {
    name: 'postgres',
    command: binaries.postgres,
    args: ['-D', home.dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    user: home.user,
    stopSignal: 'SIGINT', // a fast shutdown: SIGTERM would wait until all clients disconnect
    logFile: home.logFile,
  };
  const urlOf = (database: string): string => `postgres://${NAME}:${home.password}@${LOOPBACK}:${port}/${database}`;
  const { owner, application } = await loginsOf(home);
  const server = await superviseServer({
    name: 'postgres',
    url: urlAs(urlOf(NAME), application),
    port,
    description: `${binaries.version}, ${binaries.origin}${home.user === undefined ? '' : `, as ${home.user.name}`}`,
    logFile: home.logFile,
    onDeath,
    launch: async () => {
      if ((await freePort(port)) !== port) {
        throw new EmbeddedError('starting postgres', `port ${port} is taken by another process`);
      }
      return launch(spec, urlOf('postgres'));
    },
  });
  try {
    await createDatabase(urlOf('postgres'));
    await makeRoles(urlOf(NAME), owner, application);
  } catch (error) {
    await server.stop();
    throw new EmbeddedError('creating the database', reasonOf(error), { cause: error, advice: [`read ${home.logFile}`] });
  }
  // `pid` is a getter, which a copy would lose, so the server object is extended.
  return Object.assign(server, { ownerUrl: urlAs(urlOf(NAME), owner), adminUrl: urlOf(NAME) });
}

/** Undefined: there is no cluster yet. */
async function majorOf(dataDir: string): Promise<number | undefined> {
  const content = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new EmbeddedError('opening the postgres directory', reasonOf(error), {
      cause: error,
      advice: [`start as the account that owns ${dataDir}`],
    });
  });
  return content === undefined ? undefined : Number.parseInt(content, 10);
}

/** initdb works in a draft that is renamed when complete, so a start that is killed leaves no incomplete cluster. */
async function createCluster(home: ServerDirectory, { initdb }: PostgresBinaries): Promise<void> {
  const draft = join(home.path, 'data.draft');
  const passwordFile = join(home.path, 'initdb-password'); // a separate file: only this account may read `password`
  await rm(draft, { recursive: true, force: true });
  await makePrivateDirectory(draft, home.user);
  await writeSecret(passwordFile, home.password, home.user);
  // With the C locale the directory works with builds of Postgres that sort differently.
  const result = await runCommand(
    initdb,
    ['-D', draft, '-U', NAME, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C'],
    { user: home.user, timeoutMs: INITDB_TIMEOUT_MS },
  );
  await rm(passwordFile, { force: true });
  if (!result.ok) {
    throw new EmbeddedError('creating the postgres cluster', result.problem, {
      tried: [`${initdb} -D ${draft} as ${home.user?.name ?? 'this account'}`],
      advice: ['check the free disk space', 'or set DATABASE_URL to a Postgres that you already run'],
    });
  }
  await rename(draft, home.dataDir);
}

/**
 * After a crash the pid file may name an unrelated process, and Postgres would refuse to start: then the file is removed.
 * A file whose process is a Postgres or has ended is left for Postgres to handle.
 */
async function removeStalePidFile(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  if (!(pid > 0)) return;
  const program = await programOf(pid);
  if (program !== undefined && !program.includes('postgres')) await rm(file, { force: true });
}

async function launch(spec: ServerCommand, url: string): Promise<ServerProcess> {
  const deadline = performance.now() + LEFTOVERS_TIMEOUT_MS;
  for (;;) {
    const server = await spawnServer(spec);
    try {
      await waitUntilReady(spec, server, () => answersQuery(url), READY_TIMEOUT_MS);
      return server;
    } catch (error) {
      const isHeld = /shared memory block|lock file "postmaster\.pid" already exists/.test(reasonOf(error));
      if (!isHeld || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** True when the server answers queries. Throws when the password is refused: waiting would not help. */
async function answersQuery(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined); // a closed connection counts as "not ready"
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === '28P01') {
      throw new EmbeddedError('starting postgres', 'the password kept beside the data is not the right one', {
        cause: error,
        advice: ['delete the directory to begin anew (its data is lost)'],
      });
    }
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [NAME]);
    if (rowCount === 0) await client.query(`create database ${NAME}`);
  } finally {
    await client.end();
  }
}
