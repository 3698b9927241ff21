import { randomBytes } from 'node:crypto';
import { chmod, chown, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EmbeddedError, reasonOf } from './embedded-error.js';
import { canEnter, serviceUserOf, type ServiceUser } from './service-user.js';
import { makeDirectory } from './make-directory.js';

/**
 * One server's directory. It belongs to this process' account and holds password, port, configuration and log; only
 * `data` belongs to the server's account, so a compromised server cannot make root write elsewhere through a link.
 */
export type ServerDirectory = {
  readonly path: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly user: ServiceUser | undefined;
  readonly password: string;
  readonly rememberedPort: number | undefined;
};

/** Opens the directory; creates it and its password on first use. */
export async function openServerDirectory(name: string, dir: string): Promise<ServerDirectory> {
  const path = resolve(dir);
  const dataDir = join(path, 'data');
  const step = `opening the ${name} directory`;
  try {
    makeDirectory(path);
    const user = await serviceUserOf(dataDir);
    if (user !== undefined) await chmod(path, 0o711);
    if (!(await canEnter(user, path))) {
      throw new EmbeddedError(step, `${path} cannot be entered by ${user?.name ?? 'us'}`, {
        advice: ['choose a directory that other accounts may enter', 'start as a normal user'],
      });
    }
    const passwordFile = join(path, 'password');
    const password = await readFile(passwordFile, 'utf8').catch(ifMissing) ?? (await makePassword(passwordFile));
    const port = Number(await readFile(join(path, 'port'), 'utf8').catch(ifMissing));
    return { path, dataDir, logFile: join(path, `${name}.log`), user, password, rememberedPort: port > 0 ? port : undefined };
  } catch (error) {
    if (error instanceof EmbeddedError) throw error;
    throw new EmbeddedError(step, reasonOf(error), {
      cause: error,
      advice: [`start as the account that owns ${path}`, `or delete ${path} to begin anew (its data is lost)`],
    });
  }
}

/** A further password of the server, created on first use. Only this process' account may read it. */
export async function passwordOf({ path }: ServerDirectory, name: string): Promise<string> {
  const file = join(path, `password-${name}`);
  return await readFile(file, 'utf8').catch(ifMissing) ?? makePassword(file);
}

/** The port is kept, so that URLs stay valid after a restart. */
export async function rememberPort({ path }: ServerDirectory, port: number): Promise<void> {
  await writeFile(join(path, 'port'), String(port));
}

/** Writes a file that only the server's account, and root, can read. */
export async function writeSecret(path: string, content: string, user: ServiceUser | undefined): Promise<void> {
  const draft = `${path}.draft`;
  await writeFile(draft, content, { mode: 0o600 });
  if (user !== undefined) await chown(draft, user.uid, user.gid);
  await rename(draft, path);
}

async function makePassword(path: string): Promise<string> {
  const password = randomBytes(24).toString('hex'); // hex needs no quoting in URLs, redis.conf or SQL
  await writeSecret(path, password, undefined);
  return password;
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
