import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../../stores/embedded/make-directory.js';

/** Twice what HS256 needs; written as hex it is 128 characters. */
const SECRET_BYTES = 64;
/** A shorter file is not ours, or was cut off. */
const SECRET_LENGTH_MIN = 64;

/**
 * The secret of the embedded mode: made on first use, kept in `<dataDir>/jwt-secret`, readable by its owner only.
 * Several processes may call it at once: the file is created completely or not at all, and the second process reads the
 * secret of the first one.
 *
 * @throws Error when the file is there but holds no usable secret.
 */
export function localSecret(dataDir: string): string {
  const path = join(dataDir, 'jwt-secret');
  const existing = read(path);
  if (existing !== undefined) return existing;
  makeDirectory(dataDir);
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(temporary, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  const made = read(path);
  if (made === undefined) throw new Error(`${path} vanished while it was being created`);
  return made;
}

function read(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  if (text.length < SECRET_LENGTH_MIN) {
    throw new Error(`${path} is not a secret of at least ${SECRET_LENGTH_MIN} characters; delete it to have one made`);
  }
  return text;
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;
