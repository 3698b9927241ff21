import { createSecretKey, type KeyObject } from 'node:crypto';
import type { JWTVerifyGetKey } from 'jose';
import type { AuthConfig, JwksConfig } from '../../config/auth.js';
import type { Clock } from '../../kit/clock.js';
import type { IssuerName } from '../../kit/principal.js';
import { remoteKeys, type KeysReport, type RemoteKeys } from './remote-keys.js';

/** One party whose signature is believed, and what it may say. */
export type Issuer = {
  readonly name: IssuerName;
  /** One family per key, stated, so that neither the token nor a library default can choose another (RFC 8725 §3.1). */
  readonly algorithms: string[];
  readonly key: KeyObject | JWTVerifyGetKey;
  readonly subjectClaim: 'sub' | 'userId';
  /** Accepted values of `iss` and `aud` (RFC 8725 §3.8, §3.9); undefined: not checked, because the key itself names the issuer. */
  readonly issuers?: readonly string[] | undefined;
  readonly audiences?: readonly string[] | undefined;
  /** Claims with roles: the first that the token has counts. Empty: its tokens carry no role. */
  readonly roleClaims: readonly string[];
  /** Refuses tokens that do not say they are access tokens (JWT_REQUIRE_TYPE). */
  readonly requireType: boolean;
  /** Its tokens live longer, or shorter, than JWT_MAX_AGE_SECONDS says. */
  readonly maxTokenAgeSeconds?: number;
};

/** The configured issuers, and the keys of the one that has a key server. */
export type Issuers = { readonly issuers: readonly Issuer[]; readonly remote: RemoteKeys | undefined };

/** ChatsParty signs for seven days and has no refresh (docs/contracts/README.md#identity). */
const CHATSPARTY_MAX_TOKEN_AGE_SECONDS = 7 * 86_400;

export const ROLES_NOT_USED = 'JWKS_URL is set without JWT_ISSUER and JWT_AUDIENCE: its tokens have no role and claim no credits by name, '
  + 'because any tenant of the key server could have signed them';

/**
 * Whether the tokens of the key server are known to be meant for this gateway. A key server often signs for many tenants,
 * and then only `iss` or `aud` tells whose user a token is.
 */
export const isBound = ({ issuers, audiences }: JwksConfig): boolean => issuers !== undefined || audiences !== undefined;

/** The configured issuers, shared secrets first: they are decided without a network. */
export function issuersOf(config: AuthConfig, clock: Clock, report: KeysReport): Issuers {
  const issuers: Issuer[] = [];
  const { accessSecret, chatspartySecret, jwks, requireType, roles } = config;
  if (accessSecret !== undefined) {
    issuers.push({
      // Tokens with the auth service's own claim keep their role, whatever the claim of the other issuer is.
      name: 'access', algorithms: ['HS256'], key: secretKey(accessSecret), subjectClaim: 'sub',
      roleClaims: [roles.claim, 'role'], requireType,
    });
  }
  if (chatspartySecret !== undefined) {
    // ChatsParty tokens carry `userId` and neither role nor type (docs/contracts/README.md#identity); what they may
    // claim stays that little.
    issuers.push({
      name: 'chatsparty', algorithms: ['HS256'], key: secretKey(chatspartySecret), subjectClaim: 'userId', roleClaims: [],
      requireType: false, maxTokenAgeSeconds: CHATSPARTY_MAX_TOKEN_AGE_SECONDS,
    });
  }
  const remote = jwks === undefined ? undefined : remoteKeys({ url: new URL(jwks.url), clock, report });
  if (jwks !== undefined && remote !== undefined) {
    issuers.push({
      name: 'jwks', algorithms: ['RS256', 'ES256'], key: remote.key, subjectClaim: 'sub', requireType,
      roleClaims: isBound(jwks) ? [roles.claim] : [], issuers: jwks.issuers, audiences: jwks.audiences,
    });
  }
  return { issuers, remote };
}

const secretKey = (secret: string): KeyObject => createSecretKey(secret, 'utf8');
