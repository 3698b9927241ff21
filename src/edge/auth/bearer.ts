import { errors, jwtVerify, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';
import { isAccountId, isStorable } from '../../kit/ids.js';
import { TOKEN_CACHE_MAX, TOKEN_LENGTH_MAX } from '../../kit/limits.js';
import type { Principal, Role } from '../../kit/principal.js';
import type { Issuer } from './issuers.js';

/** The principal of an `Authorization` header. Throws only GatewayError unauthenticated. */
export type Authenticate = (authorization: string | undefined) => Principal | Promise<Principal>;

export type BearerDeps = {
  readonly issuers: readonly Issuer[];
  readonly maxTokenAgeSeconds: number;
  readonly clock: Clock;
  /**
   * Called when a token enters the cache, before its request continues: moves credits that were granted to the user's name
   * to the account. The request waits for it, so it must be bounded in time and must never throw.
   */
  readonly admitted: (principal: Principal) => Promise<void>;
};

/** A verified token and when that knowledge holds: never past its expiry, nor before its start if a clock steps back. */
type Verified = { readonly principal: Principal; readonly fromMs: number; readonly untilMs: number };

const PREFIX = 'Bearer ';
/** Clocks of two machines may differ by this much. The cache does not use it: at the edge a token is verified again. */
const CLOCK_TOLERANCE_SECONDS = 5;
/** Three parts of base64url. The library also takes padding and spaces, which would give one token many spellings. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Longest username or e-mail that is kept; a longer one is left out, because a profile must never fail a login. */
const PROFILE_LENGTH_MAX = 320;

/** Only these words are roles, and the powerful ones only exactly so; see `readRole`. */
const ROLES: ReadonlyMap<string, Role> = new Map([['admin', 'admin'], ['supervisor', 'supervisor'], ['enduser', 'user'], ['user', 'user']]);

/**
 * Authenticates `Bearer` headers: signature by one of the issuers, claims by the rules of docs/contracts/README.md#identity. A token that
 * was verified once is remembered (by the whole header), which makes the usual request cost one lookup.
 */
export function bearer(deps: BearerDeps): Authenticate {
  const { clock, admitted } = deps;
  const cache = new LRUCache<string, Verified>({ max: TOKEN_CACHE_MAX });

  const verifyAndRemember = async (authorization: string): Promise<Principal> => {
    const verified = await verify(deps, authorization.slice(PREFIX.length));
    if (clock() < verified.untilMs) {
      await admitted(verified.principal);
      // Not before: a request that finds it in the cache waits for nothing.
      cache.set(authorization, verified);
    }
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

async function verify({ issuers, maxTokenAgeSeconds, clock }: BearerDeps, token: string): Promise<Verified> {
  if (token.length > TOKEN_LENGTH_MAX || !COMPACT.test(token)) throw unauthenticated('Invalid token');
  for (const issuer of issuers) {
    let payload: JWTPayload;
    const maxTokenAge = issuer.maxTokenAgeSeconds ?? maxTokenAgeSeconds;
    try {
      const options = {
        algorithms: issuer.algorithms,
        requiredClaims: ['exp', issuer.subjectClaim],
        maxTokenAge,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(clock()),
      };
      ({ payload } = await jwtVerify(token, issuer.key, options));
    } catch (error) {
      // Claims are looked at after the signature: a complaint about them means that this issuer did sign the token.
      if (error instanceof errors.JWTExpired) throw unauthenticated('Token expired', error);
      if (error instanceof errors.JWTClaimValidationFailed) throw unauthenticated('Authentication failed', error);
      // Whatever else was thrown, jose's own or not, this issuer's key did not verify the token: ask the next.
      continue;
    }
    return readClaims(issuer, payload, maxTokenAge);
  }
  throw unauthenticated('Invalid token');
}

function readClaims(issuer: Issuer, payload: JWTPayload, maxTokenAgeSeconds: number): Verified {
  const { type, exp, iat, nbf } = payload;
  if (type === undefined ? issuer.requireType : type !== 'access') throw unauthenticated('Invalid token type');
  const accountId = payload[issuer.subjectClaim];
  if (typeof accountId !== 'string' || !isAccountId(accountId)) {
    throw unauthenticated('Authentication failed');
  }
  // JSON's 1e400 is Infinity, a number that no comparison refuses.
  if (!Number.isFinite(exp) || !Number.isFinite(iat)) throw unauthenticated('Authentication failed');
  const principal: Principal = {
    accountId,
    role: issuer.grantsRoles ? readRole(payload['role']) : 'user',
    username: profileText(payload['username']),
    // An unverified e-mail may belong to another user, and accounts are found and claimed by e-mail.
    email: payload['email_verified'] === false ? null : profileText(payload['email']),
    issuer: issuer.name,
  };
  const untilSeconds = Math.min(exp ?? 0, (iat ?? 0) + maxTokenAgeSeconds);
  return { principal, fromMs: (nbf ?? 0) * 1_000, untilMs: untilSeconds * 1_000 };
}

/**
 * The role of a token; absent: none. One service mints `User`, so the roles without rights are accepted in any case.
 * `Admin` or `admin ` do not count as `admin`.
 */
function readRole(claim: unknown): Role {
  if (claim === undefined || claim === null) return 'user';
  if (typeof claim === 'string') {
    const role = ROLES.get(claim);
    if (role !== undefined) return role;
    if (ROLES.get(claim.toLowerCase()) === 'user') return 'user';
  }
  throw unauthenticated('Authentication failed');
}

const profileText = (claim: unknown): string | null =>
  typeof claim === 'string' && claim !== '' && claim.length <= PROFILE_LENGTH_MAX && isStorable(claim) ? claim : null;

const unauthenticated = (message: string, cause?: unknown): GatewayError => new GatewayError('unauthenticated', message, { cause });
