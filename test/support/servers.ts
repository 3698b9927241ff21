import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { EmbeddedServer } from '../../src/stores/embedded/embedded-server.js';
import { startPostgresServer, type PostgresServer } from '../../src/stores/embedded/postgres-server.js';
import { startRedisServer, type RedisServer } from '../../src/stores/embedded/redis-server.js';
import { canEnter, serviceUserOf } from '../../src/stores/embedded/service-user.js';
import { makeRoles, urlAs, type RoleLogin } from '../../src/stores/postgres/make-roles.js';

export type TestServer = EmbeddedServer & {
  /** Stops it and deletes its files. */
  readonly discard: () => Promise<void>;
};

export type TestRedis = TestServer & RedisServer;
export type TestPostgres = TestServer & PostgresServer;

/** Each test has a namespace of its own. That others are refused: test/deploy/redis-acl.test.ts. */
const ANY_NAMESPACE = '*';

type Config = Readonly<Record<string, string>>;

/**
 * Only for tests of correctness: without fsync a killed process loses nothing, only a power cut would, which no test
 * simulates. Commits stay synchronous, because a kill would lose those of the last moments. Tests that measure time must
 * start their own Postgres with `{ fsync: 'on' }`.
 */
const FAST_POSTGRES: Config = { fsync: 'off', full_page_writes: 'off', max_connections: '200' };

/** A separate Redis for a test that kills, freezes or restarts it. The append-only file is on, as in production. */
export async function throwawayRedis(extraConfig: Config = {}): Promise<TestRedis> {
  return throwaway((dir) => startRedisServer({ dir, extraConfig, namespace: ANY_NAMESPACE, progress: note }));
}

/** A separate Postgres for the same purpose. `{ fsync: 'on', full_page_writes: 'on' }` makes it as in production. */
export async function throwawayPostgres(extraConfig: Config = {}): Promise<TestPostgres> {
  return throwaway((dir) => startPostgresServer({ dir, extraConfig: { ...FAST_POSTGRES, ...extraConfig }, progress: note }));
}

/**
 * The run's shared Redis, as the gateway's user: the same commands as in production, and keys of every namespace. Use new
 * account ids instead of emptying it: other workers use it at the same time.
 */
export const redisUrl = (): string => required('TEST_REDIS_URL');
/** The same Redis as an operator, who may list keys and change settings. */
export const redisOperatorUrl = (): string => process.env['TEST_REDIS_OPERATOR_URL'] ?? redisUrl();

export type FreshDatabase = {
  /** As the application's role, which the gateway works as. */
  readonly databaseUrl: string;
  /** As the role that owns the tables, for migrations. */
  readonly ownerUrl: string;
  readonly drop: () => Promise<void>;
};

/**
 * An empty or a migrated database on the run's Postgres: `migrate` runs as the owner, once per jest worker, on a template from
 * which later databases are copied.
 */
export async function freshDatabase(migrate?: (databaseUrl: string) => Promise<void>): Promise<FreshDatabase> {
  const name = `${databasePrefix()}_${randomBytes(5).toString('hex')}`;
  const template = migrate === undefined ? emptyTemplate() : await templateOf(migrate);
  await createDatabase(name, template);
  return {
    databaseUrl: urlAs(databaseUrlOf(name), application()),
    ownerUrl: urlAs(databaseUrlOf(name), owner()),
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
  await createDatabase(draft, emptyTemplate());
  await migrate(urlAs(databaseUrlOf(draft), owner()));
  await query(`alter database ${draft} rename to ${name}`);
  return name;
}

/** The same database for the administrator, who may do what the gateway cannot: tamper with entries, end sessions. */
export function adminUrlOf(databaseUrl: string): string {
  return databaseUrlOf(new URL(databaseUrl).pathname.slice(1));
}

/** Runs one statement as the administrator. */
export async function asAdmin(databaseUrl: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: adminUrlOf(databaseUrl) });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Rights on a database itself are not copied from a template. */
async function createDatabase(name: string, template: string): Promise<void> {
  await query(`create database ${name} template ${template} owner ${owner().name}`);
  await query(`revoke temporary on database ${name} from public`);
}

const owner = (): RoleLogin => ({ name: `${databasePrefix()}_owner`, password: required('TEST_RUN_ID') });
const application = (): RoleLogin => ({ name: `${databasePrefix()}_app`, password: required('TEST_RUN_ID') });
/** An empty database with the roles' rights. */
const emptyTemplate = (): string => `${databasePrefix()}_empty`;

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

async function throwaway<T extends EmbeddedServer>(start: (dir: string) => Promise<T>): Promise<T & TestServer> {
  const folder = await temporaryFolder();
  let server: T;
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
  return folderIn((await canEnter(await serviceUserOf(''), tmpdir())) ? tmpdir() : '/var/tmp');
}

const MEMORY = '/dev/shm';
const MEMORY_BYTES_MIN = 1024 ** 3;

/** Such a folder in memory, where no fsync takes time; on a disk where there is no such place, or little room. */
export async function memoryFolder(): Promise<Folder> {
  if (!existsSync(MEMORY) || !await canEnter(await serviceUserOf(''), MEMORY)) return temporaryFolder();
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize >= MEMORY_BYTES_MIN ? folderIn(MEMORY) : temporaryFolder();
}

function folderIn(base: string): Folder {
  cleanUpAtTheEnd();
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
  if (process.env['TEST_REDIS'] !== 'cluster') {
    const { url, operatorUrl } = await throwawayRedis();
    process.env['TEST_REDIS_OPERATOR_URL'] = operatorUrl;
    return url;
  }
  // Loaded here, because that file needs this one.
  const { throwawayCluster } = await import('./redis-cluster.js');
  const cluster = await throwawayCluster();
  open.add({ dir: '', stop: cluster.discard });
  process.env['TEST_REDIS_OPERATOR_URL'] = cluster.url;
  return cluster.url;
}

type Urls = { readonly redisUrl: string; readonly databaseUrl: string };
type GivenUrls = { readonly redisUrl: string | undefined; readonly databaseUrl: string | undefined };

/** For global-setup: starts the servers without a given URL, and creates the run's roles. `databaseUrl` is an administrator's. */
export async function openTestServers(given: GivenUrls): Promise<Urls> {
  try {
    const redis = given.redisUrl ?? await sharedRedis();
    const database = given.databaseUrl ?? (await throwawayPostgres()).adminUrl;
    process.env['TEST_DATABASE_URL'] = database;
    await query(`create database ${emptyTemplate()} template template0`);
    await makeRoles(databaseUrlOf(emptyTemplate()), owner(), application());
    return { redisUrl: redis, databaseUrl: database };
  } catch (error) {
    await discardAll();
    throw error;
  }
}

/** For global-teardown: drops this run's databases and roles from an external Postgres, and discards the started servers. */
export async function closeTestServers(): Promise<void> {
  try {
    const { rows } = await query('select datname from pg_database where datname like $1', [`${databasePrefix()}\\_%`]);
    for (const { datname } of rows as { datname: string }[]) await query(`drop database if exists ${datname} with (force)`);
    for (const { name } of [owner(), application()]) await query(`drop role if exists ${name}`);
  } finally {
    await discardAll();
  }
}
