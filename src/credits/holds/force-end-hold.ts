import { GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import type { HoldOutcome } from '../../ledger/ledger.js';
import { endRefusal, type EndRefused } from './hold-refusals.js';
import { settleHold, type SettleHoldDeps } from './settle-hold.js';
import { voidHold, type VoidHoldDeps } from './void-hold.js';

/** An operator ends a hold. The operator and the reason are recorded in the ledger. */
export type ForceEndHold = {
  readonly accountId: string;
  readonly holdId: string;
  /** Account id of the operator. */
  readonly actor: string;
  readonly reason: string;
};

export type ForcedEnd = { readonly outcome: HoldOutcome; readonly replayed: boolean };

/**
 * Settles a hold of any dialect at a cost that an operator states; an expired one is charged late, one that was charged
 * less the difference. Above the hold by the gateway's policy, as any settle. The same cost again has the effect of once.
 *
 * @throws GatewayError hold_not_found, hold_resolved (`first` names how it ended), account_frozen, ledger_unavailable.
 */
export async function forceSettleHold(deps: SettleHoldDeps, command: ForceEndHold & { readonly cost: Micros }): Promise<ForcedEnd> {
  const { accountId, holdId, cost, actor, reason } = command;
  const reply = await settleHold(deps, {
    accountId, holdId, by: 'operator', fingerprint: fingerprint('operator/settle', cost),
    // The cost is the operator's own; the hold's price is only recorded. `end` is for lists of streams: the client did not
    // report a complete answer.
    priced: (known) => ({
      cost, price: known?.price ?? null, facts: {
        type: 'operator_end', source: 'console', actor, reason, end: 'aborted',
        usage: { service: 'operator', operation: 'settle', metadata: { sessionId: holdId } },
      },
    }),
  });
  if (reply.status === 'settled') return { outcome: reply.outcome, replayed: reply.replayed };
  throw refused(reply, holdId);
}

/**
 * Ends an open hold of any dialect with nothing captured; one that has ended with nothing captured stays as it is. @throws
 * as `forceSettleHold`.
 */
export async function forceVoidHold(deps: VoidHoldDeps, { accountId, holdId, actor, reason }: ForceEndHold): Promise<ForcedEnd> {
  const reply = await voidHold(deps, {
    accountId, holdId, by: 'operator', facts: { type: 'operator_end', source: 'console', actor, reason, end: 'aborted' },
  });
  if (reply.status === 'voided') return { outcome: reply.outcome, replayed: reply.replayed };
  throw refused(reply, holdId);
}

/** In the words for operators, who may end every hold and thaw every account. */
function refused(reply: EndRefused, holdId: string): Error {
  if (reply.status === 'forbidden') return new Error(`an operator was refused to end hold ${holdId}`);
  if (reply.status === 'account_frozen') return new GatewayError('account_frozen', 'the account is frozen; thaw it first');
  return endRefusal(reply, `hold ${holdId}`);
}
