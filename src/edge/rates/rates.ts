import type { RatesConfig, RateSetting } from '../../config/rates.js';
import { GatewayError } from '../../kit/errors.js';
import type { NativeCaller, Principal, ServerCaller } from '../../kit/principal.js';
import type { GatewayContext } from '../http/context.js';
import { tellRates, type ToldRate } from '../http/rate-headers.js';
import { addressOf } from './address.js';
import type { Quota, RateWindows, Taken } from './windows.js';

/** What is counted apart, as callers read it in `RateLimit-Policy`. */
export type RateClass = 'general' | 'writes' | 'failed-authentication' | 'zero-amount' | 'uncharged' | 'metadata';

/** Whose window it is. */
export type RateSubject = 'key' | 'user' | 'address' | 'account';

type Known = Principal | ServerCaller | NativeCaller;

/** Limits of rates. What is over one is refused: GatewayError rate_limited, with the seconds to wait. */
export type Rates = {
  /** Counts a request of a caller who was authenticated, as a write too if it is one, and tells the limits in its answer. */
  readonly known: (ctx: GatewayContext, caller: Known, isWrite: boolean) => void;
  /** Counts a request that needs no caller, by its address. */
  readonly unknown: (ctx: GatewayContext) => void;
  /**
   * Counts what was sent as credentials and is none, by address, and throws: `error`, or rate_limited. A signed token that has
   * expired or lacks a claim is no guess, and does not count.
   */
  readonly failed: (ctx: GatewayContext, error: unknown) => never;
  /** Counts a hold or a charge of nothing. */
  readonly zeroAmount: (accountId: string) => void;
  /** Counts a hold that ended without a charge; never refuses. */
  readonly uncharged: (accountId: string) => void;
  /** Refuses an account for whose holds `uncharged` has counted too many; counts nothing. */
  readonly assertCharges: (accountId: string) => void;
  /** Counts bytes of metadata. */
  readonly metadata: (accountId: string, bytes: number) => void;
};

export type RatesDeps = {
  readonly config: RatesConfig;
  readonly windows: Pick<RateWindows, 'take'>;
  readonly onRefused: (rateClass: RateClass, subject: RateSubject) => void;
};

const MS_PER_SECOND = 1_000;
const secondsOf = (ms: number): number => Math.ceil(ms / MS_PER_SECOND);

/** In the words of the headers (edge/http/rate-headers.ts). */
const policyText = (name: RateClass, { requests, windowMs }: Quota): string => `"${name}";q=${requests};w=${secondsOf(windowMs)}`;
const stateText = (name: RateClass, { remaining, resetMs }: Taken): string => `"${name}";r=${remaining};t=${secondsOf(resetMs)}`;

export function rates({ config, windows, onRefused }: RatesDeps): Rates {
  /** Counts, and adds the limit to `told`, for the headers of the answer. Throws GatewayError rate_limited. */
  const take = (told: ToldRate[] | null, name: RateClass, kind: RateSubject, id: string, quota: RateSetting, by?: number): void => {
    if (quota === null) return;
    const taken = windows.take(`${kind}:${name}:${id}`, quota, by);
    if (taken.isAllowed && told === null) return;
    const [policy, state] = [policyText(name, quota), stateText(name, taken)];
    if (taken.isAllowed) {
      told?.push({ policy, state });
      return;
    }
    onRefused(name, kind);
    throw new GatewayError('rate_limited', REFUSED[name], { rate: { policy, state, retryAfterSeconds: secondsOf(taken.resetMs) } });
  };
  const takeAndTell = (ctx: GatewayContext, name: RateClass, kind: RateSubject, id: string, quota: RateSetting): void => {
    const told: ToldRate[] = [];
    take(told, name, kind, id, quota);
    tellRates(ctx, told);
  };
  const ofAddress = (ctx: GatewayContext): string => addressOf(ctx.req, config.proxyHops);

  return {
    known: (ctx, caller, isWrite) => {
      const { kind, id, general, writes } = quotasOf(caller, config);
      const count = (by?: number): void => {
        const told: ToldRate[] = [];
        try {
          take(told, 'general', kind, id, general, by);
          if (isWrite) take(told, 'writes', kind, id, writes, by);
        } finally {
          tellRates(ctx, told); // also where the second refuses
        }
      };
      count();
      ctx.state.countMore = count;
    },
    unknown: (ctx) => { takeAndTell(ctx, 'general', 'address', ofAddress(ctx), config.address); },
    failed: (ctx, error) => {
      if (isGuess(ctx, error)) takeAndTell(ctx, 'failed-authentication', 'address', ofAddress(ctx), config.failedAuthentication);
      throw error;
    },
    zeroAmount: (accountId) => { take(null, 'zero-amount', 'account', accountId, config.zeroAmount); },
    uncharged: (accountId) => { if (config.uncharged !== null) windows.take(`account:uncharged:${accountId}`, config.uncharged); },
    assertCharges: (accountId) => { take(null, 'uncharged', 'account', accountId, config.uncharged, 0); },
    metadata: (accountId, bytes) => { take(null, 'metadata', 'account', accountId, config.metadata, bytes); },
  };
}

const REFUSED: Readonly<Record<RateClass, string>> = {
  'general': 'too many requests; wait for the seconds in Retry-After',
  'writes': 'too many writes; wait for the seconds in Retry-After',
  'failed-authentication': 'too many bad tokens or keys from this address; wait for the seconds in Retry-After',
  'zero-amount': 'too many holds and charges of nothing; wait for the seconds in Retry-After',
  'uncharged': 'too many holds of this account ended without a charge; wait for the seconds in Retry-After',
  'metadata': 'too much metadata of this account; wait for the seconds in Retry-After, or send less',
};

type Quotas = { readonly kind: RateSubject; readonly id: string; readonly general: RateSetting; readonly writes: RateSetting };

function quotasOf(caller: Known, { key, keyWrites, user, userWrites }: RatesConfig): Quotas {
  const service = 'kind' in caller ? (caller.kind === 'service' ? caller.key : null) : 'scopes' in caller ? caller : null;
  if (service !== null) {
    // The own limit of a key takes the place of both defaults.
    const own = service.rateLimit === null ? undefined : { requests: service.rateLimit, windowMs: MS_PER_SECOND };
    return { kind: 'key', id: service.id, general: own ?? key, writes: own === undefined ? keyWrites : null };
  }
  const { accountId, role } = 'token' in caller ? caller.token : caller as Principal;
  return role === 'user' ? { kind: 'user', id: accountId, general: user, writes: userWrites }
    : { kind: 'user', id: accountId, general: key, writes: keyWrites };
}

/** Whether credentials were sent and are none. A complaint about a claim names it, and comes after the signature was verified. */
const isGuess = ({ req: { headers }, state }: GatewayContext, error: unknown): boolean =>
  error instanceof GatewayError && error.code === 'unauthenticated' && error.sources.length === 0
  && (headers.authorization !== undefined || headers['x-server-api-key'] !== undefined || state.route?.page !== undefined);
