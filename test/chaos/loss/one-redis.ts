import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { LOOPBACK } from '../../../src/stores/embedded/loopback-port.js';
import { startWithPassword } from '../../support/redis-cluster.js';
import { temporaryFolder } from '../../support/servers.js';
import { slowFsync } from '../run/slow-fsync.js';
import type { Case } from './cases.js';
import { startWriters, type Missing } from './writers.js';

const PASSWORD = 'loss';
/** `everysec` gives an fsync that is in progress 2 s before it writes all the same. */
const STALL_MS = 3_000;
const WRITING_MS = 1_500;
/** So that kills come at any time of an fsync. */
const JITTER_MS = 3_500;

/** One Redis that is killed, or whose power fails, while its disk is quick or slow. */
export function oneRedis(
  appendfsync: 'everysec' | 'always', { stalls, power }: { readonly stalls: boolean; readonly power: boolean },
): Case {
  const fault = power ? 'power cut' : 'kill -9';
  return {
    setup: `one Redis, ${appendfsync}`, fault: stalls ? `${fault} while an fsync takes ${STALL_MS / 1_000} s` : fault,
    async measure(rounds) {
      const folder = await temporaryFolder();
      const disk = await slowFsync(folder.path);
      if (disk === null) throw new Error('gcc is needed');
      disk.record();
      process.env['LD_PRELOAD'] = disk.library; // for every start of the server
      const server = await startWithPassword(join(folder.path, 'redis'), PASSWORD, { appendfsync });
      const found: Missing[] = [];
      try {
        for (let round = 0; round < rounds; round += 1) {
          const [, dir = ''] = await server.admin.config('GET', 'dir');
          const writers = startWriters({ host: LOOPBACK, port: server.port, password: PASSWORD }, `round-${round}-`);
          await sleep(WRITING_MS);
          if (stalls) disk.set(STALL_MS);
          await sleep(WRITING_MS + Math.random() * JITTER_MS);
          await server.kill('SIGKILL');
          disk.set(0);
          if (power) disk.losePower(appendOnlyFile(join(dir, 'appendonlydir')));
          await server.restart();
          const reader = new Redis({ host: LOOPBACK, port: server.port, password: PASSWORD });
          found.push(await writers.missing(reader));
          reader.disconnect();
        }
        return found;
      } finally {
        delete process.env['LD_PRELOAD'];
        server.admin.disconnect();
        await server.stop();
        folder.remove();
      }
    },
  };
}

/** The file that Redis appends to. */
function appendOnlyFile(dir: string): string {
  const last = readdirSync(dir).filter((name) => name.endsWith('.incr.aof')).toSorted().at(-1);
  if (last === undefined) throw new Error(`no append-only file in ${dir}`);
  return join(dir, last);
}
