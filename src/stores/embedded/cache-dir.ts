import { chmod, lstat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { EmbeddedError, reasonOf } from './embedded-error.js';
import { canEnter, type ServiceUser } from './service-user.js';
import { makeDirectory } from './make-directory.js';

const APP = 'credit-gateway';

/**
 * The directory for downloaded and copied binaries, per user rather than per clone: clones share one Redis, and deleting
 * a clone does not cause another download. For root it is /var/cache, which the service account can enter; for others it
 * is the usual cache in their home, or /var/tmp for accounts without a home.
 */
export async function openCacheDir(user: ServiceUser | undefined, chosen?: string): Promise<string> {
  const tried: string[] = [];
  for (const dir of [...(chosen === undefined ? [] : [resolve(chosen)]), ...defaultDirs()]) {
    const problem = await whyUnusable(dir, user);
    if (problem === undefined) return dir;
    tried.push(`${dir}: ${problem}`);
  }
  throw new EmbeddedError('opening a cache directory', 'none is usable', { tried, advice: ['make one of them writable'] });
}

function defaultDirs(): readonly string[] {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return [`/var/cache/${APP}`, `/var/tmp/${APP}-0`];
  const cache = process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache'];
  return [join(homedir(), ...cache, APP), `/var/tmp/${APP}-${uid}`];
}

async function whyUnusable(dir: string, user: ServiceUser | undefined): Promise<string | undefined> {
  try {
    const created = makeDirectory(dir);
    if (created !== undefined) await chmod(dir, 0o755); // independent of the umask
    const { uid, mode } = await lstat(dir); // lstat: in /var/tmp another user could have created a link or a directory
    if (uid !== process.getuid?.()) return 'belongs to another account';
    if ((mode & 0o022) !== 0) return 'others may write to it, and what is there gets executed';
  } catch (error) {
    return reasonOf(error);
  }
  return (await canEnter(user, dir)) ? undefined : `cannot be entered by ${user?.name ?? 'us'}`;
}
