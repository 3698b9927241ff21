import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../../kit/errors.js';
import { isServerScope, type KeyScope, type ServerCaller } from '../../kit/principal.js';

/** A key that is accepted now, known by its digest only. */
export type KnownKey = ServerCaller & { readonly digest: Buffer; readonly expiresAtMs: number | null; readonly keyId: string | null };

/** Turns an `x-server-api-key` header into who is calling. Throws GatewayError unauthenticated or not_configured. */
export type AuthenticateServer = (header: string | readonly string[] | undefined) => ServerCaller | Promise<ServerCaller>;

const KEY_BYTES = 32;
const KEY_PREFIX = 'cgk_';
/** Longer headers are refused before they are hashed. */
const KEY_LENGTH_MAX = 512;
const HINT_LENGTH = 10;

/**
 * SHA-256 and nothing slower: the keys are 256 random bits, which no dictionary contains, so a slow hash would only cost
 * every request time. The plain key is shown once, when it is made.
 */
export const digestOf = (key: string): Buffer => hash('sha256', key, 'buffer');

export type NewServerKey = { readonly key: string; readonly digest: string; readonly hint: string };

export function makeServerKey(): NewServerKey {
  const key = KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
  return { key, digest: digestOf(key).toString('hex'), hint: `${key.slice(0, HINT_LENGTH)}…` };
}

/** The keys that are accepted now. */
export type KeyRing = {
  /** At most a moment old, see server-key-ring.ts; a promise only when it must be read anew. */
  readonly keys: () => readonly KnownKey[] | Promise<readonly KnownKey[]>;
  /** The keys read anew, for a key that is not among them; null when they cannot be read now. */
  readonly reread: () => Promise<readonly KnownKey[]> | null;
  /** Told of every use. Must neither block nor throw. */
  readonly used: (keyId: string) => void;
};

/**
 * Authenticates servers. What was sent is hashed and compared with the digest of every key, each in constant time and
 * none left out: neither where two texts begin to differ nor which key it was can be read from the clock.
 */
export function serverKeyAuth(ring: KeyRing, clock: () => number): AuthenticateServer {
  const match = (presented: string, keys: readonly KnownKey[]): KnownKey | undefined => {
    const digest = digestOf(presented.slice(0, KEY_LENGTH_MAX + 1));
    let found: KnownKey | undefined;
    for (const each of keys) if (timingSafeEqual(each.digest, digest)) found = each;
    return found;
  };
  const find = (presented: string, keys: readonly KnownKey[]): ServerCaller => {
    if (keys.length === 0) throw new GatewayError('not_configured', 'Server API key not configured');
    const found = match(presented, keys);
    if (found === undefined || (found.expiresAtMs !== null && found.expiresAtMs <= clock())) {
      throw new GatewayError('unauthenticated', 'Invalid server API key');
    }
    if (found.keyId !== null) ring.used(found.keyId);
    return found;
  };

  return (header) => {
    if (typeof header !== 'string' || header === '') throw new GatewayError('unauthenticated', 'Server API key is required');
    const keys = ring.keys();
    if (keys instanceof Promise) return keys.then((loaded) => find(header, loaded));
    // A key that was made a moment ago works at once.
    const newer = match(header, keys) === undefined ? ring.reread() : null;
    return newer === null ? find(header, keys) : newer.then((loaded) => find(header, loaded));
  };
}

/** How every key that was made here begins. Scanners for secrets look for `cgk_` and 43 characters of base64url. */
export const looksLikeApiKey = (text: string): boolean => text.startsWith(KEY_PREFIX) || !/^[^.]*\.[^.]*\.[^.]*$/.test(text);

/** Throws GatewayError forbidden unless the key was made for this. A scope of `/v1` is never implied: a key names it. */
export function assertScope(caller: ServerCaller, scope: KeyScope): void {
  if (caller.scopes.has(scope) || (caller.scopes.has('*') && isServerScope(scope))) return;
  throw new GatewayError('forbidden', `This server API key has no scope ${scope}`);
}
