import { EXPIRY_DAYS_MAX } from '../../kit/limits.js';
import { parseCredits, type CreditsProblem } from '../../kit/money/credits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { AccountSnapshot } from '../../ledger/account-snapshot.js';
import { writeFacts } from '../../ledger/facts.js';
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
  not_a_number: 'Enter credits as a number, such as 5 or 7.50', negative: 'Credits must not be negative',
  too_precise: 'Credits have at most six decimal places',
  too_large: 'A single change is limited to 999 999 999.999999 credits',
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
  if (amount === 0) return { problem: 'An amount of 0 changes nothing' };
  const days = form['days'] ?? EXPIRY_DAYS;
  if (!/^[1-9]\d{0,4}$/.test(days) || Number(days) > EXPIRY_DAYS_MAX) {
    return { problem: `Days must be a whole number from 1 to ${EXPIRY_DAYS_MAX}` };
  }
  return { amount: micros(sign === '' ? amount : 0 - amount), expiryDays: Number(days) };
}

const common = (name: string) => ({ path: `/console/accounts/:accountId/${name}`, target: accountIdIn, home: accountPath });
const aboutOf = ({ actor, reason }: By): string => writeFacts({ type: 'change', source: 'console', actor, reason });

/** The balances before and after a change of `amount`, computed from the current snapshot. */
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
    ...common('grant'), title: 'Grant credits', explanation: 'Adds a lot of credits to the account. Debt is repaid first.',
    fields: (form) => html`${creditsField(form, 'such as 5 or 7.50')}${daysField(form, 'counted from the grant')}`,
    read: (form) => readTerms(form, ''),
    preview: async (accountId, { amount, expiryDays }) => [
      ...effectOf(accountId, await reads.snapshot(accountId), amount), ['Expire after', `${expiryDays} days`],
    ],
    run: async (accountId, { amount, expiryDays }, by) => {
      const granted = await grant({ accountId, target: accountId, amount, expiryDays, key: by.key, about: aboutOf(by) });
      if (granted.status === 'pending') {
        return { says: 'Recorded in Postgres. Redis does not accept it yet; a worker applies it as soon as Redis does.', facts: [] };
      }
      return {
        says: `${credits(amount)} credits granted${granted.replayed ? ' (already applied before; nothing changed now)' : ''}.`,
        facts: [['Lot', granted.id], ['Left after repaying debt', credits(granted.remaining)]],
      };
    },
  };
}

export function adjustAction(reads: Pick<AccountReads, 'snapshot'>, { adjust }: Pick<OperatorActions, 'adjust'>): AccountAction<Terms> {
  return {
    ...common('adjust'), title: 'Adjust credits',
    explanation: 'Adds credits, or removes available credits. A removal is all or nothing.', isDangerous: true,
    fields: (form) => html`${creditsField(form, 'such as 5, or −5 to remove them')}${daysField(form, 'only for credits that are added')}`,
    read: (form) => readTerms(
      { ...form, credits: (form['credits'] ?? '').trim().replace(/^[−–]/, '-') },
      /^\s*[-−–]/.test(form['credits'] ?? '') ? '-' : '',
    ),
    preview: async (accountId, { amount, expiryDays }) => {
      const snapshot = await reads.snapshot(accountId);
      if (snapshot.available + amount < 0) {
        return { problem: `The account has ${credits(snapshot.available)} credits available, which is less than you want to remove` };
      }
      return [...effectOf(accountId, snapshot, amount), ...(amount > 0 ? [['Expire after', `${expiryDays} days`] as const] : [])];
    },
    run: async (accountId, { amount, expiryDays }, by) => {
      const result = await adjust({ accountId, target: accountId, delta: amount, expiryDays, key: by.key, about: aboutOf(by) });
      switch (result.status) {
        case 'pending': return {
          says: 'Recorded in Postgres. Redis does not accept it yet; a worker applies it as soon as Redis does.',
          facts: [],
        };
        case 'insufficient': return { says: `Nothing changed: only ${credits(result.available)} credits are available.`, facts: [] };
        case 'changed': return {
          says: `Adjusted by ${change(amount)} credits${result.replayed ? ' (already applied before; nothing changed now)' : ''}.`,
          facts: [['Available before', credits(result.previous)], ['Available after', credits(result.available)]],
        };
      }
    },
  };
}

export function freezeAction(reads: Pick<AccountReads, 'snapshot'>, { freeze }: Pick<OperatorActions, 'freeze'>): AccountAction<null> {
  return {
    ...common('freeze'), title: 'Freeze account', explanation: 'Refuses every write to this account until it is thawed: '
      + 'holds, settlements, charges and grants. Its lots and holds do not expire while it is frozen.', isDangerous: true,
    fields: () => html``, read: () => null,
    preview: async (accountId) => {
      const { frozen, available, held, holds } = await reads.snapshot(accountId);
      if (frozen) return { problem: 'The account is already frozen' };
      return [
        ['Account', accountId], ['Available', `${credits(available)}, which cannot be spent while frozen`],
        ['Held', `${credits(held)}, by ${holds.length} open holds`],
      ];
    },
    run: async (accountId, _, { actor, reason }) => {
      const { changed } = await freeze({ accountId, actor, reason });
      return {
        says: changed ? 'The account is frozen.' : 'The account was already frozen; the first reason is kept.',
        facts: [],
      };
    },
  };
}

export function thawAction(reads: Pick<AccountReads, 'snapshot'>, { thaw }: Pick<OperatorActions, 'thaw'>): AccountAction<null> {
  return {
    ...common('thaw'), title: 'Thaw account',
    explanation: 'Allows writes to the account again. Holds and lots whose time passed during the freeze expire within seconds.',
    fields: () => html``, read: () => null,
    preview: async (accountId) => {
      const { frozen, available } = await reads.snapshot(accountId);
      return frozen ? [['Account', accountId], ['Available', `${credits(available)}, which can be spent again`]] : {
        problem: 'The account is not frozen',
      };
    },
    run: async (accountId, _, { actor, reason }) => {
      await thaw({ accountId, actor, reason });
      return { says: 'The account is thawed.', facts: [] };
    },
  };
}
