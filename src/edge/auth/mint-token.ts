import { SignJWT } from 'jose';

export type TokenClaims = {
  readonly sub: string;
  readonly role?: string | undefined;
  readonly username?: string | undefined;
  readonly email?: string | undefined;
};

/**
 * Signs an access token as the auth service would. For people at a command line and for tests: the gateway itself
 * issues none.
 */
export function mintToken(secret: string, claims: TokenClaims, ttlSeconds: number, nowMs: number): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1_000);
  return new SignJWT({ ...claims, type: 'access' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ttlSeconds)
    .sign(new TextEncoder().encode(secret));
}
