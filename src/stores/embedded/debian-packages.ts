import { readdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-error.js';
import { runCommand } from './run-command.js';
import { makeDirectory } from './make-directory.js';

/** Package lists are about 20 MB; the timeout allows for slow connections. */
const APT_TIMEOUT_MS = 240_000;

/** Debian's packages for users who may not install any: downloaded, checked by apt's signatures, and unpacked. */
export type DebianPackages = {
  /** The repositories' description of a package. Throws EmbeddedError when they do not offer it. */
  readonly show: (name: string) => Promise<string>;
  /** The package and its dependencies that are not installed. */
  readonly withDependencies: (name: string) => Promise<readonly string[]>;
  /** Downloads and unpacks them into `root`. */
  readonly unpack: (names: readonly string[], root: string) => Promise<void>;
};

/** Reads the repositories' lists into `draft`, which the caller deletes later. apt's own state does not change. */
export async function debianPackages(draft: string): Promise<DebianPackages> {
  const debs = join(draft, 'debs');
  for (const folder of ['lists/partial', 'cache/archives/partial', 'debs']) makeDirectory(join(draft, folder));
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
  const step = async (command: string, args: readonly string[]): Promise<string> => {
    const result = await runCommand(command, args, { cwd: debs, timeoutMs: APT_TIMEOUT_MS });
    if (!result.ok) throw new EmbeddedError(`${command} ${args.filter((each) => !options.includes(each)).join(' ')}`, result.problem);
    return result.stdout;
  };

  await step('apt-get', [...options, '-qq', 'update']);
  return {
    show: (name) => step('apt-cache', [...options, 'show', '--no-all-versions', name]),
    withDependencies: async (name) => {
      const plan = await step('apt-get', [...options, '-s', 'install', '--no-install-recommends', name]);
      return [...plan.matchAll(/^Inst (\S+)/gm)].map(([, each]) => each ?? '');
    },
    unpack: async (names, root) => {
      makeDirectory(root);
      await step('apt-get', [...options, '-qq', 'download', ...names]);
      for (const file of await readdir(debs)) await step('dpkg-deb', ['-x', file, root]);
    },
  };
}

/** The name of the folder for unpacked files, per release: after a system upgrade the old libraries may no longer fit. */
export async function packageDirectory(name: string): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (key: string): string => new RegExp(`^${key}="?([A-Za-z0-9._-]+)`, 'm').exec(release)?.[1] ?? 'unknown';
  return `${name}-${field('ID')}-${field('VERSION_ID')}-${process.arch}`;
}

/** Where the unpacked libraries are, for LD_LIBRARY_PATH. */
export async function librariesIn(root: string): Promise<readonly string[]> {
  const found = await Promise.all([join(root, 'usr', 'lib'), join(root, 'lib')].map(async (base) => {
    const entries = await readdir(base).catch(() => []);
    return entries.filter((entry) => entry.includes('-linux-')).map((entry) => join(base, entry));
  }));
  return found.flat();
}

/** apt needs a user name; an account that only has a number, as in some containers, has none. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'root';
  }
}
