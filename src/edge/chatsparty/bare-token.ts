import type { Authenticate } from '../auth/bearer.js';

/**
 * Three parts of base64url and nothing else: a token without its scheme, as the original takes it, too
 * (docs/contracts/README.md#identity).
 */
const BARE_TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Accepts a header that is a token and nothing but a token. It is verified like any other; only the spelling is free. */
export const orBareToken = (authenticate: Authenticate): Authenticate => (authorization) =>
  authenticate(authorization !== undefined && BARE_TOKEN.test(authorization) ? `Bearer ${authorization}` : authorization);
