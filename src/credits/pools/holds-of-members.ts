import { GatewayError, invalid } from '../../kit/errors.js';
import { itemAt, runPassing, type Tell } from '../../kit/tell.js';
import { accountOfName, nameOfAccount } from '../../ledger/account-name.js';
import type { Lease, LeaseCall } from '../holds/native/lease.js';
import type { PlaceLease } from '../holds/native/place-lease.js';
import type { Payer, Pools } from './pools.js';

/** The pool that pays, where a member asked. */
export type Paid = { readonly payer?: Payer };

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
 * `payer` is told where the pool pays.
 * @throws what `run` throws
 */
export async function onHoldOf<Command extends Named, Result extends object>(
  pools: Pick<Pools, 'payerOf'>, command: Command, run: (command: Command) => Promise<Result>,
): Promise<Result & Paid> {
  const inPool = holdInPool(pools, command);
  if (inPool === null) return run(command);
  try {
    const { accountId, holdId, spender } = inPool;
    return { ...await run({ ...command, accountId, holdId }), payer: { accountId, spender } };
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'hold_not_found') return run(command);
    throw error;
  }
}

/**
 * Places a hold: of a member in its pool, which pays. The answer names the hold as its caller does. A key of a member is its own,
 * like its ids.
 * @throws GatewayError invalid_request (a pool used an id that belongs to a member), and what `place` throws
 */
export async function placeForMember(
  pools: Pick<Pools, 'payerOf'>, command: PlaceLease, place: (command: PlaceLease) => Promise<Lease>,
): Promise<Lease> {
  const paid = paidBy(pools, command);
  return asNamed(command, paid, await place(paid));
}

/** Does the same for several. */
export function placeForMembers(
  pools: Pick<Pools, 'payerOf'>, commands: readonly PlaceLease[], tell: Tell<Lease>,
  place: (commands: readonly PlaceLease[], tell: Tell<Lease>) => Promise<void>,
): Promise<void> {
  return runPassing(commands, (command) => ({ command, paid: paidBy(pools, command) }), tell, (all, { done, failed }) =>
    place(all.map(({ paid }) => paid), {
      done: (index, lease) => {
        const { command, paid } = itemAt(all, index);
        done(index, asNamed(command, paid, lease));
      },
      failed,
    }));
}

/** The command on the account that pays: the same one, unless that is a pool. */
function paidBy(pools: Pick<Pools, 'payerOf'>, command: PlaceLease): PlaceLease {
  const inPool = holdInPool(pools, command);
  if (inPool === null) {
    const owner = ownerOfId(command.holdId);
    if (owner !== null && owner !== command.accountId && pools.payerOf(owner).accountId === command.accountId) {
      throw invalid('body.id', 'begins with the name of a member of this pool: such ids are the member\'s');
    }
    return command;
  }
  const { spender, ...name } = inPool;
  const key = command.key === null ? null : { ...command.key, key: `${nameOfAccount(spender)}/${command.key.key}` };
  return { ...command, ...name, key, spending: { ...command.spending, spender } };
}

const asNamed = (command: PlaceLease, paid: PlaceLease, lease: Lease): Lease =>
  (paid === command ? lease : { ...lease, holdId: command.holdId, spender: command.accountId });

/** Whose the hold of this id would be in a pool with such a member; null: of no member. */
function ownerOfId(holdId: string): string | null {
  const slash = holdId.indexOf('/');
  return slash < 0 ? null : accountOfName(holdId.slice(0, slash));
}

/** `onHoldOf` for what leaves the hold open. The answer names the hold as its caller does. @throws what `run` throws */
export async function onLeaseOf<Command extends LeaseCall>(
  pools: Pick<Pools, 'payerOf'>, command: Command, run: (command: Command) => Promise<Lease>,
): Promise<Lease> {
  const { payer, ...lease } = await onHoldOf(pools, command, run);
  return payer === undefined ? lease : { ...lease, holdId: command.holdId, spender: payer.spender };
}
