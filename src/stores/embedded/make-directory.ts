import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and all that lead to it, level by level: the `recursive` option of Node never returns below a folder that answers
 * ENOENT to every mkdir, such as /proc. Returns the first folder that it made, or undefined. Throws as mkdir.
 */
export function makeDirectory(path: string, mode?: number): string | undefined {
  const missing: string[] = [];
  for (let at = resolve(path); !isDirectory(at); at = dirname(at)) {
    missing.unshift(at);
    if (dirname(at) === at) break;
  }
  for (const each of missing) {
    try {
      mkdirSync(each, { mode });
    } catch (error) {
      // Another process made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isDirectory(each)) throw error;
    }
  }
  return missing[0];
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
