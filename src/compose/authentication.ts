import type { AuthConfig } from '../config/auth.js';
import { bearer, type Authenticate, type BearerDeps } from '../edge/auth/bearer.js';
import { isBound, issuersOf, ROLES_NOT_USED } from '../edge/auth/issuers.js';
import type { KeysReport } from '../edge/auth/remote-keys.js';
import type { Check } from '../edge/http/health.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';

export type AuthenticationParts = {
  readonly auth: AuthConfig;
  readonly admitted: BearerDeps['admitted'];
  readonly metrics: Pick<Metrics, 'count' | 'onScrape'>;
  readonly log: Pick<Log, 'warn' | 'info'>;
};

/** How tokens are verified. `keysCheck`: about the key server, for `/readyz`; undefined where none is configured. */
export type Authentication = { readonly authenticate: Authenticate; readonly keysCheck: (() => Check) | undefined };

const MS_PER_SECOND = 1_000;

/** Tokens are timed by this machine's clock, not by the gateway's, which tests move. */
export function composeAuthentication({ auth, admitted, metrics, log }: AuthenticationParts): Authentication {
  const { maxTokenAgeSeconds, clockToleranceSeconds, roles, jwks } = auth;
  const { issuers, remote } = issuersOf(auth, Date.now, reportKeys(metrics, log));
  const authenticate = bearer({ issuers, maxTokenAgeSeconds, clockToleranceSeconds, roleWords: roles.words, clock: Date.now, admitted });
  metrics.onScrape('jwksAge', (set) => { set({}, (remote?.ageMs() ?? 0) / MS_PER_SECOND); });
  if (jwks === undefined || remote === undefined) return { authenticate, keysCheck: undefined };
  if (!isBound(jwks)) log.warn(ROLES_NOT_USED);
  // Always ok: other tokens are verified, and another process would not have the keys either.
  const keysCheck = (): Check => {
    const ageMs = remote.ageMs();
    const age = ageMs === null ? 'keys not fetched yet' : `keys fetched ${Math.floor(ageMs / MS_PER_SECOND)} s ago`;
    return { ok: true, detail: isBound(jwks) ? age : `${age}; ${ROLES_NOT_USED}` };
  };
  return { authenticate, keysCheck };
}

function reportKeys(metrics: Pick<Metrics, 'count'>, log: Pick<Log, 'warn' | 'info'>): KeysReport {
  let isFailing = false;
  return {
    refreshed: (keys) => {
      metrics.count('jwksRefreshes', { result: 'ok' });
      if (isFailing) log.info({ keys }, 'the keys of JWKS_URL were fetched again');
      isFailing = false;
    },
    failed: (error, nextMs) => {
      metrics.count('jwksRefreshes', { result: 'failed' });
      log.warn({ err: error, nextMs }, 'the keys of JWKS_URL were not fetched; the last ones stay in use');
      isFailing = true;
    },
  };
}
