import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../src/kit/paths.js';
import { temporaryFolder } from '../../test/support/servers.js';
import type { Part } from '../part.js';
import { familyCpuMs } from '../processes.js';

/**
 * Processor time of `npm start` without any request: gateway, worker, Redis and Postgres. Counted from the second minute on: in the
 * first one Node compiles and collects what the start left.
 */
export const idle: Part = {
  name: 'idle',
  about: 'processor time of an idle gateway with its stores (P11)',
  isQuick: false,
  run: async ({ say }) => {
    const folder = await temporaryFolder();
    const gateway = spawn(process.execPath, [join(projectRoot, 'dist/src/main.js')], {
      env: { ...process.env, DATA_DIR: folder.path, PORT: '0', OPERATIONS_PORT: '0', HOST: '127.0.0.1', REDIS_URL: '', DATABASE_URL: '' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const end = (): void => { gateway.kill('SIGTERM'); };
    process.once('exit', end);
    try {
      await Promise.race([ready(gateway.stdout), once(gateway, 'exit').then(() => { throw new Error('the gateway did not start'); })]);
      say('started; waiting until it is quiet ...');
      await setTimeout(QUIET_MS);
      const shares: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const [before, startedAt] = [familyCpuMs(gateway.pid ?? 0), performance.now()];
        await setTimeout(ROUND_MS);
        shares.push((familyCpuMs(gateway.pid ?? 0) - before) / (performance.now() - startedAt) * PERCENT);
      }
      return {
        figures: [{
          id: 'P11', name: 'an idle `npm start`, of one processor', unit: '%', target: { atMost: 1 }, values: shares,
          limitedBy: 'one look per second for work, the measurements, and timers of Node, Redis and Postgres',
        }],
        tables: [], problems: [],
      };
    } finally {
      end();
      if (gateway.exitCode === null) await once(gateway, 'exit');
      process.off('exit', end);
      folder.remove();
    }
  },
};

const ROUNDS = 3;
const PERCENT = 100;
const QUIET_MS = 60_000;
const ROUND_MS = 30_000;

async function ready(output: NodeJS.ReadableStream): Promise<void> {
  for await (const line of createInterface({ input: output })) if (line.includes('"msg":"ready"')) break;
  output.resume();
}
