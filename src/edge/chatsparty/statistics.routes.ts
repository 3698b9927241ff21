import Type from 'typebox';
import { statisticsPeriod, type CreditStatistics, type StatisticsPeriod } from '../../credits/statement/credit-statistics.js';
import type { Clock } from '../../kit/clock.js';
import { toCredits, sumToCredits, type SumOfMicros } from '../../kit/money/credits.js';
import { authenticated } from '../auth/allow.js';
import { CreditsReply } from '../http/amount.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { PREFIXES } from './prefixes.js';
import { periodOf, periodQuery } from './transactions.routes.js';

/** What happened in a period, half-open; `creditStatistics` with its deps. */
export type ReadStatistics = (query: {
  readonly accountId: string;
  readonly fromMs: number;
  readonly toMs: number;
}) => Promise<CreditStatistics>;

const ByName = () => Type.Record(Type.String(), CreditsReply());
const Reply = Type.Object({
  totalCreditsUsed: CreditsReply(), totalCreditsPurchased: CreditsReply(), currentBalance: CreditsReply(), transactionCount: Type.Integer(),
  periodStart: Type.String(), periodEnd: Type.String(), breakdown: Type.Object({ byType: ByName(), byReason: ByName() }),
});

export type StatisticsDeps = { readonly statistics: ReadStatistics; readonly clock: Clock };

/** Sums of the caller's statement: totals of all time, counts and amounts of a period, by default the last 30 days. */
export function statisticsRoutes(add: AddRoute, { statistics, clock }: StatisticsDeps): void {
  for (const prefix of PREFIXES) {
    add('GET', `${prefix}/statistics`, authenticated(), {
      summary: 'Credit statistics of the caller', query: periodQuery, replies: { 200: Reply },
      wording: { ledger_unavailable: { message: 'Failed to get credit statistics', path: '' } },
    }, async (ctx, { principal: { accountId } }) => {
      const { fromMs, toMs } = periodOf(ctx);
      const period = statisticsPeriod(fromMs, toMs, clock());
      const sums = await statistics({ accountId, fromMs: period.fromMs, toMs: period.toMs });
      reply(ctx, 200, presentStatistics(sums, period));
    });
  }
}

const presentStatistics = (sums: CreditStatistics, { fromMs, shownEndMs }: StatisticsPeriod) => ({
  totalCreditsUsed: toCredits(sums.used),
  totalCreditsPurchased: toCredits(sums.purchased),
  currentBalance: toCredits(sums.balance),
  transactionCount: sums.count,
  periodStart: new Date(fromMs).toISOString(),
  periodEnd: new Date(shownEndMs).toISOString(),
  breakdown: { byType: inCredits(sums.byType), byReason: inCredits(sums.byReason) },
});

const inCredits = (amounts: ReadonlyMap<string, SumOfMicros>): Record<string, number> =>
  Object.fromEntries([...amounts].map(([name, amount]) => [name.toLowerCase(), sumToCredits(amount)]));
