import { consoleSessions, type Sessions, type SessionsDeps } from '../edge/console/sessions.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';

export type ConsoleSessionsParts = Omit<SessionsDeps, 'store'> & {
  readonly redis: Pick<ShardedRedis, 'writeText' | 'readTexts' | 'readAndRenew' | 'remove'>;
  readonly namespace: string;
};

/** Sessions of the console in Redis. */
export function composeSessions({ redis, namespace, ...deps }: ConsoleSessionsParts): Sessions {
  const named = (key: string): string => `${namespace}:console:${key}`;
  return consoleSessions({
    ...deps,
    store: {
      put: (key, value, ttlSeconds) => redis.writeText(named(key), value, ttlSeconds),
      read: async (key, ttlSeconds) => {
        if (ttlSeconds !== undefined) return redis.readAndRenew(named(key), ttlSeconds);
        const [value = null] = await redis.readTexts([named(key)]);
        return value;
      },
      remove: async (key) => { await redis.remove([named(key)]); },
    },
  });
}
