import { fingerprint } from './ids.js';
import type { NativeCaller, Principal, ServerCaller } from './principal.js';

/** An idempotency key with the caller who sent it. The same key of another caller names another request (docs/routes.md#idempotency). */
export type CallerKey = { readonly caller: string; readonly key: string };

/**
 * The unique name of a caller: issuer and subject of a token, or the id of a server's key. At most 64 characters without
 * colon, slash or space, so that a suffix can never be read as part of the name. Subjects are hashed, because they may
 * be any text.
 */
export function callerOf(caller: Principal | ServerCaller | NativeCaller): string {
  if ('kind' in caller) return callerOf(caller.kind === 'service' ? caller.key : caller.token);
  return 'accountId' in caller ? `${caller.issuer}.${fingerprint(caller.accountId)}` : `server.${caller.id}`;
}
