import { EXPIRY_DAYS_MAX } from '../../kit/limits.js';
import { parseCredits, type CreditsProblem } from '../../kit/money/credits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { AccountSnapshot } from '../../ledger/account-snapshot.js';
import type { Form } from '../http/form.js';
import { html, type Html } from '../http/html.js';
import { accountIdIn } from './account.routes.js';
import type { AccountReads, OperatorActions } from './accounts.js';
import { isProblem, type Action, type By, type Problem } from './action.js';
import { accountPath, change, credits, type Fact } from './parts.js';

type AccountAction<Wish> = Action<string, Wish>;
type Terms = { readonly amount: Micros; readonly expiryDays: number };

const EXPIRY_DAYS = '30';
const PROBLEMS: Readonly<Record<CreditsProblem, string>> = {
  not_a_number: 'Credits are a number such as 5 or 7.50', negative: 'Credits must not be negative',
  too_precise: 'Credits have at most six decimals', too_large: 'No single step may move more than 999 999 999.999999 credits',
};

/** An amount of credits as an operator types it. */
export function readCredits(text: string): Micros | Problem {
  const amount = parseCredits(text.trim());
  return typeof amount === 'string' ? { problem: PROBLEMS[amount] } : amount;
}

export const creditsField = (form: Form, hint: string): Html => html`<label for="credits">Credits <span class="hint">${hint}</span></label>
<input id="credits" name="credits" inputmode="decimal" required autocomplete="off" maxlength="20" value="${form['credits'] ?? ''}">
`;
const daysField = (form: Form, hint: string): Html =>
  html`<label for="days">Days until they expire <span class="hint">${hint}</span></label>
<input id="days" name="days" type="number" min="1" max="${EXPIRY_DAYS_MAX}" required value="${form['days'] ?? EXPIRY_DAYS}">
`;

function readTerms(form: Form, sign: '' | '-'): Terms | Problem {
  const text = (form['credits'] ?? '').trim().replace(/^\+/, '');
  const amount = readCredits(sign === '' ? text : text.slice(1));
  if (isProblem(amount)) return amount;
  if (amount === 0) return { problem: 'That would change nothing' };
  const days = form['days'] ?? EXPIRY_DAYS;
  if (!/^[1-9]\d{0,4}$/.test(days) || Number(days) > EXPIRY_DAYS_MAX) {
    return { problem: `Days are a whole number from 1 to ${EXPIRY_DAYS_MAX}` };
  }
  return { amount: micros(sign === '' ? amount : 0 - amount), expiryDays: Number(days) };
}

const common = (name: string) => ({ path: `/console/accounts/:accountId/${name}`, target: accountIdIn, home: accountPath });
const aboutOf = ({ actor, reason }: By): string => JSON.stringify({ source: 'console', actor, reason });

/** What a change of `amount` would make of the account as it is now. */
function effectOf(accountId: string, { available, debt }: AccountSnapshot, amount: Micros): Fact[] {
  const debtPaid = Math.min(debt, Math.max(amount, 0));
  return [
    ['Account', accountId], ['Change', `${change(amount)} credits`],
    ['Available', `${credits(available)} → ${credits(micros(available + amount - debtPaid))}`],
    ...(debt === 0 ? [] : [['Debt', `${credits(debt)} → ${credits(micros(debt - debtPaid))}`] as const]),
  ];
}

export function grantAction(reads: Pick<AccountReads, 'snapshot'>, { grant }: Pick<OperatorActions, 'grant'>): AccountAction<Terms> {
  return {
    ...common('grant'), title: 'Grant credits', explanation: 'Gives the account a lot of credits. Debt is paid first.',
    fields: (form) => html`${creditsField(form, 'such as 5 or 7.50')}${daysField(form, 'from the moment they are granted')}`,
    read: (form) => readTerms(form, ''),
    preview: async (accountId, { amount, expiryDays }) => [
      ...effectOf(accountId, await reads.snapshot(accountId), amount), ['Expire after', `${expiryDays} days`],
    ],
    run: async (accountId, { amount, expiryDays }, by) => {
      const granted = await grant({ accountId, target: accountId, amount, expiryDays, key: by.key, about: aboutOf(by) });
      if (granted.status === 'pending') {
        return { says: 'Recorded. Redis did not take it yet; it will be there as soon as Redis can.', facts: [] };
      }
      return {
        says: `${credits(amount)} credits granted${granted.replayed ? '; they had been already, once' : ''}.`,
        facts: [['Lot', granted.id], ['Left of it after debt', credits(granted.remaining)]],
      };
    },
  };
}

export function adjustAction(reads: Pick<AccountReads, 'snapshot'>, { adjust }: Pick<OperatorActions, 'adjust'>): AccountAction<Terms> {
  return {
    ...common('adjust'), title: 'Adjust credits',
    explanation: 'Adds credits, or takes some of those that are available: all of them or none.', isDangerous: true,
    fields: (form) => html`${creditsField(form, 'such as 5, or −5 to take them away')}${daysField(form, 'of credits that are added')}`,
    read: (form) => readTerms(
      { ...form, credits: (form['credits'] ?? '').trim().replace(/^[−–]/, '-') },
      /^\s*[-−–]/.test(form['credits'] ?? '') ? '-' : '',
    ),
    preview: async (accountId, { amount, expiryDays }) => {
      const snapshot = await reads.snapshot(accountId);
      if (snapshot.available + amount < 0) {
        return { problem: `The account has ${credits(snapshot.available)} credits available, which is less` };
      }
      return [...effectOf(accountId, snapshot, amount), ...(amount > 0 ? [['Expire after', `${expiryDays} days`] as const] : [])];
    },
    run: async (accountId, { amount, expiryDays }, by) => {
      const result = await adjust({ accountId, target: accountId, delta: amount, expiryDays, key: by.key, about: aboutOf(by) });
      switch (result.status) {
        case 'pending': return { says: 'Recorded. Redis did not take it yet; it will happen as soon as Redis can.', facts: [] };
        case 'insufficient': return { says: `Nothing changed: only ${credits(result.available)} credits are available.`, facts: [] };
        case 'changed': return {
          says: `Adjusted by ${change(amount)} credits${result.replayed ? '; it had been already, once' : ''}.`,
          facts: [['Available before', credits(result.previous)], ['Available after', credits(result.available)]],
        };
      }
    },
  };
}

export function freezeAction(reads: Pick<AccountReads, 'snapshot'>, { freeze }: Pick<OperatorActions, 'freeze'>): AccountAction<null> {
  return {
    ...common('freeze'), title: 'Freeze account', explanation: 'Stops every write to this account, until somebody thaws it: '
      + 'holds, settlements, charges and grants are refused. Nothing of it expires meanwhile.', isDangerous: true,
    fields: () => html``, read: () => null,
    preview: async (accountId) => {
      const { frozen, available, held, holds } = await reads.snapshot(accountId);
      if (frozen) return { problem: 'The account is frozen already' };
      return [
        ['Account', accountId], ['Available', `${credits(available)}, which nobody can spend then`],
        ['Held', `${credits(held)}, by ${holds.length} open holds`],
      ];
    },
    run: async (accountId, _, { actor, reason }) => {
      const { changed } = await freeze({ accountId, actor, reason });
      return {
        says: changed ? 'The account is frozen.' : 'The account is frozen. It had been already; the first reason stands.',
        facts: [],
      };
    },
  };
}

export function thawAction(reads: Pick<AccountReads, 'snapshot'>, { thaw }: Pick<OperatorActions, 'thaw'>): AccountAction<null> {
  return {
    ...common('thaw'), title: 'Thaw account',
    explanation: 'Allows writes to the account again. What fell due meanwhile ends within seconds.',
    fields: () => html``, read: () => null,
    preview: async (accountId) => {
      const { frozen, available } = await reads.snapshot(accountId);
      return frozen ? [['Account', accountId], ['Available', `${credits(available)}, which can be spent again`]] : {
        problem: 'The account is not frozen',
      };
    },
    run: async (accountId, _, { actor, reason }) => {
      await thaw({ accountId, actor, reason });
      return { says: 'The account can spend again.', facts: [] };
    },
  };
}
