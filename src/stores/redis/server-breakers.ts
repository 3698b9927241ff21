import { breaker, type Breaker } from './breaker.js';
import type { ShardedRedis } from './sharded-redis.js';

/** A breaker for each server of Redis: one that hangs must not keep requests from the others. */
export type ServerBreakers = {
  /** That of the server that has the key now. */
  readonly of: (key: string) => Breaker;
  /** The worst state among them. */
  readonly state: () => ReturnType<Breaker['state']>;
};

const WORST_FIRST = ['open', 'half_open', 'closed'] as const;
/** Servers come and go over the life of a process. A breaker that is forgotten begins anew. */
const KEPT_MAX = 100;

export function serverBreakers(redis: Pick<ShardedRedis, 'serverName'>, ...how: Parameters<typeof breaker>): ServerBreakers {
  const breakers = new Map<string, Breaker>();
  return {
    of: (key) => {
      const name = redis.serverName(key);
      const known = breakers.get(name);
      if (known !== undefined) return known;
      if (breakers.size >= KEPT_MAX) breakers.clear();
      const made = breaker(...how);
      breakers.set(name, made);
      return made;
    },
    state: () => {
      const states = [...breakers.values()].map((each) => each.state());
      return WORST_FIRST.find((state) => states.includes(state)) ?? 'closed';
    },
  };
}
