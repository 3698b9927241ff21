import type { AccountSums } from '../../../books/account.table.js';
import type { ListedAccount } from '../../../books/account-list.table.js';
import type { HoldSums, ListedHold } from '../../../books/listed-hold.table.js';
import type { ListedLot, LotSums } from '../../../books/listed-lot.table.js';
import { readFacts } from '../../../ledger/facts.js';
import { html } from '../../http/html.js';
import { accountPath, amount, badge, count, holdLink, subjectOf, type Level } from '../parts.js';
import {
  accountColumn, ACCOUNT_FILTER, creditsColumn, joinTexts, PERIOD_FILTERS, proseColumn, textColumn, timeColumn,
} from './columns.js';
import type { ConsoleList, Figure, ListQuery, ListRows } from './list.js';

/** Lists of what accounts have: accounts, holds, lots. */

export type CreditReads = {
  readonly accounts: (query: ListQuery) => Promise<ListRows<ListedAccount>>;
  readonly accountSums: () => Promise<AccountSums>;
  readonly holds: (query: ListQuery) => Promise<ListRows<ListedHold>>;
  readonly holdSums: () => Promise<HoldSums>;
  readonly lots: (query: ListQuery) => Promise<ListRows<ListedLot>>;
  readonly lotSums: () => Promise<LotSums>;
};

export const accountList = ({ accounts, accountSums }: CreditReads): ConsoleList<ListedAccount> => ({
  path: '/console/accounts', title: 'Accounts', sort: 'account',
  lead: 'Accounts with ledger entries, as Postgres has them. A search also finds accounts without entries.',
  filters: [
    { name: 'who', label: 'Search', hint: 'beginning, or a hold id', is: 'text' },
    { name: 'state', label: 'State', is: [['frozen', 'Frozen'], ['debt', 'In debt'], ['held', 'With open holds']] },
  ],
  columns: [
    accountColumn('account'), textColumn('Username', ({ username }) => username), textColumn('E-mail', ({ email }) => email),
    creditsColumn('Available', ({ available }) => available, 'available'), creditsColumn('Held', ({ held }) => held, 'held'),
    creditsColumn('Debt', ({ debt }) => debt, 'debt'), creditsColumn('Spent', ({ captured }) => captured, 'captured'),
    {
      head: 'State', csv: ({ frozen }) => (frozen ? 'frozen' : 'active'),
      cell: ({ frozen, debt }) => (frozen ? badge('bad', 'frozen') : debt > 0 ? badge('notice', 'in debt') : badge('good', 'active')),
    },
    timeColumn('Last entry', ({ lastAtMs }) => lastAtMs, 'none yet', 'last'),
  ],
  empty: html`An account appears with its first credits. Grant some: open the page of a user by the search above, or
use <code>POST /v1/accounts/…/grants</code>.`,
  read: accounts, isLive: true,
  figures: async (): Promise<readonly Figure[]> => {
    const { accounts: all, debtors, frozen, available, held, debt } = await accountSums();
    return [
      { title: 'Accounts', value: count(all), note: 'with ledger entries' },
      { title: 'Available', value: amount(available), note: 'credits of all accounts' },
      { title: 'Held', value: amount(held), note: 'credits in open holds' },
      { title: 'In debt', value: count(debtors), note: `${amount(debt)} credits`, level: debtors > 0 ? 'notice' : 'good' },
      { title: 'Frozen', value: count(frozen), note: 'accounts', level: frozen > 0 ? 'notice' : 'good' },
    ];
  },
});

const LEVELS: Readonly<Record<ListedHold['state'], Level>> = { open: 'notice', settled: 'good', voided: 'unknown', expired: 'unknown' };

export const holdList = ({ holds, holdSums }: CreditReads): ConsoleList<ListedHold> => ({
  path: '/console/holds', title: 'Holds', sort: '-placed', lead: 'Reserved credits of all accounts: open holds, and how the others ended.',
  filters: [
    { name: 'state', label: 'State', is: [
      ['open', 'Open'], ['overdue', 'Overdue'], ['ended', 'Ended'], ['settled', 'Settled'], ['voided', 'Voided'], ['expired', 'Expired'],
    ] },
    { name: 'hold', label: 'Hold', hint: 'the whole id', is: 'text' }, ACCOUNT_FILTER, ...PERIOD_FILTERS,
  ],
  columns: [
    { head: 'Hold', cell: ({ accountId, holdId }) => holdLink(accountId, holdId), csv: ({ holdId }) => holdId },
    accountColumn(),
    {
      head: 'State', csv: ({ state }) => state,
      cell: ({ state, expiresAtMs }, nowMs) => (state === 'open' && expiresAtMs <= nowMs
        ? badge('bad', html`<a href="/console/runbook#holds-overdue">overdue</a>`)
        : badge(LEVELS[state], state)),
    },
    textColumn('For', ({ about, kind }) => subjectOf(readFacts(about)) ?? kind),
    creditsColumn('Reserved', (row) => row.amount, 'amount'), creditsColumn('Captured', ({ captured }) => captured, 'captured'),
    timeColumn('Placed', ({ placedAtMs }) => placedAtMs, '', 'placed'),
    timeColumn('Ended, or lease ends', ({ endedAtMs, expiresAtMs }) => endedAtMs ?? expiresAtMs, '', 'lease'),
  ],
  empty: html`A hold reserves credits while an answer is made. Place the first one with <code>POST /v1/holds</code>.`,
  read: holds, isLive: true,
  figures: async (): Promise<readonly Figure[]> => {
    const { open, overdue, reserved } = await holdSums();
    return [
      { title: 'Open', value: count(open), note: 'answers in progress' },
      { title: 'Reserved', value: amount(reserved), note: 'credits in open holds' },
      { title: 'Overdue', value: count(overdue), note: 'open after their lease ended', level: overdue > 0 ? 'bad' : 'good' },
    ];
  },
});

export const lotList = ({ lots, lotSums }: CreditReads): ConsoleList<ListedLot> => ({
  path: '/console/lots', title: 'Lots', sort: '-granted', lead: 'Credits as they were granted: what is left of each lot, and when it ends.',
  filters: [
    ACCOUNT_FILTER, { name: 'state', label: 'State', is: [['live', 'With credits'], ['ended', 'Used up or expired']] },
    { name: 'ends', label: 'Ends within', is: [['1', '1 day'], ['7', '7 days'], ['30', '30 days']] },
  ],
  columns: [
    {
      head: 'Lot', csv: ({ lotId }) => lotId,
      cell: ({ accountId, lotId }) => html`<a class="mono" href="${accountPath(accountId)}#lots">${lotId.replace(/^0+(?=\d)/, '')}</a>`,
    },
    accountColumn(),
    {
      head: 'State', csv: ({ closedAtMs }) => (closedAtMs === null ? 'live' : 'ended'),
      cell: ({ closedAtMs }) => (closedAtMs === null ? badge('good', 'live') : badge('unknown', 'ended')),
    },
    creditsColumn('Granted', (row) => row.amount, 'amount'), creditsColumn('Left', ({ remaining }) => remaining, 'remaining'),
    creditsColumn('Held', ({ held }) => held),
    proseColumn('Who and why', ({ kind, source, actor, reason, notes }) =>
      joinTexts(kind.replaceAll('_', ' '), source, actor, reason, notes)),
    timeColumn('Granted at', ({ grantedAtMs }) => grantedAtMs, '', 'granted'),
    timeColumn('Ends', ({ expiresAtMs }) => expiresAtMs, 'never', 'ends'),
  ],
  empty: 'Each grant adds a lot with its own expiry. Grant credits on the page of an account.',
  read: lots,
  figures: async (): Promise<readonly Figure[]> => {
    const { live, remaining, ending, endingCredits } = await lotSums();
    return [
      { title: 'Live lots', value: count(live), note: 'with credits left or held' },
      { title: 'Left', value: amount(remaining), note: 'credits that can be spent' },
      { title: 'End within 7 days', value: count(ending), note: `${amount(endingCredits)} credits` },
    ];
  },
});
