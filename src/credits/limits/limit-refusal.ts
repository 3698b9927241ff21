import { GatewayError } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { LimitRefusal } from '../../ledger/limits.js';

export type LimitReached = { readonly available: Micros; readonly limit: LimitRefusal };

/**
 * A refusal by a spending limit in the legacy APIs, which know no limits: their answer to too few credits, with the limit
 * named in the sources.
 */
export const limitReached = (required: Micros, { limit }: LimitReached): GatewayError => {
  const { limitId, remaining, resetsAtMs } = limit;
  const until = resetsAtMs === null ? '' : ` until ${new Date(resetsAtMs).toISOString()}`;
  const message = `${toCredits(required)} credits needed, the limit ${limitId} allows ${toCredits(remaining)}${until}`;
  return new GatewayError('insufficient_credits', message, { sources: [{ path: `limits.${limitId}`, message }] });
};

/** The same in `/v1`, which tells what is missing, which limit refused and when it resets. */
export const nativeLimitReached = (required: Micros, { available, limit }: LimitReached): GatewayError => {
  const { limitId, remaining, resetsAtMs } = limit;
  return new GatewayError('limit_reached', `${toCredits(required)} credits needed, the limit ${limitId} allows ${toCredits(remaining)}`, {
    shortage: { required, available: micros(Math.min(available, remaining)), limit: limitId, resetsAtMs },
  });
};

/** A hold names a limit that the account which pays does not have. */
export const unknownLimit = (limitId: string): GatewayError => new GatewayError(
  'unknown_limit', `the account has no limit ${limitId}`, { sources: [{ path: `body.limits.${limitId}`, message: 'is no limit' }] },
);

/**
 * More than one hold of the account may have, in the legacy APIs: their answer to too few credits, with the term named in the
 * sources.
 */
export const holdTooLarge = (most: Micros): GatewayError => {
  const message = `one hold of the account may have ${toCredits(most)} credits at most`;
  return new GatewayError('insufficient_credits', message, { sources: [{ path: 'terms.maxHold', message }] });
};
