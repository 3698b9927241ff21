import { Redis } from 'ioredis';

const CONNECT_TIMEOUT_MS = 2_000;
/** What Redis answers to a login, or to the first command after it, that will never succeed. */
const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM)\b|AUTH <password> called without any password/;

/**
 * Throws when Redis refuses the login of `url`, or the keys that `keys` names: trying again does not help. A Redis that is away
 * or loading is no reason: the gateway waits for it.
 */
export async function checkLogin(url: string, keys: readonly string[]): Promise<void> {
  const redis = new Redis(url, {
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
