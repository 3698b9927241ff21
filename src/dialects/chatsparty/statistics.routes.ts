import Type from 'typebox';
import { authenticated } from '../../auth/allow.js';
import type { Clock } from '../../clock.js';
import type { GatewayContext } from '../../http/context.js';
import { reply } from '../../http/json.js';
import type { AddRoute } from '../../http/routes.js';
import { toCredits } from '../../money/credits.js';
import type { Micros } from '../../money/micros.js';
import type { CreditStatistics } from '../../transactions/credit-statistics.js';
import { CreditsReply } from '../accounting-service/amount.js';
import { PREFIXES } from './prefixes.js';
import { periodOf, periodQuery } from './transactions.routes.js';

/** What happened in a period, half-open; `creditStatistics` with its deps. */
export type ReadStatistics = (query: { readonly accountId: string; readonly fromMs: number; readonly toMs: number }) => Promise<CreditStatistics>;

const DEFAULT_PERIOD_MS = 30 * 86_400_000;
/** Until the end of time: what Redis stamped a moment ago may be ahead of our clock, and still belongs to "until now". */
const END_MS = Date.UTC(2100, 0, 1);

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
      summary: 'What the credits of the caller came to', query: periodQuery, replies: { 200: Reply },
      wording: { ledger_unavailable: { message: 'Failed to get credit statistics', path: '' } },
    }, async (ctx, { principal: { accountId } }) => {
      const period = statisticsPeriod(ctx, clock());
      const sums = await statistics({ accountId, fromMs: period.fromMs, toMs: period.toMs });
      reply(ctx, 200, presentStatistics(sums, period));
    });
  }
}

type StatisticsPeriod = { readonly fromMs: number; readonly toMs: number; readonly shownEndMs: number };

/** What is not said ends now, and begins 30 days before its end. */
function statisticsPeriod(ctx: GatewayContext, nowMs: number): StatisticsPeriod {
  const { fromMs, toMs } = periodOf(ctx);
  return defaultPeriod(fromMs, toMs, nowMs);
}

export function defaultPeriod(fromMs: number | null, toMs: number | null, nowMs: number): StatisticsPeriod {
  const shownEndMs = toMs === null ? nowMs : toMs - 1;
  return { fromMs: fromMs ?? Math.max(0, shownEndMs - DEFAULT_PERIOD_MS), toMs: toMs ?? END_MS, shownEndMs };
}

export const presentStatistics = (sums: CreditStatistics, { fromMs, shownEndMs }: StatisticsPeriod) => ({
  totalCreditsUsed: toCredits(sums.used),
  totalCreditsPurchased: toCredits(sums.purchased),
  currentBalance: toCredits(sums.balance),
  transactionCount: sums.count,
  periodStart: new Date(fromMs).toISOString(),
  periodEnd: new Date(shownEndMs).toISOString(),
  breakdown: { byType: inCredits(sums.byType), byReason: inCredits(sums.byReason) },
});

const inCredits = (amounts: ReadonlyMap<string, Micros>): Record<string, number> =>
  Object.fromEntries([...amounts].map(([name, amount]) => [name.toLowerCase(), toCredits(amount)]));
