import { invalid } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import type { CallerKey } from '../../kit/caller.js';
import type { NativeCaller } from '../../kit/principal.js';
import type { GatewayContext } from '../http/context.js';
import { idempotencyKey } from '../http/idempotency-key.js';

export { IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';

/**
 * The caller's name for this write, or null. Give it to `chargeKey` for a charge, or to a money-in intent; both refuse
 * the name of another request with `idempotency_mismatch`, which `/v1` calls `idempotency_key_reused`.
 */
export const keyOf = (ctx: GatewayContext, caller: NativeCaller): CallerKey | null => idempotencyKey(ctx, caller);

/** The id of a hold that its caller named by a key only. */
export const holdIdOf = ({ caller, key }: CallerKey): string => `key.${fingerprint(caller, key)}`;

/** The same where a repeat without a key would do harm. Throws GatewayError invalid_request when it is missing. */
export function requiredKey(ctx: GatewayContext, caller: NativeCaller): CallerKey {
  const key = keyOf(ctx, caller);
  if (key === null) throw invalid('header.Idempotency-Key', 'is missing: this request must be repeatable');
  return key;
}
