import type { Check } from '../edge/http/health.js';
import type { MemoryState } from '../stores/redis/watch-redis.js';
import type { Core } from './core.js';

export type StoreCheck = 'ledger' | 'redis' | 'redis_settings' | 'postgres' | 'memory';

/** The checks behind `/readyz` that every role has (docs/reliability.md#degradation). */
export function storeChecks({ fence, breaker, redisWatch, postgresWatch }: Core): Readonly<Record<StoreCheck, Check>> {
  const redis = redisWatch.check();
  return {
    ledger: checkOf(fence.isOpen(), 'open', 'being verified, or Redis is away'),
    redis: redis.ok ? checkOf(breaker.state() === 'closed', redis.detail, `breaker ${breaker.state()}`) : redis,
    redis_settings: redisWatch.settings(),
    postgres: postgresWatch.check(),
    memory: { ok: redisWatch.memory() !== 'high', detail: MEMORY_WORDS[redisWatch.memory()] },
  };
}

export const checkOf = (ok: boolean, fine: string, otherwise: string): Check => ({ ok, detail: ok ? fine : otherwise });

const MEMORY_WORDS: Readonly<Record<MemoryState, string>> = {
  normal: 'ok', scarce: 'scarce: nothing that fills it without money', high: 'high: no new holds',
};
