import type { Variables } from './environment.js';

/** So many requests in each window of so many milliseconds; null: no limit. */
export type RateSetting = { readonly requests: number; readonly windowMs: number } | null;

export type RatesConfig = {
  /** All requests of one API key, and of one operator. */
  readonly key: RateSetting;
  readonly keyWrites: RateSetting;
  /** All requests of one user. */
  readonly user: RateSetting;
  readonly userWrites: RateSetting;
  /** Requests of one address without a caller: documentation, unknown paths. */
  readonly address: RateSetting;
  /** Bad tokens and unknown keys of one address. */
  readonly failedAuthentication: RateSetting;
  /** Holds and charges of nothing, of one account. */
  readonly zeroAmount: RateSetting;
  /** Ends of holds of one account that charge nothing: beyond these no new holds are placed. */
  readonly uncharged: RateSetting;
  /** Bytes of metadata of one account, above what every operation may have. */
  readonly metadata: RateSetting;
  /** Proxies in front of the gateway that add the address of their client to `X-Forwarded-For`. */
  readonly proxyHops: number;
};

const RATE = /^([1-9]\d{0,8})\/([1-9]\d{0,3})$/;
const MS_PER_SECOND = 1_000;

/** `1000/10` is a thousand requests in ten seconds, `off` no limit. */
export function readRates({ text, integer }: Variables, problems: string[]): RatesConfig {
  const rate = (name: string, fallback: string): RateSetting => {
    const value = text(name) ?? fallback;
    if (value === 'off') return null;
    const [, requests, seconds] = RATE.exec(value) ?? [];
    if (requests === undefined) problems.push(`${name} must be requests/seconds such as ${fallback}, or off, not "${value}"`);
    return { requests: Number(requests), windowMs: Number(seconds) * MS_PER_SECOND };
  };
  return {
    key: rate('RATE_LIMIT_KEY', '50000/10'),
    keyWrites: rate('RATE_LIMIT_KEY_WRITES', '50000/10'),
    user: rate('RATE_LIMIT_USER', '1000/10'),
    userWrites: rate('RATE_LIMIT_USER_WRITES', '500/10'),
    address: rate('RATE_LIMIT_ADDRESS', '300/10'),
    failedAuthentication: rate('RATE_LIMIT_FAILED_AUTH', '60/60'),
    zeroAmount: rate('RATE_LIMIT_ZERO_AMOUNT', '600/60'),
    uncharged: rate('RATE_LIMIT_UNCHARGED', '1200/60'),
    metadata: rate('RATE_LIMIT_METADATA', '4000000/60'),
    proxyHops: integer('TRUSTED_PROXY_HOPS', 0, 0, 8),
  };
}
