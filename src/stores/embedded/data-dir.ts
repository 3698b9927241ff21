import { chmod, mkdtemp, readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EmbeddedError, reasonOf } from './embedded-error.js';
import { canEnter, serviceUserOf } from './service-user.js';
import { writeSecret } from './server-directory.js';
import { makeDirectory } from './make-directory.js';

/** /var/tmp/credit-gateway-data is the second choice: newer systems delete files older than 30 days from /var/tmp. */
const ELSEWHERE = ['/var/lib/credit-gateway', '/var/tmp/credit-gateway-data'];

/**
 * The directory of the servers' files: `dataDir` itself, unless root runs the gateway from a place that the service
 * account cannot enter, such as a clone below /root. Then it is a directory elsewhere, and `dataDir` stores its path;
 * deleting `dataDir` starts with empty servers in both cases.
 */
export async function locateServers(dataDir: string, progress: (line: string) => void): Promise<string> {
  const step = 'opening DATA_DIR';
  try {
    const created = makeDirectory(dataDir);
    if (created !== undefined) await chmod(dataDir, 0o755); // secret files in it have their own mode
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
      const created = makeDirectory(base);
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
