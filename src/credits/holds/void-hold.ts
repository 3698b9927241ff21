import { writeFacts, type WrittenFacts } from '../../ledger/facts.js';
import type { Ledger, Principal, VoidHoldReply } from '../../ledger/ledger.js';

export type VoidHoldDeps = { readonly ledger: Pick<Ledger, 'voidHold'> };

export type VoidHoldCommand = {
  readonly accountId: string; readonly holdId: string; readonly facts: WrittenFacts; readonly by: Principal;
};

/**
 * Ends a hold with nothing charged; one that has ended with nothing charged stays as it is. `endRefusal` turns a refusal into
 * a failure.
 *
 * @throws GatewayError ledger_unavailable, as `settleHold`.
 */
export function voidHold({ ledger }: VoidHoldDeps, { facts, ...command }: VoidHoldCommand): Promise<VoidHoldReply> {
  return ledger.voidHold({ ...command, about: writeFacts(facts) });
}
