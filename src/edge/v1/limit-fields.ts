import Type from 'typebox';
import { unknownLimit } from '../../credits/limits/limit-refusal.js';
import { LIMITS_PER_ACCOUNT_MAX } from '../../kit/limits.js';
import type { Micros } from '../../kit/money/micros.js';
import { AmountIn, amountIn } from './values.js';

/** The ids of limits, and where a hold names them. */

export const LIMIT_ID_LENGTH_MAX = 64;
export const LIMIT_ID = '^[A-Za-z0-9_][A-Za-z0-9._-]*$';

export const isLimitId = (text: string): boolean => text.length <= LIMIT_ID_LENGTH_MAX && new RegExp(LIMIT_ID).test(text);

/** `limits` of a place. */
export const OwnLimitsMember = () => Type.Optional(Type.Record(Type.String(), AmountIn(), {
  maxProperties: LIMITS_PER_ACCOUNT_MAX,
  description: 'by the id of a limit of the account, what it allows this hold at most: the smaller of the two amounts binds',
}));

/** They, in the order of their ids. @throws GatewayError invalid_request; unknown_limit for what is no id of a limit */
export function ownLimitsIn(limits: Readonly<Record<string, number | string>> = {}): (readonly [limitId: string, amount: Micros])[] {
  return Object.entries(limits).sort(([a], [b]) => (a < b ? -1 : 1)).map(([limitId, amount]) => {
    if (!isLimitId(limitId)) throw unknownLimit(limitId);
    return [limitId, amountIn(amount, `body.limits.${limitId}`)];
  });
}
