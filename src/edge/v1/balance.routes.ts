import Type from 'typebox';
import type { PastBalance } from '../../credits/accounts/balance-at.js';
import { BALANCES, figuresOf, TOTALS } from '../../ledger/figures.js';
import { callers } from '../auth/allow.js';
import { reply } from '../http/json.js';
import { queryText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { AccountId, accountInPath } from './callers.js';
import { AmountOut, creditsText, timeIn, TimeIn, TimeOut, timeText } from './values.js';

/** `balanceAt` with its dependencies. */
export type BalanceRouteDeps = { readonly balanceAt: (accountId: string, atMs: number | null) => Promise<PastBalance> };

const TIME_LENGTH_MAX = 40;

const Balance = Type.Object({
  account: Type.String(), at: TimeOut(),
  ...figuresOf(BALANCES, () => AmountOut()), totals: Type.Object(figuresOf(TOTALS, () => AmountOut('since the account began'))),
  entry: Type.Integer({ description: 'number of the last entry that is counted; 0 before the first' }),
  asOf: Type.String({ format: 'date-time', description: 'every entry up to here is counted; earlier than `at` while the ledger lags' }),
});

/** What an account had at a time. */
export function balanceRoutes(add: AddRoute, { balanceAt }: BalanceRouteDeps): void {
  add('GET', '/v1/accounts/:accountId/balance', callers('read'), {
    summary: 'The balance of an account, now or in the past', params: { accountId: AccountId('the account') },
    query: { at: Type.Optional(TimeIn('when; not in the future. Without it: now')) }, replies: { 200: Balance },
    errors: ['ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const account = accountInPath(ctx, principal);
    const at = queryText(ctx, 'at', TIME_LENGTH_MAX);
    const { atMs, asOfMs, seq, totals, ...balances } = await balanceAt(account, at === undefined ? null : timeIn(at, 'query.at'));
    reply(ctx, 200, {
      account, at: timeText(atMs), ...figuresOf(BALANCES, (name) => creditsText(balances[name])),
      totals: figuresOf(TOTALS, (name) => creditsText(totals[name])), entry: seq, asOf: timeText(asOfMs),
    });
  });
}
