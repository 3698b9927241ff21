import { chown, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { EmbeddedError } from './embedded-error.js';
import { makeDirectory } from './make-directory.js';

/** The account that servers run as. Undefined: the account of this process. */
export type ServiceUser = { readonly name: string; readonly uid: number; readonly gid: number };

/** Accounts that almost every machine has, in order of preference. None is created: that would change the system. */
const CANDIDATES = ['postgres', 'nobody'];

/**
 * The account that owns and runs the servers of `dir`. A normal user runs them. Postgres refuses to run as root, so for
 * root it is the owner of an existing directory, because Postgres must own its files, or a service account.
 */
export async function serviceUserOf(dir: string): Promise<ServiceUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = parseAccounts(await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const owner = await stat(dir).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) {
    const known = accounts.find(({ uid }) => uid === owner.uid);
    return known ?? { name: String(owner.uid), uid: owner.uid, gid: owner.gid };
  }
  for (const name of CANDIDATES) {
    const account = accounts.find((each) => each.name === name);
    if (account !== undefined) return account;
  }
  throw new EmbeddedError('choosing a user', `root must not run database servers, and there is no ${CANDIDATES.join(' or ')}`, {
    advice: ['start as a normal user', 'set REDIS_URL and DATABASE_URL'],
  });
}

function parseAccounts(passwd: string): readonly ServiceUser[] {
  return passwd.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    return name === undefined || uid === undefined || gid === undefined ? [] : [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

/**
 * Whether `user` can enter `path` and all its parents. It usually cannot enter a clone below /root (0700). Directories
 * that do not exist yet count as enterable: they will be created so.
 */
export async function canEnter(user: ServiceUser | undefined, path: string): Promise<boolean> {
  if (user === undefined) return true;
  for (let current = resolve(path); ; current = dirname(current)) {
    const found = await stat(current).catch(() => undefined);
    if (found !== undefined && !mayPass(user, found)) return false;
    if (current === dirname(current)) return true;
  }
}

function mayPass(user: ServiceUser, { uid, gid, mode }: { uid: number; gid: number; mode: number }): boolean {
  if (uid === user.uid) return (mode & 0o100) !== 0;
  return (mode & (gid === user.gid ? 0o010 : 0o001)) !== 0;
}

/** Creates a directory that belongs to `user` and that no other user can read. */
export async function makePrivateDirectory(path: string, user: ServiceUser | undefined): Promise<void> {
  makeDirectory(path, 0o700);
  if (user !== undefined) await chown(path, user.uid, user.gid);
}
