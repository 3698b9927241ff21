import Type from 'typebox';
import type { Period } from '../../books/usage-rollup.js';
import { readPeriod } from '../../credits/usage/period.js';
import type { AccountUsage, Amounts, SystemUsage, UsageEvent, UsageSums } from '../../credits/usage/usage-stats.js';
import { sumToCredits, toCredits } from '../../kit/money/credits.js';
import { allow, authenticated } from '../auth/allow.js';
import { CreditsReply } from '../http/amount.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';

export type UsageStatsRouteDeps = {
  /** The account that a text means, or null (`knownAccount`). */
  readonly knownAccount: (text: string) => Promise<string | null>;
  readonly accountUsage: (accountId: string, period: Period) => Promise<AccountUsage>;
  readonly systemUsage: (period: Period) => Promise<SystemUsage>;
};

const ByName = () => Type.Record(Type.String(), CreditsReply());
const sums = {
  totalRecords: Type.Integer(), totalCredits: CreditsReply(), uncollectedRecords: Type.Integer(), uncollectedCredits: CreditsReply(),
  byService: ByName(), byDay: ByName(), byModel: ByName(),
};
const Activity = Type.Object({
  id: Type.Integer(), userId: Type.String(), timestamp: Type.String(), service: Type.String(), operation: Type.String(),
  credits: CreditsReply(), uncollected: CreditsReply(), metadata: Type.Unknown(),
});
const Stats = Type.Object({ ...sums, recentActivity: Type.Array(Activity) });
const SystemStats = Type.Object({ ...sums, byUser: ByName() });

const NOTHING: AccountUsage = {
  totalRecords: 0, totalCredits: 0n, uncollectedRecords: 0, uncollectedCredits: 0n, byService: new Map(), byDay: new Map(),
  byModel: new Map(), recent: [],
};
const params = { userId: Type.String({ description: 'id, username or e-mail; an unknown one gets zeros' }) };
const Moment = (description: string) =>
  Type.Optional(Type.String({ description: `${description}: an ISO 8601 date or date-time, UTC unless it says otherwise` }));
const query = { startDate: Moment('from when, inclusive'), endDate: Moment('until when, inclusive; a date means all of that day') };
const worded = (what: string) => ({ ledger_unavailable: { message: `Failed to fetch ${what}`, path: '' } });

/** Statistics of usage (docs/contracts/accounting-service.md#usage): `startDate` and `endDate` inclusive, days in UTC. */
export function usageStatsRoutes(add: AddRoute, { knownAccount, accountUsage, systemUsage }: UsageStatsRouteDeps): void {
  add('GET', '/api/usage/stats', authenticated(), {
    summary: 'What the caller used', query, replies: { 200: Stats }, wording: worded('usage statistics'),
  }, async (ctx, { principal: { accountId } }) => {
    reply(ctx, 200, presentStats(accountId, await accountUsage(accountId, periodOf(ctx))));
  });

  add('GET', '/api/usage/stats/:userId', allow('admin', 'supervisor'), {
    summary: 'What a user used', params, query, replies: { 200: Stats }, errors: ['conflict'], wording: worded('usage statistics'),
  }, async (ctx) => {
    const period = periodOf(ctx);
    const accountId = await knownAccount(ctx.params?.['userId'] ?? '');
    reply(ctx, 200, accountId === null ? presentStats('', NOTHING) : presentStats(accountId, await accountUsage(accountId, period)));
  });

  add('GET', '/api/usage/system-stats', allow('admin'), {
    summary: 'Usage of all users. Services, models and users: the 1000 with the most credits', query, replies: { 200: SystemStats },
    wording: worded('system usage statistics'),
  }, async (ctx) => {
    const usage = await systemUsage(periodOf(ctx));
    reply(ctx, 200, { ...presentSums(usage), byUser: presentAmounts(usage.byUser) });
  });
}

const periodOf = ({ query: { startDate, endDate } }: GatewayContext): Period => readPeriod({ startDate, endDate });

const presentStats = (accountId: string, usage: AccountUsage): object =>
  ({ ...presentSums(usage), recentActivity: usage.recent.map((event) => presentActivity(accountId, event)) });

const presentSums = ({
  totalRecords, totalCredits, uncollectedRecords, uncollectedCredits, byService, byDay, byModel,
}: UsageSums): object => ({
  totalRecords,
  totalCredits: sumToCredits(totalCredits),
  uncollectedRecords,
  uncollectedCredits: sumToCredits(uncollectedCredits),
  byService: presentAmounts(byService),
  byDay: presentAmounts(byDay),
  byModel: presentAmounts(byModel),
});

/** Callers name services as they like: `fromEntries` makes `__proto__` a property like any other, assignment would not. */
const presentAmounts = (amounts: Amounts): object => Object.fromEntries([...amounts].map(([name, amount]) => [name, sumToCredits(amount)]));

const presentActivity = (userId: string, { seq, atMs, service, operation, credits, uncollected, metadata }: UsageEvent): object => ({
  id: seq, userId, timestamp: new Date(atMs).toISOString(), service, operation, credits: toCredits(credits),
  uncollected: toCredits(uncollected), metadata,
});
