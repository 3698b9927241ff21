import type { Config } from '../config.js';
import { rates, type Rates } from '../edge/rates/rates.js';
import { rateWindows } from '../edge/rates/windows.js';
import type { Metrics } from '../kit/metrics/metrics.js';
import { ZERO } from '../kit/money/micros.js';
import type { Ledger } from '../ledger/ledger.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';

export type RatesParts = {
  readonly config: Pick<Config, 'rates' | 'redisNamespace'>;
  readonly redis: Pick<ShardedRedis, 'addCounts'>;
  readonly metrics: Pick<Metrics, 'count'>;
};

/** Limits of rates of this process, with counters in Redis that all processes share. They are timed by this machine's clock. */
export function composeRates({ config, redis, metrics }: RatesParts): Rates & { readonly close: () => void } {
  const windows = rateWindows({
    add: (counts) => redis.addCounts(counts.map(({ key, ...count }) => ({ key: `${config.redisNamespace}:rate:${key}`, ...count }))),
    clock: Date.now,
  });
  return {
    ...rates({
      config: config.rates, windows,
      onRefused: (name, subject) => { metrics.count('rateRefusals', { class: name, subject }); },
    }),
    close: windows.close,
  };
}

/** The ledger of callers: holds and charges of nothing, whichever route they come by, have a limit of their own. */
export const withZeroAmountLimit = (ledger: Ledger, { zeroAmount }: Pick<Rates, 'zeroAmount'>): Ledger => ({
  ...ledger,
  placeHold: async (command) => {
    if (command.desired === ZERO) zeroAmount(command.accountId);
    return ledger.placeHold(command);
  },
  charge: async (command) => {
    if (command.amount === ZERO) zeroAmount(command.accountId);
    return ledger.charge(command);
  },
});
