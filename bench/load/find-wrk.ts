import { chmod, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openCacheDir } from '../../src/stores/embedded/cache-dir.js';
import { debianPackages, librariesIn, packageDirectory } from '../../src/stores/embedded/debian-packages.js';
import { runCommand } from '../../src/stores/embedded/run-command.js';
import { serviceUserOf } from '../../src/stores/embedded/service-user.js';

export type Wrk = { readonly command: string; readonly args: readonly string[] };

/**
 * wrk: an installed one, or Debian's package, unpacked once into the cache of the embedded servers. Nothing is installed.
 * Throws when there is none and it cannot be downloaded.
 */
export async function findWrk(): Promise<Wrk> {
  if ((await runCommand('sh', ['-c', 'command -v wrk'])).ok) return { command: 'wrk', args: [] };
  const cache = await openCacheDir(await serviceUserOf(''));
  const target = join(cache, await packageDirectory('wrk'));
  if (!(await exists(join(target, 'usr/bin/wrk')))) await download(cache, target);
  const libraries = await librariesIn(target);
  return { command: 'env', args: [`LD_LIBRARY_PATH=${libraries.join(':')}`, join(target, 'usr/bin/wrk')] };
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false);

async function download(cache: string, target: string): Promise<void> {
  const draft = await mkdtemp(join(cache, '.draft-'));
  try {
    await chmod(draft, 0o755);
    const packages = await debianPackages(draft);
    await packages.unpack(await packages.withDependencies('wrk'), join(draft, 'root'));
    await rename(join(draft, 'root'), target).catch(async (error: unknown) => {
      if (!(await exists(join(target, 'usr/bin/wrk')))) throw error; // another benchmark was faster
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
