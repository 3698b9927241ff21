import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-error.js';
import { runCommand } from './run-command.js';

export type UnpackedRedis = { readonly command: string; readonly args: readonly string[] };

/** Package lists are about 20 MB; this is for slow lines, not for normal ones. */
const APT_TIMEOUT_MS = 180_000;
/** A leftover of a start that was killed; a running download is younger. */
const ABANDONED_AFTER_MS = 3_600_000;
const DRAFT = '.draft-';

/** Each package holds one program that acts as the server when it is called by the server's name. */
const PACKAGES = [
  { name: 'redis-tools', program: 'redis-check-rdb', server: 'redis-server' },
  { name: 'valkey-tools', program: 'valkey-check-rdb', server: 'valkey-server' },
] as const;

/** The Redis that an earlier start, of any clone, unpacked for this release of the system. */
export async function cachedDebianRedis(cacheDir: string): Promise<UnpackedRedis | undefined> {
  return unpackedIn(join(cacheDir, await packageDirectory()));
}

/**
 * Downloads Debian's Redis, checked by apt's signatures, and unpacks it into the cache. Nothing is installed and root is
 * not needed. It is assembled in a directory of its own and renamed into place, so two starts at once do no harm.
 */
export async function downloadDebianRedis(cacheDir: string, progress: (line: string) => void): Promise<UnpackedRedis> {
  await removeAbandoned(cacheDir);
  const draft = await mkdtemp(join(cacheDir, DRAFT));
  try {
    await chmod(draft, 0o755);
    progress('redis: not installed here; downloading Debian\'s package (once, about 4 MB, nothing is installed) ...');
    const started = performance.now();
    const root = join(draft, 'root');
    await downloadInto(draft, root);
    const target = join(cacheDir, await packageDirectory());
    await replaceDirectory(root, target);
    const unpacked = await unpackedIn(target);
    if (unpacked === undefined) throw new EmbeddedError('unpacking Redis', `no server in ${target}`);
    progress(`redis: unpacked into ${target} in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
    return unpacked;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function downloadInto(draft: string, root: string): Promise<void> {
  await mkdir(join(draft, 'lists', 'partial'), { recursive: true });
  await mkdir(join(draft, 'cache', 'archives', 'partial'), { recursive: true });
  const options = [
    `Dir::State::lists=${join(draft, 'lists')}`,
    `Dir::Cache=${join(draft, 'cache')}`,
    'Debug::NoLocking=1',
    'Acquire::Languages=none',
    'Acquire::Retries=1',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
    `APT::Sandbox::User=${accountName()}`,
  ].flatMap((each) => ['-o', each]);
  const step = async (command: string, ...args: readonly string[]): Promise<string> => {
    const result = await runCommand(command, args, { cwd: draft, timeoutMs: APT_TIMEOUT_MS });
    if (!result.ok) throw new EmbeddedError(`${command} ${args.filter((each) => !options.includes(each)).join(' ')}`, result.problem);
    return result.stdout;
  };

  await step('apt-get', ...options, '-qq', 'update');
  const chosen = await firstAvailable((name) => step('apt-cache', ...options, 'show', '--no-all-versions', name));
  await step('apt-get', ...options, '-qq', 'download', chosen.name, ...librariesOf(chosen.description));
  for (const file of await readdir(draft)) {
    if (file.endsWith('.deb')) await step('dpkg-deb', '-x', file, root);
  }
  await symlink(chosen.program, join(root, 'usr', 'bin', chosen.server));
}

async function firstAvailable(show: (name: string) => Promise<string>) {
  for (const each of PACKAGES) {
    const description = await show(each.name).catch(() => '');
    if (description !== '') return { ...each, description };
  }
  throw new EmbeddedError('apt-cache show', `neither ${PACKAGES.map(({ name }) => name).join(' nor ')} is offered`);
}

/** Names differ between releases (libssl3, libssl3t64). The C and C++ runtimes are on every machine that runs Node. */
function librariesOf(description: string): readonly string[] {
  const depends = /^Depends: (.*)$/m.exec(description)?.[1] ?? '';
  return depends
    .split(',')
    .map((each) => each.trim().split(/[ |:]/)[0] ?? '')
    .filter((name) => name.startsWith('lib') && !['libc6', 'libgcc-s1', 'libstdc++6'].includes(name));
}

/** Moves `draft` to `target`. Whoever comes second keeps what is there, unless that does not work any more. */
async function replaceDirectory(draft: string, target: string): Promise<void> {
  const outdated = await unpackedIn(target);
  const isBroken = outdated !== undefined && !(await runCommand(outdated.command, [...outdated.args, '--version'])).ok;
  if (isBroken) await rename(target, `${draft}-outdated`); // inside the caller's draft, which is deleted
  try {
    await rename(draft, target);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function unpackedIn(target: string): Promise<UnpackedRedis | undefined> {
  const programs: readonly string[] = await readdir(join(target, 'usr', 'bin')).catch(() => []);
  const found = PACKAGES.find(({ server }) => programs.includes(server));
  if (found === undefined) return undefined;
  const libraries: string[] = [];
  for (const base of [join(target, 'usr', 'lib'), join(target, 'lib')]) {
    const entries = await readdir(base).catch(() => []);
    libraries.push(...entries.filter((entry) => entry.includes('-linux-')).map((entry) => join(base, entry)));
  }
  return { command: 'env', args: [`LD_LIBRARY_PATH=${libraries.join(':')}`, join(target, 'usr', 'bin', found.server)] };
}

/** Named after the system's release: after an upgrade the old libraries may not fit any more. */
async function packageDirectory(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string): string => new RegExp(`^${name}="?([A-Za-z0-9._-]+)`, 'm').exec(release)?.[1] ?? 'unknown';
  return `redis-${field('ID')}-${field('VERSION_ID')}-${process.arch}`;
}

async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const entry of await readdir(cacheDir)) {
    if (!entry.startsWith(DRAFT)) continue;
    const path = join(cacheDir, entry);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

/** apt wants a name; an account that exists only as a number, as in some containers, has none. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'root';
  }
}
