import { chmod, mkdir, mkdtemp, readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EmbeddedError, reasonOf } from './embedded-error.js';
import { canEnter, serviceUserOf } from './service-user.js';
import { writeSecret } from './server-directory.js';

/** Not /var/tmp: newer systems empty that of files older than 30 days. */
const ELSEWHERE = ['/var/lib/credit-gateway', '/var/tmp/credit-gateway-data'];

/**
 * Where the servers of `dataDir` keep their files: in it, unless root runs us from a place that the account of the
 * servers cannot enter, such as a clone below /root. Then they go to a directory of their own, and `dataDir` remembers
 * which; who deletes `dataDir` begins anew either way.
 */
export async function locateServers(dataDir: string, progress: (line: string) => void): Promise<string> {
  const step = 'opening DATA_DIR';
  try {
    const created = await mkdir(dataDir, { recursive: true });
    if (created !== undefined) await chmod(dataDir, 0o755); // what is secret in it has a mode of its own
    const home = await realpath(dataDir);
    const user = await serviceUserOf(join(home, 'postgres', 'data'));
    if (await canEnter(user, home)) return home;

    const pointer = join(home, 'location');
    const known = (await readFile(pointer, 'utf8').catch(() => '')).trim();
    if (known !== '' && (await stat(known).catch(() => undefined)) !== undefined) return known;
    const location = await makeElsewhere();
    await writeSecret(pointer, `${location}\n`, undefined);
    progress(`embedded servers run as ${user?.name ?? 'another account'}, which cannot enter ${home}: their data is in ${location}`);
    return location;
  } catch (error) {
    if (error instanceof EmbeddedError) throw error;
    throw new EmbeddedError(step, reasonOf(error), {
      cause: error,
      advice: [`make ${resolve(dataDir)} writable`, 'set DATA_DIR to a directory of yours', 'or set REDIS_URL and DATABASE_URL'],
    });
  }
}

async function makeElsewhere(): Promise<string> {
  const tried: string[] = [];
  for (const base of ELSEWHERE) {
    try {
      const created = await mkdir(base, { recursive: true });
      if (created !== undefined) await chmod(base, 0o755);
      const { uid, mode } = await stat(base);
      if (uid !== process.getuid?.() || (mode & 0o022) !== 0) throw new Error('others may write to it');
      const location = await mkdtemp(join(base, 'data-'));
      await chmod(location, 0o711);
      return location;
    } catch (error) {
      tried.push(`${base}: ${reasonOf(error)}`);
    }
  }
  throw new EmbeddedError('choosing a place for the data', 'none is usable', { tried, advice: ['set DATA_DIR'] });
}
