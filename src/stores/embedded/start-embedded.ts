import { join } from 'node:path';
import { locateServers } from './data-dir.js';
import type { DeathListener, EmbeddedServer } from './embedded-server.js';
import { lockOwner } from './owner-lock.js';
import { startPostgresServer } from './postgres-server.js';
import { startRedisServer } from './redis-server.js';

export type EmbeddedOptions = {
  /** Which of the two to start: those without a configured URL. */
  readonly redis: boolean;
  readonly postgres: boolean;
  readonly dataDir: string;
  /** Told in plain lines what takes time and what was started. */
  readonly progress: (line: string) => void;
  /** Told when a server ends by itself. The gateway is of no use without it: log it loudly and shut down. */
  readonly onDeath?: DeathListener;
  /** A redis-server to use before all others. */
  readonly redisBinary?: string | undefined;
  /** Default: per user; see cache-dir.ts. */
  readonly cacheDir?: string | undefined;
};

export type Embedded = {
  readonly redisUrl?: string;
  readonly databaseUrl?: string;
  /** Stops what was started. Call it last: the gateway drains into these servers. */
  readonly stop: () => Promise<void>;
};

/**
 * Brings up Redis, Postgres or both on loopback for a machine that has none configured, with their data in `dataDir`.
 * Safe defaults for a laptop, a demo and CI; in production set REDIS_URL and DATABASE_URL.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  if (!options.redis && !options.postgres) return { stop: () => Promise.resolve() };
  const { progress, onDeath, redisBinary, cacheDir } = options;
  const location = await locateServers(options.dataDir, progress);
  const lock = await lockOwner(location);
  const servers: EmbeddedServer[] = [];

  const stop = async (): Promise<void> => {
    await Promise.all(servers.map(async (server) => server.stop()));
    await lock.release();
  };
  const add = async (start: Promise<EmbeddedServer>): Promise<string> => {
    const started = performance.now();
    const server = await start;
    servers.push(server);
    await lock.record(servers);
    progress(`${server.name}: ready on port ${server.port} in ${Math.round(performance.now() - started)} ms (${server.description})`);
    return server.url;
  };
  const common = { cacheDir, progress, onDeath };
  try {
    return {
      ...(options.redis && { redisUrl: await add(startRedisServer({ ...common, dir: join(location, 'redis'), binary: redisBinary })) }),
      ...(options.postgres && { databaseUrl: await add(startPostgresServer({ ...common, dir: join(location, 'postgres') })) }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
