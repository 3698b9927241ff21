import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../kit/clock.js';
import { fetchKeys } from './fetch-keys.js';

/** Told of every refresh: how many keys it brought, or why it failed and when the next one may begin. */
export type KeysReport = {
  readonly refreshed: (keys: number) => void;
  readonly failed: (error: unknown, nextMs: number) => void;
};

export type RemoteKeysDeps = {
  readonly url: URL;
  readonly clock: Clock;
  readonly report: KeysReport;
  readonly fetch?: typeof fetchKeys;
};

export type RemoteKeys = {
  /** The key of a token's header. Throws when there is none, so the token is not verified by this issuer. */
  readonly key: JWTVerifyGetKey;
  /** Age of the keys in milliseconds; null while there are none. */
  readonly ageMs: () => number | null;
};

/** Keys of this age are asked for again. They stay in use until the answer is there. */
const FRESH_MS = 600_000;
/** An unknown key id asks the key server only this long after the last time: forged ids must not load it. */
const UNKNOWN_KEY_PAUSE_MS = 30_000;
/** Pauses after failures in a row; the last one from then on. */
const BACKOFF_MS = [1_000, 2_000, 5_000, 15_000, 30_000, 60_000] as const;

type KeySet = { readonly find: JWTVerifyGetKey; readonly fetchedAtMs: number };

/**
 * The keys of a JWKS URL, fetched when first needed. Afterwards only a token with an unknown key id ever waits for the key
 * server, and only once in a while: keys that have become old stay in use while one refresh runs beside the requests, and
 * when it fails they stay in use until one succeeds. There is one fetch at a time.
 */
export function remoteKeys({ url, clock, report, fetch = fetchKeys }: RemoteKeysDeps): RemoteKeys {
  let known: KeySet | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let refreshing: Promise<void> | undefined;

  /** A clock that was set back does not extend a pause. */
  const hasPassed = (sinceMs: number, pauseMs: number): boolean => clock() - sinceMs >= pauseMs || clock() < sinceMs;
  const pauseMs = (): number => (failures === 0 ? 0 : BACKOFF_MS[Math.min(failures, BACKOFF_MS.length) - 1] ?? 0);
  const load = async (): Promise<void> => {
    askedAtMs = clock();
    try {
      const keys = await fetch(url);
      known = { find: createLocalJWKSet({ keys }), fetchedAtMs: clock() };
      failures = 0;
      report.refreshed(keys.length);
    } catch (error) {
      failures += 1;
      report.failed(error, pauseMs());
    }
  };
  /** The refresh under way, or a new one unless the pause after a failure still lasts. Never rejects. */
  const refresh = (): Promise<void> | undefined => {
    if (refreshing === undefined && hasPassed(askedAtMs, pauseMs())) refreshing = load().finally(() => { refreshing = undefined; });
    return refreshing;
  };
  const find: JWTVerifyGetKey = (header, token) => {
    if (known === undefined) throw new errors.JWKSNoMatchingKey();
    return known.find(header, token);
  };

  return {
    key: async (header, token) => {
      if (known === undefined) await refresh();
      else if (hasPassed(known.fetchedAtMs, FRESH_MS)) void refresh();
      try {
        return await find(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || known === undefined) throw error;
        if (refreshing === undefined && !hasPassed(askedAtMs, UNKNOWN_KEY_PAUSE_MS)) throw error;
        await refresh();
        return find(header, token);
      }
    },
    ageMs: () => (known === undefined ? null : Math.max(0, clock() - known.fetchedAtMs)),
  };
}
