import type { Config } from '../config.js';
import { rates, type Rates } from '../edge/rates/rates.js';
import { rateWindows } from '../edge/rates/windows.js';
import type { Metrics } from '../kit/metrics/metrics.js';
import { PLAIN_FACTS_LENGTH_MAX } from '../kit/limits.js';
import { ZERO } from '../kit/money/micros.js';
import { runPassing } from '../kit/tell.js';
import type { Ledger, PlaceHold } from '../ledger/ledger.js';
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

/**
 * The ledger of callers. What fills it without money has limits of its own, whichever route it comes by: holds and charges of
 * nothing, holds that end without a charge, and metadata. Ends of holds are counted and never refused.
 */
export function withFillerLimits(
  ledger: Ledger,
  { zeroAmount, uncharged, assertCharges, metadata }: Pick<Rates, 'zeroAmount' | 'uncharged' | 'assertCharges' | 'metadata'>,
): Ledger {
  const countMetadata = (accountId: string, about: string): void => {
    if (about.length > PLAIN_FACTS_LENGTH_MAX) metadata(accountId, Buffer.byteLength(about));
  };
  const countFiller = ({ accountId, desired, about }: PlaceHold): void => {
    if (desired === ZERO) zeroAmount(accountId);
    countMetadata(accountId, about);
  };
  return {
    ...ledger,
    placeHold: async (command) => {
      assertCharges(command.accountId);
      countFiller(command);
      return ledger.placeHold(command);
    },
    placeHolds: (commands, tell) => {
      // Nothing is counted by it, so once is enough for all of an account.
      let accountId: string | undefined;
      return runPassing(commands, (command) => {
        if (command.accountId !== accountId) assertCharges(command.accountId);
        ({ accountId } = command);
        countFiller(command);
        return command;
      }, tell, (passed, told) => ledger.placeHolds(passed, told));
    },
    charge: async (command) => {
      if (command.amount === ZERO) zeroAmount(command.accountId);
      countMetadata(command.accountId, command.about);
      return ledger.charge(command);
    },
    settleHold: async (command) => {
      const reply = await ledger.settleHold(command);
      if (reply.status === 'settled' && !reply.replayed && reply.outcome.captured === ZERO) uncharged(command.accountId);
      return reply;
    },
    voidHold: async (command) => {
      const reply = await ledger.voidHold(command);
      if (reply.status === 'voided' && !reply.replayed) uncharged(command.accountId);
      return reply;
    },
  };
}
