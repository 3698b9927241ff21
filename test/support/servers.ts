import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { EmbeddedServer } from '../../src/stores/embedded/embedded-server.js';
import { startPostgresServer } from '../../src/stores/embedded/postgres-server.js';
import { startRedisServer } from '../../src/stores/embedded/redis-server.js';
import { canEnter, serviceUserOf } from '../../src/stores/embedded/service-user.js';

export type TestServer = EmbeddedServer & {
  /** Stops it and deletes its files. */
  readonly discard: () => Promise<void>;
};

type Config = Readonly<Record<string, string>>;

/**
 * Only for tests of correctness: without fsync a killed process loses nothing, only a power cut would, which no test
 * simulates. Tests that measure time must start their own Postgres with `{ fsync: 'on' }`.
 */
const FAST_POSTGRES: Config = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

/** A separate Redis for a test that kills, freezes or restarts it. The append-only file is on, as in production. */
export async function throwawayRedis(extraConfig: Config = {}): Promise<TestServer> {
  return throwaway((dir) => startRedisServer({ dir, extraConfig, progress: note }));
}

/** A separate Postgres for the same purpose. `{ fsync: 'on', synchronous_commit: 'on' }` makes it as in production. */
export async function throwawayPostgres(extraConfig: Config = {}): Promise<TestServer> {
  return throwaway((dir) => startPostgresServer({ dir, extraConfig: { ...FAST_POSTGRES, ...extraConfig }, progress: note }));
}

/** The run's shared Redis. Use new account ids instead of emptying it: other workers use it at the same time. */
export const redisUrl = (): string => required('TEST_REDIS_URL');

export type FreshDatabase = { readonly databaseUrl: string; readonly drop: () => Promise<void> };

/**
 * An empty or a migrated database on the run's Postgres: `migrate` runs once per jest worker, on a template from which
 * later databases are copied.
 */
export async function freshDatabase(migrate?: (databaseUrl: string) => Promise<void>): Promise<FreshDatabase> {
  const name = `${databasePrefix()}_${randomBytes(5).toString('hex')}`;
  const template = migrate === undefined ? 'template0' : await templateOf(migrate);
  await query(`create database ${name} template ${template}`);
  return {
    databaseUrl: databaseUrlOf(name),
    drop: async () => { await query(`drop database if exists ${name} with (force)`); },
  };
}

/** Whether the template exists is read from Postgres: Jest gives every test file its own modules, and so its own variables. */
async function templateOf(migrate: (databaseUrl: string) => Promise<void>): Promise<string> {
  const kind = createHash('sha256').update(migrate.toString()).digest('hex').slice(0, 8);
  const name = `${databasePrefix()}_template_w${process.env['JEST_WORKER_ID'] ?? '0'}_${kind}`;
  const { rowCount } = await query('select 1 from pg_database where datname = $1', [name]);
  if (rowCount === 1) return name;
  const draft = `${name}_draft`; // renamed when migrated, so a failed migration leaves no incomplete template
  await query(`drop database if exists ${draft} with (force)`);
  await query(`create database ${draft} template template0`);
  await migrate(databaseUrlOf(draft));
  await query(`alter database ${draft} rename to ${name}`);
  return name;
}

const databasePrefix = (): string => `test_${required('TEST_RUN_ID')}`;

function databaseUrlOf(name: string): string {
  const url = new URL(required('TEST_DATABASE_URL'));
  url.pathname = `/${name}`;
  return url.href;
}

async function query(sql: string, values: readonly string[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: required('TEST_DATABASE_URL') });
  await client.connect();
  try {
    return await client.query(sql, [...values]);
  } finally {
    await client.end();
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set: run the tests with npm test`);
  return value;
}

/** What this process has created and not discarded yet. Signals and exits clean it up, too. */
const open = new Set<{ readonly dir: string; readonly stop: () => Promise<void> }>();
let cleansUp = false;

async function throwaway(start: (dir: string) => Promise<EmbeddedServer>): Promise<TestServer> {
  const folder = await temporaryFolder();
  let server: EmbeddedServer;
  try {
    server = await start(folder.path);
  } catch (error) {
    folder.remove();
    throw error;
  }
  const entry = { dir: folder.path, stop: server.stop };
  open.add(entry);
  const discard = async (): Promise<void> => {
    open.delete(entry);
    try {
      await server.stop();
    } finally {
      folder.remove();
    }
  };
  // `pid` is a getter, which a copy would lose, so the server object is extended.
  return Object.assign(server, { discard });
}

const TEMPORARY = 'credit-gateway-test-';

export type Folder = { readonly path: string; readonly remove: () => void };

/**
 * A folder that the servers' account may enter, deleted at the latest when this process ends. Its name contains this
 * process' id, so that the next run finds the folders of killed processes.
 */
export async function temporaryFolder(): Promise<Folder> {
  cleanUpAtTheEnd();
  const base = (await canEnter(await serviceUserOf(''), tmpdir())) ? tmpdir() : '/var/tmp';
  for (const entry of readdirSync(base)) {
    const pid = Number(new RegExp(`^${TEMPORARY}(\\d+)-`).exec(entry)?.[1]);
    if (pid > 0 && !exists(pid)) rmSync(join(base, entry), { recursive: true, force: true });
  }
  const dir = mkdtempSync(join(base, `${TEMPORARY}${process.pid}-`));
  chmodSync(dir, 0o755);
  const entry = { dir, stop: () => Promise.resolve() };
  open.add(entry);
  return {
    path: dir,
    remove: () => {
      open.delete(entry);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Jest does not tear down after Ctrl-C, so the process that started the servers does. */
function cleanUpAtTheEnd(): void {
  if (cleansUp) return;
  cleansUp = true;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      void discardAll().finally(() => { process.exit(1); });
    });
  }
  process.once('exit', () => {
    // The servers end with this process by themselves.
    for (const { dir } of open) if (dir !== '') rmSync(dir, { recursive: true, force: true });
  });
}

async function discardAll(): Promise<void> {
  const entries = [...open];
  open.clear();
  await Promise.allSettled(entries.map(async ({ stop }) => stop()));
  for (const { dir } of entries) if (dir !== '') rmSync(dir, { recursive: true, force: true });
}

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** TEST_REDIS=cluster: three masters, for the whole run (`npm run test:cluster`). */
async function sharedRedis(): Promise<string> {
  if (process.env['TEST_REDIS'] !== 'cluster') return (await throwawayRedis()).url;
  // Loaded here, because that file needs this one.
  const { throwawayCluster } = await import('./redis-cluster.js');
  const cluster = await throwawayCluster();
  open.add({ dir: '', stop: cluster.discard });
  return cluster.url;
}

type Urls = { readonly redisUrl: string; readonly databaseUrl: string };
type GivenUrls = { readonly redisUrl: string | undefined; readonly databaseUrl: string | undefined };

/** For global-setup: starts the servers without a given URL. */
export async function openTestServers(given: GivenUrls): Promise<Urls> {
  try {
    const redis = given.redisUrl ?? await sharedRedis();
    const database = given.databaseUrl ?? (await throwawayPostgres()).url;
    return { redisUrl: redis, databaseUrl: database };
  } catch (error) {
    await discardAll();
    throw error;
  }
}

/** For global-teardown: drops this run's databases from an external Postgres, and discards the started servers. */
export async function closeTestServers(): Promise<void> {
  try {
    const { rows } = await query('select datname from pg_database where datname like $1', [`${databasePrefix()}\\_%`]);
    for (const { datname } of rows as { datname: string }[]) await query(`drop database if exists ${datname} with (force)`);
  } finally {
    await discardAll();
  }
}
