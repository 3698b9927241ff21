import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { runCommand } from '../../src/stores/embedded/run-command.js';
import type { Figure, Part } from '../part.js';

const MODULE = join(projectRoot, 'dist/bench/memory.js');
const TIMEOUT_MS = 120_000;
/** A line of its output: what it is of, its bytes, and the target. */
const LINE = /^(.+?) +(\d+) B, target (\d+) B/gm;

/** Bytes in Redis, as `bench/memory.ts` measures them in a process of its own. */
export const memory: Part = {
  name: 'memory',
  about: 'bytes in Redis of an account and of a hold (P9)',
  isQuick: false,
  run: async () => {
    if (!existsSync(MODULE)) return { figures: [], tables: [], problems: [], notes: ['there is no bench/memory.ts'] };
    const { stdout } = await runCommand(process.execPath, [MODULE], { timeoutMs: TIMEOUT_MS });
    const figures = [...stdout.matchAll(LINE)].map(([, name = '', bytes, target]): Figure => ({
      id: 'P9', name, unit: 'B', target: { atMost: Number(target) }, values: [Number(bytes)], limitedBy: 'keys and fields of Redis',
    }));
    return { figures, tables: [], problems: figures.length > 0 ? [] : ['the measurement of memory has failed'] };
  },
};
