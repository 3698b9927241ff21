import type { JWTPayload } from 'jose';
import { GatewayError } from '../../kit/errors.js';
import { isAccountId, isStorable } from '../../kit/ids.js';
import { ACCOUNT_ID_LENGTH_MAX } from '../../kit/limits.js';
import type { Principal, Role } from '../../kit/principal.js';
import type { Issuer } from './issuers.js';
import { readRole } from './roles.js';

/** A verified token and when that knowledge holds: never past its expiry, nor before its start if a clock steps back. */
export type Verified = { readonly principal: Principal; readonly fromMs: number; readonly untilMs: number };

export type ClaimRules = {
  readonly maxTokenAgeSeconds: number;
  readonly clockToleranceSeconds: number;
  /** What words of the roles' claim mean. */
  readonly roleWords: ReadonlyMap<string, Role>;
};

/** Longest username or e-mail that is kept; a longer one is left out, because a profile must never fail a login. */
const PROFILE_LENGTH_MAX = 320;

/**
 * Reads the claims of a token whose signature, `exp`, `nbf`, `iss` and `aud` have been verified. Throws GatewayError
 * unauthenticated, with the claim at fault as its source.
 */
export function readClaims(issuer: Issuer, payload: JWTPayload, rules: ClaimRules, nowMs: number): Verified {
  const { type, nbf } = payload;
  if (type === undefined ? issuer.requireType : type !== 'access') {
    throw atFault('type', type === undefined ? 'is missing; only "access" is accepted' : 'is not "access"', 'Invalid token type');
  }
  const accountId = payload[issuer.subjectClaim];
  if (typeof accountId !== 'string' || accountId.length > ACCOUNT_ID_LENGTH_MAX || !isAccountId(accountId)) {
    throw atFault(issuer.subjectClaim, 'is not the id of an account');
  }
  const untilSeconds = endOf(payload, { ...rules, maxTokenAgeSeconds: issuer.maxTokenAgeSeconds ?? rules.maxTokenAgeSeconds }, nowMs);
  const principal: Principal = {
    accountId,
    role: readRole(payload, issuer.roleClaims, rules.roleWords),
    username: profileText(payload['username']),
    // An unverified e-mail may belong to another user, and accounts are found and claimed by e-mail.
    email: isEmailVerified(payload['email_verified']) ? profileText(payload['email']) : null,
    issuer: issuer.name,
  };
  return { principal, fromMs: (nbf ?? 0) * 1_000, untilMs: untilSeconds * 1_000 };
}

/**
 * When the token ends, in seconds: at its expiry, or at the age limit if that is earlier. Without `iat` its age is unknown;
 * then an expiry that lies further ahead than any token may last is refused, so that no token lasts for ever.
 */
function endOf({ exp, iat }: JWTPayload, { maxTokenAgeSeconds, clockToleranceSeconds }: ClaimRules, nowMs: number): number {
  const nowSeconds = Math.floor(nowMs / 1_000);
  // JSON's 1e400 is Infinity, a number that no comparison refuses.
  if (exp === undefined || !Number.isFinite(exp)) throw atFault('exp', 'is not a time');
  if (iat === undefined) {
    if (exp - nowSeconds > maxTokenAgeSeconds + clockToleranceSeconds) {
      throw atFault('exp', `is more than ${maxTokenAgeSeconds} s ahead, and there is no iat`);
    }
    return exp;
  }
  if (!Number.isFinite(iat)) throw atFault('iat', 'is not a time');
  if (iat - nowSeconds > clockToleranceSeconds) throw atFault('iat', 'is in the future');
  if (nowSeconds - iat > maxTokenAgeSeconds + clockToleranceSeconds) {
    throw atFault('iat', `is more than ${maxTokenAgeSeconds} s ago`, 'Token expired');
  }
  return Math.min(exp, iat + maxTokenAgeSeconds);
}

/** Absent: the issuer only states addresses that it has verified. Some issuers write the boolean as text. */
const isEmailVerified = (claim: unknown): boolean => claim === undefined || claim === true || claim === 'true';

const profileText = (claim: unknown): string | null =>
  typeof claim === 'string' && claim !== '' && claim.length <= PROFILE_LENGTH_MAX && isStorable(claim) ? claim : null;

/** The 401 of a token whose signature was verified: only then may the answer tell which claim is at fault, and why. */
export const atFault = (claim: string, problem: string, message = 'Authentication failed', cause?: unknown): GatewayError =>
  new GatewayError('unauthenticated', message, { sources: [{ path: `token.${claim}`, message: problem }], cause });
