import { Redis, ReplyError } from 'ioredis';
import { driverOptions, type DriverOptions } from './driver-options.js';
import { findMaster } from './find-master.js';
import type { RedisLocation } from './location.js';
import { NO_URL, nodeOptions } from './node-options.js';

const CONNECT_TIMEOUT_MS = 2_000;
/** What Redis answers to a login, or to the first command after it, that will never succeed. */
const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM)\b|AUTH <password> called without any password/;

/**
 * Throws when Redis refuses the login, or the keys that `keys` names: trying again does not help. Otherwise resolves with null or, when
 * no server answers, with the reason: a Redis that is away is no error, because the gateway can wait for it.
 */
export async function checkLogin(location: RedisLocation, keys: readonly string[]): Promise<string | null> {
  const reasons: string[] = [];
  try {
    for (const target of await serversOf(location)) {
      const away = await checkServer(target, keys);
      if (away === null) return null;
      reasons.push(away);
    }
  } catch (error) {
    if (error instanceof RefusedLogin) throw error;
    reasons.push(error instanceof Error ? error.message : String(error));
  }
  return reasons.join('; ');
}

class RefusedLogin extends Error {}

async function checkServer(target: DriverOptions, keys: readonly string[]): Promise<string | null> {
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
  if (refusal !== undefined) throw new RefusedLogin(`Redis refuses the user and password of REDIS_URL: ${refusal}`);
  // Any other answer of Redis is an answer: a redirect of a Cluster, or that it is loading.
  const [failure] = errors;
  if (failure === undefined || errors.some((error) => error instanceof ReplyError)) return null;
  return failure instanceof Error ? failure.message : 'no answer';
}

/** Of a Cluster all: the login is the same on each, and any may be down. */
async function serversOf(location: RedisLocation): Promise<readonly DriverOptions[]> {
  switch (location.kind) {
    case 'server': return [driverOptions(location, '')];
    case 'sentinel': return [{ url: NO_URL, options: nodeOptions(location, await findMaster(location)) }];
    case 'cluster': return location.nodes.map((node) => ({ url: NO_URL, options: nodeOptions(location, node) }));
  }
}
