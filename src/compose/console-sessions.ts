import { consoleSessions, type Sessions, type SessionsDeps } from '../edge/console/sessions.js';
import type { QueueConnection } from '../stores/redis/queue-connections.js';

export type ConsoleSessionsParts = Omit<SessionsDeps, 'store'> & {
  readonly redis: Pick<QueueConnection, 'set' | 'get' | 'del' | 'multi'>;
  readonly namespace: string;
};

/** Sessions of the console in Redis. */
export function composeSessions({ redis, namespace, ...deps }: ConsoleSessionsParts): Sessions {
  const named = (key: string): string => `${namespace}:console:${key}`;
  return consoleSessions({
    ...deps,
    store: {
      put: async (key, value, ttlSeconds) => { await redis.set(named(key), value, 'EX', ttlSeconds); },
      read: async (key, ttlSeconds) => {
        if (ttlSeconds === undefined) return redis.get(named(key));
        const results = await redis.multi().get(named(key)).expire(named(key), ttlSeconds).exec();
        const [error, value] = results?.[0] ?? [new Error('the session was not read')];
        if (error !== null) throw error;
        return value as string | null;
      },
      remove: async (key) => { await redis.del(named(key)); },
    },
  });
}
