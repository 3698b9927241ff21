import { join } from 'node:path';
import { locateServers } from './data-dir.js';
import type { DeathListener, EmbeddedServer } from './embedded-server.js';
import { lockOwner } from './owner-lock.js';
import { startPostgresServer } from './postgres-server.js';
import { startRedisServer } from './redis-server.js';

export type EmbeddedOptions = {
  /** Which of the two servers to start: those without a configured URL. */
  readonly redis: boolean;
  readonly postgres: boolean;
  readonly dataDir: string;
  /** First part of every Redis key, by default `cg`: the gateway may use no others. */
  readonly redisNamespace?: string;
  /** Receives readable lines about slow steps and started servers. */
  readonly progress: (line: string) => void;
  /** Called when a server ends by itself. The gateway cannot work without it: log an error and shut down. */
  readonly onDeath?: DeathListener;
  /** The redis-server to prefer to all others. */
  readonly redisBinary?: string | undefined;
  /** By default per user; see cache-dir.ts. */
  readonly cacheDir?: string | undefined;
};

export type Embedded = {
  readonly redisUrl?: string;
  readonly databaseUrl?: string;
  /** Of the role that owns the tables: for migrations. */
  readonly migrationDatabaseUrl?: string;
  /** Stops the started servers. Call it last: the gateway drains into them. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts Redis, Postgres or both on loopback where none is configured, with their data in `dataDir`. The defaults are
 * safe for a laptop, a demo and CI; in production set REDIS_URL and DATABASE_URL.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  if (!options.redis && !options.postgres) return { stop: () => Promise.resolve() };
  const { progress, onDeath, redisBinary, redisNamespace: namespace = 'cg', cacheDir } = options;
  const location = await locateServers(options.dataDir, progress);
  const lock = await lockOwner(location);
  const servers: EmbeddedServer[] = [];
  /** One record is written after the other, so that the last one has all servers. */
  let recorded = Promise.resolve();

  const stop = async (): Promise<void> => {
    await Promise.all(servers.map(async (server) => server.stop()));
    await lock.release();
  };
  const add = async <T extends EmbeddedServer>(start: Promise<T>): Promise<T> => {
    const started = performance.now();
    const server = await start;
    servers.push(server);
    recorded = recorded.then(() => lock.record(servers));
    await recorded;
    progress(`${server.name}: ready on port ${server.port} in ${Math.round(performance.now() - started)} ms (${server.description})`);
    return server;
  };
  const common = { cacheDir, progress, onDeath };
  const redis = options.redis
    ? add(startRedisServer({ ...common, dir: join(location, 'redis'), binary: redisBinary, namespace })) : undefined;
  // A chosen Redis that cannot be used is told before anything else starts.
  const before = Promise.resolve(redisBinary === undefined ? undefined : redis);
  const postgres = options.postgres
    ? before.then(() => add(startPostgresServer({ ...common, dir: join(location, 'postgres') }))) : undefined;
  try {
    const [{ url: redisUrl } = {}, { url: databaseUrl, ownerUrl } = {}] = await Promise.all([redis, postgres]);
    return {
      ...(redisUrl !== undefined && { redisUrl }),
      ...(databaseUrl !== undefined && ownerUrl !== undefined && { databaseUrl, migrationDatabaseUrl: ownerUrl }),
      stop,
    };
  } catch (error) {
    await Promise.allSettled([redis, postgres]); // one that still starts is stopped, too
    await stop();
    throw error;
  }
}
