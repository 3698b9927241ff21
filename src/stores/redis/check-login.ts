import { Redis } from 'ioredis';
import { driverOptions, type DriverOptions } from './driver-options.js';
import { findMaster } from './find-master.js';
import type { RedisLocation } from './location.js';
import { NO_URL, nodeOptions } from './node-options.js';

const CONNECT_TIMEOUT_MS = 2_000;
/** What Redis answers to a login, or to the first command after it, that will never succeed. */
const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM)\b|AUTH <password> called without any password/;

/**
 * Throws when Redis refuses the login, or the keys that `keys` names: trying again does not help. A Redis that is away
 * or loading is no reason: the gateway waits for it.
 */
export async function checkLogin(location: RedisLocation, keys: readonly string[]): Promise<void> {
  const target = await oneServerOf(location).catch(() => null);
  if (target === null) return;
  const redis = new Redis(target.url, {
    ...target.options,
    lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, connectTimeout: CONNECT_TIMEOUT_MS, enableReadyCheck: false,
    commandTimeout: CONNECT_TIMEOUT_MS,
  });
  const errors: unknown[] = [];
  redis.on('error', (error) => { errors.push(error); });
  try {
    await redis.connect();
    for (const key of keys) await redis.exists(key);
  } catch (error) {
    errors.push(error);
  } finally {
    redis.disconnect();
  }
  const refusal = errors.map((error) => (error instanceof Error ? error.message : String(error))).find((message) => REFUSED.test(message));
  if (refusal !== undefined) throw new Error(`Redis refuses the user and password of REDIS_URL: ${refusal}`);
}

/** Any server of a Cluster: the login is the same on all. A redirect of a key is no refusal. */
async function oneServerOf(location: RedisLocation): Promise<DriverOptions> {
  switch (location.kind) {
    case 'server': return driverOptions(location, '');
    case 'sentinel': return { url: NO_URL, options: nodeOptions(location, await findMaster(location)) };
    case 'cluster': {
      const [node] = location.nodes;
      if (node === undefined) throw new Error('no node is configured');
      return { url: NO_URL, options: nodeOptions(location, node) };
    }
  }
}
