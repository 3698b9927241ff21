import type { ForcedEnd } from '../../credits/holds/force-end-hold.js';
import { GatewayError } from '../../kit/errors.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { GatewayContext } from '../http/context.js';
import { html } from '../http/html.js';
import { creditsField, readCredits } from './account-actions.js';
import { accountIdIn, holdIdIn } from './account.routes.js';
import type { AccountReads, OperatorActions } from './accounts.js';
import type { Action, Done, Problem } from './action.js';
import { credits, holdPath, type Fact } from './parts.js';

type HoldName = { readonly accountId: string; readonly holdId: string };
type HoldAction<Wish> = Action<HoldName, Wish>;
type Reads = Pick<AccountReads, 'snapshot' | 'hold'>;

const common = (name: string) => ({
  path: `/console/accounts/:accountId/holds/:holdId/${name}`,
  target: (ctx: GatewayContext): HoldName => ({ accountId: accountIdIn(ctx), holdId: holdIdIn(ctx) }),
  home: ({ accountId, holdId }: HoldName): string => holdPath(accountId, holdId),
});

/** The amount that the hold reserves, or why it cannot be ended. An expired hold can still be settled. */
async function reservedBy(
  reads: Reads, { accountId, holdId }: HoldName, mayBeExpired: boolean,
): Promise<{ readonly amount: Micros; readonly isOpen: boolean } | Problem> {
  const open = (await reads.snapshot(accountId)).holds.find((hold) => hold.holdId === holdId);
  if (open !== undefined) return { amount: open.amount, isOpen: true };
  const life = await reads.hold(accountId, holdId);
  if (life === null) throw new GatewayError('hold_not_found', 'This account has no such hold');
  const { state, amount, captured } = life.row;
  // A snapshot lists at most a thousand holds, so an open hold may be missing from it.
  if (state === 'open') return { amount, isOpen: true };
  if (state === 'expired' && mayBeExpired) return { amount, isOpen: false };
  return { problem: `The hold has already ended: ${state}, ${credits(captured)} credits charged` };
}

export function settleAction(reads: Reads, { settle }: Pick<OperatorActions, 'settle'>): HoldAction<Micros> {
  return {
    ...common('settle'), title: 'Settle hold', explanation: 'Charges what was really used and releases the rest of the hold. '
      + 'Use it when the proxy never reported the end of an answer.', isDangerous: true,
    fields: (form) => creditsField(form, 'the cost; an excess over the hold is taken from available credits, then by OVER_CAPTURE'),
    read: (form) => readCredits(form['credits'] ?? ''),
    preview: async (target, cost) => {
      const hold = await reservedBy(reads, target, true);
      if ('problem' in hold) return hold;
      const { amount, isOpen } = hold;
      const fromHold = isOpen ? Math.min(cost, amount) : 0;
      return [
        ['Account', target.accountId], ['Hold', html`<span class="mono">${target.holdId}</span>`], ['Charged', `${credits(cost)} credits`],
        ...(isOpen
          ? [['From the hold', credits(micros(fromHold))] as const, ['Released', credits(micros(amount - fromHold))] as const]
          : [['The hold has expired', 'the full cost is charged late, once'] as const]),
        ...(cost > fromHold ? [
          ['Above the hold', `${credits(micros(cost - fromHold))}, from available credits, then by OVER_CAPTURE`] as const,
        ] : []),
      ];
    },
    run: async (target, cost, { actor, reason }) => told('Settled', await settle({ ...target, cost, actor, reason })),
  };
}

export function voidAction(reads: Reads, actions: Pick<OperatorActions, 'void'>): HoldAction<null> {
  return {
    ...common('void'), title: 'Void hold',
    explanation: 'Ends the hold without a charge: all reserved credits return to their lots.', isDangerous: true,
    fields: () => html``, read: () => null,
    preview: async (target) => {
      const hold = await reservedBy(reads, target, false);
      if ('problem' in hold) return hold;
      return [
        ['Account', target.accountId], ['Hold', html`<span class="mono">${target.holdId}</span>`], ['Charged', 'nothing'],
        ['Released', `${credits(hold.amount)} credits`],
      ];
    },
    run: async (target, _, { actor, reason }) => told('Voided', await actions.void({ ...target, actor, reason })),
  };
}

function told(what: string, { outcome, replayed }: ForcedEnd): Done {
  const list: Fact[] = [['Charged', credits(outcome.captured)], ['Released', credits(outcome.released)]];
  if (outcome.expired > 0) list.push(['Expired with their lots', credits(outcome.expired)]);
  if (outcome.debt > 0) list.push(['Of which debt', credits(outcome.debt)]);
  if (outcome.uncollected > 0) list.push(['Never collected', credits(outcome.uncollected)]);
  return {
    says: `${what}${replayed ? ' (already applied before; nothing changed now)' : ''}.`,
    facts: [...list, ['Available now', credits(outcome.available)]],
  };
}
