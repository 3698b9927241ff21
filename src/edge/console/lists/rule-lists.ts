import { LIMIT_PERIODS } from '../../../ledger/limits.js';
import type { LimitCounts, ListedLimit } from '../../../credits/limits/listed-limit.table.js';
import type { PoolMember } from '../../../credits/pools/pool-member.table.js';
import type { Refusal } from '../../../credits/refusals/refusal.js';
import type { RefusedMost } from '../../../credits/refusals/refused-most.table.js';
import { METRICS } from '../../../kit/metrics/catalogue.js';
import { html } from '../../http/html.js';
import { accountLink, accountPath, badge, count, plural, reasonName } from '../parts.js';
import {
  accountColumn, ACCOUNT_FILTER, codeColumn, countColumn, creditsColumn, PERIOD_FILTERS, proseColumn, textColumn, timeColumn,
} from './columns.js';
import type { Choice, ConsoleList, Figure, ListQuery, ListRows } from './list.js';

/** Lists of what refuses and of who pays: refusals, limits, members of pools. */

export type RuleReads = {
  readonly refusals: (query: ListQuery) => Promise<ListRows<Refusal>>;
  /** Of the last 15 minutes. */
  readonly refusedLately: () => Promise<RefusedMost>;
  readonly limits: (query: ListQuery) => Promise<ListRows<ListedLimit>>;
  readonly limitCounts: () => Promise<LimitCounts>;
  readonly members: (query: ListQuery) => Promise<ListRows<PoolMember>>;
  readonly poolCounts: () => Promise<{ readonly pools: number; readonly members: number }>;
};

const same = (value: string): Choice => [value, value.replaceAll('_', ' ')];

export const refusalList = ({ refusals, refusedLately }: RuleReads): ConsoleList<Refusal> => ({
  path: '/console/refusals', title: 'Refusals', sort: '-minute',
  lead: 'Requests that were refused, by minute, account, reason and route. They are kept for 30 days.',
  filters: [
    ACCOUNT_FILTER, { name: 'reason', label: 'Reason', is: METRICS.refusals.labels.reason.map((code): Choice => [code, reasonName(code)]) },
    ...PERIOD_FILTERS,
  ],
  columns: [
    timeColumn('Minute', ({ minuteMs }) => minuteMs, '', 'minute'),
    {
      head: 'Account', csv: ({ accountId }) => accountId,
      cell: ({ accountId }) => html`<a class="mono" href="${accountPath(accountId)}#refusals">${accountId}</a>`,
    },
    { head: 'Why', cell: ({ reason }) => reasonName(reason), csv: ({ reason }) => reason },
    countColumn('Times', (row) => row.count, 'count'),
    proseColumn('Answer', ({ status, message }) => `${status}: ${message}`),
    codeColumn('Route', ({ method, route }) => `${method} ${route}`), codeColumn('Last request', ({ requestId }) => requestId),
  ],
  empty: 'Nothing was refused in the last 30 days.',
  read: refusals, isLive: true,
  figures: async (): Promise<readonly Figure[]> => {
    const { reasons, accounts } = await refusedLately();
    const [most] = reasons;
    const [victim] = accounts;
    const times = (found: { readonly count: number } | undefined): string =>
      (found === undefined ? '' : plural(found.count, 'time'));
    return [
      { title: 'Refused', value: count(reasons.reduce((sum, each) => sum + each.count, 0)), note: 'requests in the last 15 minutes' },
      { title: 'Most frequent reason', value: most === undefined ? 'none' : reasonName(most.reason), note: times(most) },
      { title: 'Most refused account', value: victim?.accountId ?? 'none', note: times(victim) },
    ];
  },
});

export const limitList = ({ limits, limitCounts }: RuleReads): ConsoleList<ListedLimit> => ({
  path: '/console/limits', title: 'Limits', sort: 'account', lead: 'What accounts may spend in a window. The tightest limit refuses.',
  filters: [
    ACCOUNT_FILTER, { name: 'mode', label: 'Mode', is: [['refuse', 'Refuses'], ['warn', 'Warns']] },
    { name: 'period', label: 'Period', is: LIMIT_PERIODS.map(same) },
  ],
  columns: [
    codeColumn('Limit', ({ limitId }) => limitId), accountColumn('account'), creditsColumn('Credits', (row) => row.amount, 'amount'),
    textColumn('Per', ({ period, window }) => (period === 'total' ? 'ever' : `${period}, ${window}`)),
    textColumn('Zone', ({ timeZone }) => timeZone),
    {
      head: 'Mode', csv: ({ mode }) => mode,
      cell: ({ mode }) => (mode === 'refuse' ? badge('good', 'refuses') : badge('notice', 'warns')),
    },
    proseColumn('Counts', matchOf),
    {
      head: 'In Redis', csv: ({ isApplied }) => (isApplied ? 'yes' : 'pending'),
      cell: ({ isApplied }) => (isApplied ? badge('good', 'yes') : badge('notice', 'pending')),
    },
    textColumn('Changed by', ({ changedBy }) => changedBy), timeColumn('Changed', ({ changedAtMs }) => changedAtMs, '', 'changed'),
  ],
  empty: html`A limit bounds what an account, a member, a model or a key may spend per hour, day or month. Define one with
<code>PUT /v1/accounts/…/limits/…</code>.`,
  read: limits,
  figures: async (): Promise<readonly Figure[]> => {
    const { limits: all, accounts, pending } = await limitCounts();
    return [
      { title: 'Limits', value: count(all), note: `of ${plural(accounts, 'account')}` },
      {
        title: 'Pending', value: count(pending), note: 'accounts whose limits Redis may not have yet',
        level: pending > 0 ? 'notice' : 'good',
      },
    ];
  },
});

function matchOf({ spender, model, feature, key }: ListedLimit): string {
  const told = [['member', spender], ['model', model], ['feature', feature], ['key', key]] as const;
  return told.flatMap(([name, value]) => (value === null ? [] : `${name} ${value}`)).join(', ') || 'everything';
}

export const memberList = ({ members, poolCounts }: RuleReads): ConsoleList<PoolMember> => ({
  path: '/console/pools', title: 'Pools', sort: 'pool',
  lead: 'Accounts that pay for others: each member spends the credits of its pool.',
  filters: [
    { name: 'pool', label: 'Pool', hint: 'the whole id', is: 'text' },
    { name: 'member', label: 'Member', hint: 'the whole id', is: 'text' },
  ],
  columns: [
    { head: 'Pool', sort: 'pool', cell: ({ accountId }) => accountLink(accountId), csv: ({ accountId }) => accountId },
    { head: 'Member', sort: 'member', cell: ({ spender }) => accountLink(spender), csv: ({ spender }) => spender },
    textColumn('Added by', ({ addedBy }) => addedBy), timeColumn('Added', ({ addedAtMs }) => addedAtMs, '', 'added'),
  ],
  empty: html`A team shares the credits of one account. Add its members with <code>PUT /v1/accounts/…/members/…</code>.`,
  read: members,
  figures: async (): Promise<readonly Figure[]> => {
    const { pools, members: all } = await poolCounts();
    return [
      { title: 'Pools', value: count(pools), note: 'accounts that pay for others' },
      { title: 'Members', value: count(all), note: 'of all pools' },
    ];
  },
});
