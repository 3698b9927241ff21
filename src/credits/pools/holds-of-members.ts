import { GatewayError } from '../../kit/errors.js';
import { nameOfAccount } from '../../ledger/account-name.js';
import type { Pools } from './pools.js';

/** A hold as its caller names it. */
type Named = { readonly accountId: string; readonly holdId: string };

export type MemberHold = Named & { readonly spender: string };

/**
 * The hold of a member in its pool: under its own name there, so that two members may use one id and neither reaches the
 * hold of the other. Null for an account that is no member.
 */
export function holdInPool(pools: Pick<Pools, 'payerOf'>, { accountId, holdId }: Named): MemberHold | null {
  const payer = pools.payerOf(accountId);
  if (payer.accountId === accountId) return null;
  return { accountId: payer.accountId, holdId: `${nameOfAccount(accountId)}/${holdId}`, spender: accountId };
}

/**
 * Runs an operation on an existing hold: of a member on the one in its pool, or else on its own from before it was a member.
 * @throws what `run` throws
 */
export async function onHoldOf<Command extends Named, Result>(
  pools: Pick<Pools, 'payerOf'>, command: Command, run: (command: Command) => Promise<Result>,
): Promise<Result> {
  const inPool = holdInPool(pools, command);
  if (inPool === null) return run(command);
  try {
    return await run({ ...command, accountId: inPool.accountId, holdId: inPool.holdId });
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'hold_not_found') return run(command);
    throw error;
  }
}
