import { chmod, mkdtemp, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { debianPackages, librariesIn, packageDirectory } from './debian-packages.js';
import { EmbeddedError } from './embedded-error.js';
import { runCommand } from './run-command.js';

export type UnpackedRedis = { readonly command: string; readonly args: readonly string[] };

/** An older draft was left by a start that was killed; a running download is younger. */
const ABANDONED_AFTER_MS = 3_600_000;
const DRAFT = '.draft-';

/** Each package holds one program, which acts as the server when it is called by the server's name. */
const PACKAGES = [
  { name: 'redis-tools', program: 'redis-check-rdb', server: 'redis-server' },
  { name: 'valkey-tools', program: 'valkey-check-rdb', server: 'valkey-server' },
] as const;

/** The Redis that an earlier start of any clone unpacked for this system release. */
export async function cachedDebianRedis(cacheDir: string): Promise<UnpackedRedis | undefined> {
  return unpackedIn(join(cacheDir, await packageDirectory('redis')));
}

/**
 * Downloads Debian's Redis, checked by apt's signatures, and unpacks it into the cache. Nothing is installed, and root is
 * not needed. It is assembled in a draft directory and renamed into place, so two starts at once do not conflict.
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
    const target = join(cacheDir, await packageDirectory('redis'));
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
  const packages = await debianPackages(draft);
  const chosen = await firstAvailable(packages.show);
  await packages.unpack([chosen.name, ...librariesOf(chosen.description)], root);
  await symlink(chosen.program, join(root, 'usr', 'bin', chosen.server));
}

async function firstAvailable(show: (name: string) => Promise<string>) {
  for (const each of PACKAGES) {
    const description = await show(each.name).catch(() => '');
    if (description !== '') return { ...each, description };
  }
  throw new EmbeddedError('apt-cache show', `neither ${PACKAGES.map(({ name }) => name).join(' nor ')} is offered`);
}

/** Names differ between releases (libssl3, libssl3t64). The C and C++ runtimes exist on every machine that runs Node. */
function librariesOf(description: string): readonly string[] {
  const depends = /^Depends: (.*)$/m.exec(description)?.[1] ?? '';
  return depends
    .split(',')
    .map((each) => each.trim().split(/[ |:]/)[0] ?? '')
    .filter((name) => name.startsWith('lib') && !['libc6', 'libgcc-s1', 'libstdc++6'].includes(name));
}

/** Moves `draft` to `target`. If `target` exists already and works, it is kept. */
async function replaceDirectory(draft: string, target: string): Promise<void> {
  const outdated = await unpackedIn(target);
  const isBroken = outdated !== undefined && !(await runCommand(outdated.command, [...outdated.args, '--version'])).ok;
  if (isBroken) await rename(target, `${draft}-outdated`); // in the caller's draft, which is deleted later
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
  const libraries = await librariesIn(target);
  return { command: 'env', args: [`LD_LIBRARY_PATH=${libraries.join(':')}`, join(target, 'usr', 'bin', found.server)] };
}

async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const entry of await readdir(cacheDir)) {
    if (!entry.startsWith(DRAFT)) continue;
    const path = join(cacheDir, entry);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}
