import { GatewayError } from '../../kit/errors.js';
import type { RefundCommand, Refunded } from '../refunds/refund-credits.js';
import { holdInPool, type Paid } from './holds-of-members.js';
import type { RefundOf } from '../refunds/find-captured.js';
import type { Pools } from './pools.js';

/** What says that the pool has nothing of this name, or that the key is that of a refund from before the membership. */
const ELSEWHERE: ReadonlySet<string> = new Set(['hold_not_found', 'not_found', 'idempotency_mismatch']);

/**
 * Refunds a hold or a charge that is named by the account that made it: of a member the one in its pool, or else its own from before
 * it was a member. `payer` is told where the pool gets the credits. An entry is one of the account that is named.
 *
 * @throws what `refund` throws
 */
export async function refundForMember(
  pools: Pick<Pools, 'payerOf'>, command: RefundCommand, refund: (command: RefundCommand) => Promise<Refunded>,
): Promise<Refunded & Paid> {
  const { accountId, of } = command;
  const payer = pools.payerOf(accountId);
  const inPool = payer.accountId === accountId ? null : ofInPool(pools, accountId, of);
  if (inPool === null) return refund(command);
  try {
    return { ...await refund({ ...command, accountId: payer.accountId, of: inPool }), payer };
  } catch (error) {
    if (error instanceof GatewayError && ELSEWHERE.has(error.code)) return refund(command);
    throw error;
  }
}

/** What a member names, as its pool names it. */
function ofInPool(pools: Pick<Pools, 'payerOf'>, accountId: string, of: RefundOf): RefundOf | null {
  if ('charge' in of) return { ...of, spender: accountId };
  const inPool = 'hold' in of ? holdInPool(pools, { accountId, holdId: of.hold }) : null;
  return inPool === null ? null : { hold: inPool.holdId };
}
