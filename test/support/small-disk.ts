import { execFile } from 'node:child_process';
import { chownSync, closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serviceUserOf } from '../../src/stores/embedded/service-user.js';

/** A file system of its own that a test can fill. */
export type SmallDisk = {
  /** An empty folder on it, which the servers' account owns. */
  readonly path: string;
  /** Takes all space that is left. */
  readonly fill: () => void;
  /** Gives it back. */
  readonly free: () => void;
  readonly discard: () => Promise<void>;
};

const CHUNK = Buffer.alloc(65_536);
const BLOCK_BYTES = 4_096;
const run = promisify(execFile);

/** Null where this process may not mount a file system: then the test has to simulate a full one. */
export async function smallDisk(megabytes: number): Promise<SmallDisk | null> {
  const path = mkdtempSync(join(tmpdir(), 'credit-gateway-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', path]);
  } catch {
    rmdirSync(path);
    return null;
  }
  const user = await serviceUserOf('');
  if (user !== undefined) chownSync(path, user.uid, user.gid);
  const folder = join(path, 'data');
  await run('install', ['-d', '-m', '700', ...(user === undefined ? [] : ['-o', String(user.uid), '-g', String(user.gid)]), folder]);
  const ballast = join(path, 'ballast');
  return {
    path: folder,
    fill: () => {
      const file = openSync(ballast, 'w');
      try {
        for (let size = CHUNK.length; size >= BLOCK_BYTES;) if (!canWrite(file, size)) size /= 2;
      } finally {
        closeSync(file);
      }
    },
    free: () => { rmSync(ballast, { force: true }); },
    discard: async () => {
      await run('umount', ['-l', path]);
      rmdirSync(path);
    },
  };
}

function canWrite(file: number, bytes: number): boolean {
  try {
    return writeSync(file, CHUNK, 0, bytes) === bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
