import type { Allowed } from './allowance.js';
import { GatewayError } from './errors.js';
import { given, inputOf, type Backing, type SettleLease, type StreamOptions } from './lease.js';
import type { charges } from './money.js';
import type { OpenHold, Receipt, TokenUsage } from './types.js';
import { within } from './usage.js';

/** A lease without a hold: it goes on to its last token, and its usage is charged if the gateway is back by then. */
export function allowedBacking(charges: Charges, id: string, options: StreamOptions, { amount, stopAtTokens, end }: Allowed): Backing {
  const { account = '', spender, feature, model, provider, serviceTier, metadata } = options;
  const endsAt = new Date(Date.now() + (options.leaseSeconds ?? LEASE_SECONDS) * 1_000).toISOString();
  const hold: OpenHold = {
    id, account, state: 'open', amount, reported: '0', remaining: amount, leaseEndsAt: endsAt, reportBy: endsAt, final: true, stopAtTokens,
    price: null, available: '0', limits: [],
  };
  let used: TokenUsage | undefined;
  let stopped = false;
  const outputTokens = (): number => used?.outputTokens ?? 0;
  const nothing = (state: Receipt['state'], uncollected = '0'): Receipt => ({
    id, account, state, amount, captured: '0', released: amount, expired: '0', overage: '0', debt: '0', uncollected, available: '0',
    late: false, endedAt: new Date().toISOString(), limits: [],
  });

  return {
    hold,
    get usage() { return used; },
    refusal: undefined,
    report: (usage) => {
      used = { ...inputOf(options), ...used, ...usage, outputTokens: Math.max(outputTokens(), usage.outputTokens ?? 0) };
      return Promise.resolve(!stopped && outputTokens() < stopAtTokens);
    },
    flush: () => Promise.resolve(),
    stop: () => { stopped = true; },
    isCut: () => outputTokens() >= stopAtTokens && stopAtTokens < (options.maxOutputTokens ?? Infinity),
    settle: async ({ usage: whole }: SettleLease) => {
      const usage = whole === undefined ? within(used ?? inputOf(options), stopAtTokens) : { ...inputOf(options), ...whole };
      try {
        const charge = await charges.create(given({
          account: options.account, spender, feature, model, provider, serviceTier, usage, metadata,
        }), { idempotencyKey: `allowed-${id}` });
        end('charged', usage);
        return { ...nothing('settled'), captured: charge.amount, released: '0', available: charge.available, late: true };
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        // This is the risk that the bound is for.
        end('lost', usage);
        return nothing('settled', amount);
      }
    },
    void: () => {
      end('ended', undefined);
      return Promise.resolve(nothing('voided'));
    },
  };
}

type Charges = ReturnType<typeof charges>;

/** What the gateway gives a hold that does not ask. */
const LEASE_SECONDS = 60;
