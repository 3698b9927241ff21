import { createSecretKey, type KeyObject } from 'node:crypto';
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import type { AuthConfig } from '../../config.js';
import type { IssuerName } from '../../kit/principal.js';

/** One party whose signature is believed, and what it may say. */
export type Issuer = {
  readonly name: IssuerName;
  /** One family per key, stated, so that neither the token nor a library default can choose another (RFC 8725 §3.1). */
  readonly algorithms: string[];
  readonly key: KeyObject | JWTVerifyGetKey;
  readonly subjectClaim: 'sub' | 'userId';
  readonly grantsRoles: boolean;
  /** Refuses tokens that do not say they are access tokens (JWT_REQUIRE_TYPE). */
  readonly requireType: boolean;
  /** Its tokens live longer, or shorter, than JWT_MAX_AGE_SECONDS says. */
  readonly maxTokenAgeSeconds?: number;
};

/** ChatsParty signs for seven days and has no refresh (docs/contracts/README.md#identity). */
const CHATSPARTY_MAX_TOKEN_AGE_SECONDS = 7 * 86_400;

/** The configured issuers, shared secrets first: they are decided without a network. */
export function issuersOf(config: AuthConfig): Issuer[] {
  const issuers: Issuer[] = [];
  const { accessSecret, chatspartySecret, jwksUrl, requireType } = config;
  if (accessSecret !== undefined) {
    issuers.push({
      name: 'access', algorithms: ['HS256'], key: secretKey(accessSecret), subjectClaim: 'sub', grantsRoles: true, requireType,
    });
  }
  if (chatspartySecret !== undefined) {
    // ChatsParty tokens carry `userId` and neither role nor type (docs/contracts/README.md#identity); what they may
    // claim stays that little.
    issuers.push({
      name: 'chatsparty', algorithms: ['HS256'], key: secretKey(chatspartySecret), subjectClaim: 'userId', grantsRoles: false,
      requireType: false, maxTokenAgeSeconds: CHATSPARTY_MAX_TOKEN_AGE_SECONDS,
    });
  }
  if (jwksUrl !== undefined) {
    issuers.push({
      name: 'jwks', algorithms: ['RS256', 'ES256'], key: remoteKeys(new URL(jwksUrl)), subjectClaim: 'sub', grantsRoles: true,
      requireType,
    });
  }
  return issuers;
}

const secretKey = (secret: string): KeyObject => createSecretKey(secret, 'utf8');

/** A key server that does not answer must not hold a request longer than this. */
const JWKS_TIMEOUT_MS = 2_000;

/**
 * Keys of a JWKS URL: fetched when first needed, again every ten minutes, and when a token names an unknown key (at
 * most every 30 s, so that forged key ids cannot be used to hammer the key server). While the server is down the last
 * keys it gave stay good; before it ever answered nothing verifies.
 */
function remoteKeys(url: URL): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(url, { timeoutDuration: JWKS_TIMEOUT_MS });
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      const isAnswer = error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;
      const last = isAnswer ? undefined : remote.jwks();
      if (last === undefined) throw error;
      return createLocalJWKSet(last)(header, token);
    }
  };
}
