import type { GaugeKey } from '../../kit/metrics/catalogue.js';
import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import { UNFIT, unfitOfAll, type UnfitSetting } from './fitness.js';
import { REFUSAL_WORDS, refusalOf, type RedisRefusal } from './redis-away.js';
import type { ShardedRedis } from './sharded-redis.js';

/**
 * Share of `maxmemory` at which new holds are refused, so that settles and the journal always have room
 * (docs/architecture.md#when-things-fail).
 */
const HIGH_SHARE = 0.85;
/** Share at which what fills it without money is refused, so that new holds have room. */
const SCARCE_SHARE = 0.7;
const EVERY_MS = 1_000;

/** From 70 % of `maxmemory`, and from 85 %. The ledger decides what each means (ledger/memory-guard.ts). */
export type MemoryState = 'normal' | 'scarce' | 'high';
const LADDER: Readonly<Record<MemoryState, number>> = { normal: 0, scarce: 1, high: 2 };

/** The fields of INFO that operators need. */
export type RedisInfo = Readonly<Record<
  | 'usedBytes' | 'maxBytes' | 'clients' | 'commands' | 'aof' | 'aofDelayed' | 'aofBytes' | 'uptimeSeconds' | 'replicas', number>>;

export type RedisWatch = {
  /** How full the fullest server is. A failed look changes nothing: the breaker handles a Redis that is down. */
  readonly memory: () => MemoryState;
  /** Whether Redis answered the last look and accepts writes. Before the first look it does: the start has just used it. */
  readonly check: () => { readonly ok: boolean; readonly detail: string };
  /** Whether it is fit to hold balances, as of the last look that it answered. */
  readonly settings: () => { readonly ok: boolean; readonly detail: string };
  readonly stop: () => void;
};

const MEASURED = [
  'redisPing', 'redisMemory', 'redisMemoryMax', 'redisMemoryLadder', 'redisClients', 'redisCommands', 'redisAof',
  'redisAofDelayed', 'redisAofSize',
  'redisUptime', 'redisReplicas', 'redisUnfit', 'redisRefuses',
] as const satisfies readonly GaugeKey[];

const REFUSALS = Object.keys(REFUSAL_WORDS) as RedisRefusal[];

/**
 * Reads INFO from each server once a second, which every deployment allows, and asks whether it accepts writes.
 * `redis` has the deadline of the hot path: a
 * reply that is too slow for a request counts as none here as well. `onUnfit` is called when what makes Redis unfit has
 * changed: an operator may change a setting while it runs, and a failover may lead to a server with other settings.
 */
export function watchRedis(
  redis: Pick<ShardedRedis, 'infos' | 'writeRefusals'>, metrics: Gauges, onUnfit: (unfit: readonly UnfitSetting[]) => void,
): RedisWatch {
  let servers: readonly RedisInfo[] = [];
  let unfit: readonly UnfitSetting[] = [];
  let isUp = true;
  let refusal: RedisRefusal | null = null;
  const isOver = (share: number): boolean => servers.some(({ usedBytes, maxBytes }) => maxBytes > 0 && usedBytes >= maxBytes * share);
  const memory = (): MemoryState => (isOver(HIGH_SHARE) ? 'high' : isOver(SCARCE_SHARE) ? 'scarce' : 'normal');

  const judge = (now: readonly UnfitSetting[]): void => {
    for (const kind of UNFIT) metrics.set('redisUnfit', { setting: kind }, now.some((each) => each.kind === kind) ? 1 : 0);
    const isChanged = textOf(now) !== textOf(unfit);
    unfit = now;
    if (isChanged) onUnfit(now);
  };
  const setRefusal = (now: RedisRefusal | null): void => {
    refusal = now;
    for (const reason of REFUSALS) metrics.set('redisRefuses', { reason }, reason === now ? 1 : 0);
  };
  const look = async (): Promise<void> => {
    const startedAt = performance.now();
    const [infos, errors] = await Promise.all([redis.infos(), redis.writeRefusals()]);
    // Replicas have the same data once more, and no limit of memory of their own.
    servers = infos.filter((info) => !/^role:slave/m.test(info)).map(parseInfo);
    const info = ofAll(servers);
    isUp = true;
    judge(unfitOfAll(infos));
    setRefusal(errors.map(refusalOf).find((each) => each !== null) ?? null);
    metrics.set('redisPing', {}, (performance.now() - startedAt) / 1_000);
    metrics.set('redisMemory', {}, info.usedBytes);
    metrics.set('redisMemoryMax', {}, info.maxBytes);
    metrics.set('redisMemoryLadder', {}, LADDER[memory()]);
    metrics.set('redisClients', {}, info.clients);
    metrics.set('redisCommands', {}, info.commands);
    metrics.set('redisAof', {}, info.aof);
    metrics.set('redisAofDelayed', {}, info.aofDelayed);
    metrics.set('redisAofSize', {}, info.aofBytes);
    metrics.set('redisUptime', {}, info.uptimeSeconds);
    metrics.set('redisReplicas', {}, info.replicas);
    metrics.set('redisUp', {}, 1);
  };
  const stop = repeat(EVERY_MS, look, (error) => {
    isUp = false;
    refusal = refusalOf(error);
    metrics.set('redisUp', {}, 0);
    metrics.forget(...MEASURED);
    if (refusal !== null) setRefusal(refusal);
  });
  const check = (): { ok: boolean; detail: string } => {
    if (refusal !== null) return { ok: false, detail: REFUSAL_WORDS[refusal] };
    return { ok: isUp, detail: isUp ? 'up' : 'does not answer' };
  };
  return {
    memory, check, settings: () => ({ ok: unfit.length === 0, detail: textOf(unfit) || 'right' }), stop,
  };
}

const textOf = (unfit: readonly UnfitSetting[]): string => unfit.map(({ detail }) => detail).join('; ');

/** Counts are summed; for states the worst server counts. */
function ofAll(servers: readonly RedisInfo[]): RedisInfo {
  const sum = (name: keyof RedisInfo): number => servers.reduce((total, info) => total + info[name], 0);
  const least = (name: keyof RedisInfo): number => Math.min(...servers.map((info) => info[name]));
  return {
    usedBytes: sum('usedBytes'), maxBytes: sum('maxBytes'), clients: sum('clients'), commands: sum('commands'),
    aofDelayed: sum('aofDelayed'), aofBytes: sum('aofBytes'), replicas: sum('replicas'),
    aof: least('aof'), uptimeSeconds: least('uptimeSeconds'),
  };
}

/** Fields that a server does not have are 0. */
export function parseInfo(text: string): RedisInfo {
  const word = (name: string): string => new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1] ?? '';
  const number = (name: string): number => Number(word(name));
  const isFileFine = word('aof_last_write_status') === 'ok' && word('aof_last_bgrewrite_status') === 'ok';
  return {
    usedBytes: number('used_memory'),
    maxBytes: number('maxmemory'),
    clients: number('connected_clients'),
    commands: number('total_commands_processed'),
    aof: word('aof_enabled') !== '1' ? -1 : isFileFine ? 1 : 0,
    aofDelayed: number('aof_delayed_fsync'),
    aofBytes: number('aof_current_size'),
    uptimeSeconds: number('uptime_in_seconds'),
    replicas: number('connected_slaves'),
  };
}
