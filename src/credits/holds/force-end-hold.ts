import { GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import type { HoldOutcome, Ledger, OverCapture, SettleHold } from '../../ledger/ledger.js';
import { holdResolved } from './hold-outcome.js';

export type ForceEndHoldDeps = {
  readonly ledger: Pick<Ledger, 'settleHold' | 'voidHold'>;
  readonly overCapture: OverCapture;
  readonly debtLimit: Micros | null;
};

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
export async function forceSettleHold(deps: ForceEndHoldDeps, command: ForceEndHold & { readonly cost: Micros }): Promise<ForcedEnd> {
  const { accountId, holdId, cost, actor, reason } = command;
  const settle: SettleHold = {
    accountId, holdId, cost, price: null, by: 'operator', overCapture: deps.overCapture, debtLimit: deps.debtLimit,
    fingerprint: fingerprint('operator/settle', cost),
    // `end` is for lists of streams: the client did not report a complete answer.
    about: writeFacts({
      type: 'operator_end', source: 'console', actor, reason, end: 'aborted',
      usage: { service: 'operator', operation: 'settle', metadata: { sessionId: holdId } },
    }),
  };
  let reply = await deps.ledger.settleHold(settle);
  // The cost is the operator's own; the hold's price only goes on the record.
  if (reply.status === 'price_needed') reply = await deps.ledger.settleHold({ ...settle, price: reply.price });
  if (reply.status === 'settled') return { outcome: reply.outcome, replayed: reply.replayed };
  if (reply.status === 'price_needed') throw new Error(`the price of hold ${holdId} changed while it was settled`);
  throw refused(reply, holdId);
}

/**
 * Ends an open hold of any dialect with nothing captured; one that has ended with nothing captured stays as it is. @throws
 * as `forceSettleHold`.
 */
export async function forceVoidHold(
  { ledger }: Pick<ForceEndHoldDeps, 'ledger'>, { accountId, holdId, actor, reason }: ForceEndHold,
): Promise<ForcedEnd> {
  const reply = await ledger.voidHold({
    accountId, holdId, by: 'operator', about: writeFacts({ type: 'operator_end', source: 'console', actor, reason, end: 'aborted' }),
  });
  if (reply.status === 'voided') return { outcome: reply.outcome, replayed: reply.replayed };
  throw refused(reply, holdId);
}

type Refused =
  | { readonly status: 'hold_resolved'; readonly outcome: HoldOutcome }
  | { readonly status: 'hold_not_found' | 'account_frozen' | 'forbidden' };

function refused(reply: Refused, holdId: string): Error {
  switch (reply.status) {
    case 'hold_resolved':
      return holdResolved(`hold ${holdId}`, reply.outcome);
    case 'hold_not_found':
      return new GatewayError('hold_not_found', `there is no hold ${holdId}`);
    case 'account_frozen':
      return new GatewayError('account_frozen', 'the account is frozen; thaw it first');
    case 'forbidden':
      return new Error(`an operator was refused to end hold ${holdId}`);
  }
}
