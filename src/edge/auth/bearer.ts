import { errors, jwtVerify, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Admission } from '../../credits/users/admit-caller.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';
import { TOKEN_CACHE_MAX, TOKEN_LENGTH_MAX } from '../../kit/limits.js';
import type { Principal } from '../../kit/principal.js';
import { atFault, readClaims, type ClaimRules, type Verified } from './claims.js';
import type { Issuer } from './issuers.js';

/** The principal of an `Authorization` header. Throws GatewayError unauthenticated or ledger_unavailable. */
export type Authenticate = (authorization: string | undefined) => Principal | Promise<Principal>;

export type BearerDeps = ClaimRules & {
  readonly issuers: readonly Issuer[];
  readonly clock: Clock;
  /**
   * Called when a token enters the cache, before its request continues: decides whether the issuer may speak for the account,
   * and moves credits that were granted to the user's name to it. The request waits for it, so it must be bounded in time
   * and must never throw.
   */
  readonly admitted: (principal: Principal) => Promise<Admission>;
};

const PREFIX = 'Bearer ';
/** Three parts of base64url. The library also takes padding and spaces, which would give one token many spellings. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** What a verified token may lack; the library's own words also name the value that it expects. */
const PROBLEMS: Readonly<Record<string, string>> = {
  missing: 'is missing', invalid: 'is not a time',
  iss: 'is not an accepted issuer', aud: 'does not name this gateway', nbf: 'is in the future',
};

/**
 * Authenticates `Bearer` headers: signature by one of the issuers, claims by the rules of docs/contracts/README.md#identity. A token that
 * was verified once is remembered (by the whole header), which makes the usual request cost one lookup.
 */
export function bearer(deps: BearerDeps): Authenticate {
  const { clock, admitted } = deps;
  const cache = new LRUCache<string, Verified>({ max: TOKEN_CACHE_MAX });

  const verifyAndRemember = async (authorization: string): Promise<Principal> => {
    const { issuer, ...verified } = await verify(deps, authorization.slice(PREFIX.length));
    assertAdmitted(await admitted(verified.principal), issuer);
    // Not before: a request that finds it in the cache waits for nothing. Past its end (within the tolerance) it is not kept.
    if (clock() < verified.untilMs) cache.set(authorization, verified);
    return verified.principal;
  };

  return (authorization) => {
    if (!authorization?.startsWith(PREFIX)) throw unauthenticated('Authentication token required');
    const known = cache.get(authorization);
    if (known !== undefined) {
      const nowMs = clock();
      if (known.fromMs <= nowMs && nowMs < known.untilMs) return known.principal;
      cache.delete(authorization);
    }
    return verifyAndRemember(authorization);
  };
}

async function verify(deps: BearerDeps, token: string): Promise<Verified & { readonly issuer: Issuer }> {
  if (token.length > TOKEN_LENGTH_MAX || !COMPACT.test(token)) throw unauthenticated('Invalid token');
  for (const issuer of deps.issuers) {
    const nowMs = deps.clock();
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, issuer.key, {
        algorithms: issuer.algorithms,
        requiredClaims: ['exp', issuer.subjectClaim],
        ...(issuer.issuers === undefined ? {} : { issuer: [...issuer.issuers] }),
        ...(issuer.audiences === undefined ? {} : { audience: [...issuer.audiences] }),
        clockTolerance: deps.clockToleranceSeconds,
        currentDate: new Date(nowMs),
      }));
    } catch (error) {
      // Claims are looked at after the signature: a complaint about them means that this issuer did sign the token.
      if (error instanceof errors.JWTExpired) throw atFault('exp', 'is in the past', 'Token expired', error);
      if (error instanceof errors.JWTClaimValidationFailed) {
        throw atFault(error.claim, PROBLEMS[error.reason] ?? PROBLEMS[error.claim] ?? 'is not accepted', undefined, error);
      }
      // Whatever else was thrown, jose's own or not, this issuer's key did not verify the token: ask the next.
      continue;
    }
    return { issuer, ...readClaims(issuer, payload, deps, nowMs) };
  }
  throw unauthenticated('Invalid token');
}

function assertAdmitted(admission: Admission, { subjectClaim }: Issuer): void {
  switch (admission) {
    case 'admitted':
      return;
    case 'refused':
      throw atFault(subjectClaim, 'is the id or the name of an account that this issuer may not use');
    case 'unknown':
      throw new GatewayError('ledger_unavailable', 'it cannot be checked now whose account this is', { outcome: 'not_executed' });
  }
}

const unauthenticated = (message: string, cause?: unknown): GatewayError => new GatewayError('unauthenticated', message, { cause });
