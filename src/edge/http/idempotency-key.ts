import Type from 'typebox';
import { callerOf, type CallerKey } from '../../kit/caller.js';
import { invalid } from '../../kit/errors.js';
import { isVisibleAscii } from '../../kit/ids.js';
import { IDEMPOTENCY_KEY_LENGTH_MAX } from '../../kit/limits.js';
import type { NativeCaller, Principal, ServerCaller } from '../../kit/principal.js';
import type { GatewayContext } from './context.js';

const NAME = 'Idempotency-Key';

/** Declares the header for a route that calls `idempotencyKey`: `headers: IdempotencyKeyHeader`. */
export const IdempotencyKeyHeader = {
  [NAME]: Type.Optional(Type.String({
    // Bare, but not `""`; or quoted.
    pattern: `^(?:[!-~]|[!#-~][!-~]|"[!#-~]|[!-~]{3,${IDEMPOTENCY_KEY_LENGTH_MAX}}|"[!-~]{1,${IDEMPOTENCY_KEY_LENGTH_MAX}}")$`,
    description: `your name for this request, 1 to `
      + `${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters: sent again under the same name, it is answered again and done once`,
  })),
};

/**
 * The caller's name for this request, or null. It names nothing of any other caller. The quotes of the IETF draft's
 * structured field are optional. Sent
 * twice, Node joins the values with a space, which is refused here: an ambiguous key must not name anything.
 */
export function idempotencyKey(ctx: GatewayContext, caller: Principal | ServerCaller | NativeCaller): CallerKey | null {
  const header = ctx.req.headers['idempotency-key'];
  if (header === undefined) return null;
  const value = String(header);
  const key = value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  if (key.length > IDEMPOTENCY_KEY_LENGTH_MAX || !isVisibleAscii(key)) {
    throw invalid(`header.${NAME}`, `${NAME} must be 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters`);
  }
  return { caller: callerOf(caller), key };
}

/** Tells the caller that this answer is that of an earlier, identical request. */
export function markReplayed(ctx: GatewayContext, replayed: boolean): void {
  if (replayed) ctx.res.setHeader('Idempotency-Replayed', 'true');
}
