import { isNotServing, isRedisAway } from './redis-away.js';
import type { ShardedRedis } from './sharded-redis.js';

/**
 * How a Redis is not fit to hold balances. A value of a metric's label (kit/metrics/catalogue.ts).
 *
 * - `eviction`: every maxmemory-policy but `noeviction` deletes keys when memory is short
 * - `aof`: no append-only file: a restart loses every entry that is not in Postgres yet
 * - `version`: older than 7, which has no flags of scripts; without them a full Redis would refuse settles as well
 */
export type Unfit = 'eviction' | 'aof' | 'version';
export const UNFIT = ['eviction', 'aof', 'version'] as const satisfies readonly Unfit[];

export type UnfitSetting = { readonly kind: Unfit; readonly detail: string };

const VERSION_MIN = 7;

/** What is wrong with a server, from the text of its INFO, which every deployment allows. */
export function unfitOf(info: string): readonly UnfitSetting[] {
  const field = (name: string): string => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1] ?? 'unknown';
  const [policy, aof, version] = [field('maxmemory_policy'), field('aof_enabled'), field('redis_version')];
  const found: UnfitSetting[] = [];
  if (policy !== 'noeviction') {
    found.push({ kind: 'eviction', detail: `maxmemory-policy is ${policy}: Redis would delete balances when memory is short` });
  }
  if (aof !== '1') found.push({ kind: 'aof', detail: 'the append-only file is off: a restart of Redis loses what Postgres does not have' });
  // Valkey and other servers report the version of Redis that they are compatible with.
  if (!(Number.parseInt(version, 10) >= VERSION_MIN)) {
    found.push({ kind: 'version', detail: `Redis ${version} is too old: version ${VERSION_MIN} is needed` });
  }
  return found;
}

/** The faults of all servers, each kind once. */
export const unfitOfAll = (infos: readonly string[]): readonly UnfitSetting[] => {
  const all = infos.flatMap(unfitOf);
  return UNFIT.flatMap((kind) => all.filter((each) => each.kind === kind).slice(0, 1));
};

/** An append-only file may be missing on purpose: what it costs is bounded, told and alarmed (docs/deployment.md). */
const MAY_START_WITH: ReadonlySet<Unfit> = new Set(['aof']);
const RETRY_MS = 200;

/** Waits for Redis, and throws when it may not be used. Called before anything is written to it. */
export async function requireFit(redis: Pick<ShardedRedis, 'infos' | 'isReady' | 'onConnection'>): Promise<void> {
  for (;;) {
    await whenReady(redis);
    const infos = await redis.infos().catch((error: unknown) => {
      if (isRedisAway(error) || isNotServing(error)) return null; // it went away meanwhile
      throw error;
    });
    if (infos !== null) {
      const refused = unfitOfAll(infos).filter(({ kind }) => !MAY_START_WITH.has(kind));
      if (refused.length > 0) throw new Error(`this Redis cannot be used: ${refused.map(({ detail }) => detail).join('; ')}`);
      return;
    }
    await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
  }
}

function whenReady(redis: Pick<ShardedRedis, 'isReady' | 'onConnection'>): Promise<void> {
  if (redis.isReady()) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = redis.onConnection({
      ready: () => {
        stop();
        resolve();
      },
    });
  });
}
