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

/** What is reserved by a hold that can be ended, or why it cannot. An expired one can still be settled. */
async function reservedBy(
  reads: Reads, { accountId, holdId }: HoldName, mayBeExpired: boolean,
): Promise<{ readonly amount: Micros; readonly isOpen: boolean } | Problem> {
  const open = (await reads.snapshot(accountId)).holds.find((hold) => hold.holdId === holdId);
  if (open !== undefined) return { amount: open.amount, isOpen: true };
  const life = await reads.hold(accountId, holdId);
  if (life === null) throw new GatewayError('hold_not_found', 'This account has no such hold');
  const { state, amount, captured } = life.row;
  // A snapshot lists a thousand holds at most.
  if (state === 'open') return { amount, isOpen: true };
  if (state === 'expired' && mayBeExpired) return { amount, isOpen: false };
  return { problem: `The hold has ended already: ${state}, ${credits(captured)} credits charged` };
}

export function settleAction(reads: Reads, { settle }: Pick<OperatorActions, 'settle'>): HoldAction<Micros> {
  return {
    ...common('settle'), title: 'Settle hold', explanation: 'Charges what was really used, and gives the rest of the hold back. '
      + 'For an answer whose end was never told.', isDangerous: true,
    fields: (form) => creditsField(form, 'what it cost; what is above the hold comes from what is available, then by the gateway’s policy'),
    read: (form) => readCredits(form['credits'] ?? ''),
    preview: async (target, cost) => {
      const hold = await reservedBy(reads, target, true);
      if ('problem' in hold) return hold;
      const { amount, isOpen } = hold;
      const fromHold = isOpen ? Math.min(cost, amount) : 0;
      return [
        ['Account', target.accountId], ['Hold', html`<span class="mono">${target.holdId}</span>`], ['Charged', `${credits(cost)} credits`],
        ...(isOpen
          ? [['From the hold', credits(micros(fromHold))] as const, ['Given back', credits(micros(amount - fromHold))] as const]
          : [['The hold expired', 'so all of it is charged late, once'] as const]),
        ...(cost > fromHold ? [
          ['Above the hold', `${credits(micros(cost - fromHold))}, from what is available, then by policy`] as const,
        ] : []),
      ];
    },
    run: async (target, cost, { actor, reason }) => told('Settled', await settle({ ...target, cost, actor, reason })),
  };
}

export function voidAction(reads: Reads, actions: Pick<OperatorActions, 'void'>): HoldAction<null> {
  return {
    ...common('void'), title: 'Void hold',
    explanation: 'Ends the hold with nothing charged: everything goes back to the lots it came from.', isDangerous: true,
    fields: () => html``, read: () => null,
    preview: async (target) => {
      const hold = await reservedBy(reads, target, false);
      if ('problem' in hold) return hold;
      return [
        ['Account', target.accountId], ['Hold', html`<span class="mono">${target.holdId}</span>`], ['Charged', 'nothing'],
        ['Given back', `${credits(hold.amount)} credits`],
      ];
    },
    run: async (target, _, { actor, reason }) => told('Voided', await actions.void({ ...target, actor, reason })),
  };
}

function told(what: string, { outcome, replayed }: ForcedEnd): Done {
  const list: Fact[] = [['Charged', credits(outcome.captured)], ['Released', credits(outcome.released)]];
  if (outcome.expired > 0) list.push(['Expired with their lots', credits(outcome.expired)]);
  if (outcome.debt > 0) list.push(['Of that, debt', credits(outcome.debt)]);
  if (outcome.uncollected > 0) list.push(['Never collected', credits(outcome.uncollected)]);
  return {
    says: `${what}${replayed ? '; it had been already, once' : ''}.`,
    facts: [...list, ['Available now', credits(outcome.available)]],
  };
}
