import Type from 'typebox';
import {
  USAGE_GROUPS, USAGE_INTERVALS, type UsageAccounts, type UsageBucket, type UsageGroup, type UsageInterval, type UsageQuery,
} from '../../books/usage-minutes.table.js';
import type { UsageSeries } from '../../credits/usage/usage-series.js';
import type { Clock } from '../../kit/clock.js';
import { invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_LENGTH_MAX, USAGE_BUCKETS_MAX } from '../../kit/limits.js';
import { creditsText } from '../../kit/money/credits.js';
import type { NativeCaller } from '../../kit/principal.js';
import { isTimeZone } from '../../ledger/calendar-edges.js';
import { callers } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { queryText, queryWord, WordField } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { replyRows, ROW_FORMATS, rowFormatIn, type FlatRow } from '../http/row-stream.js';
import { accountOf } from './callers.js';
import { AmountOut, storable, timeIn, TimeIn, TimeOut, timeText } from './values.js';

export type UsageRouteDeps = { readonly usageSeries: UsageSeries };

const DAY_MS = 86_400_000;
/** Ten years with leap days: what is asked for by mistake is refused. */
const PERIOD_MAX_MS = 3_653 * DAY_MS;
/** The period without `from`. */
const DEFAULT_MS: Readonly<Record<UsageInterval, number>> = {
  minute: DAY_MS / 24, hour: DAY_MS, day: 30 * DAY_MS, week: 84 * DAY_MS, month: 365 * DAY_MS,
};
const TEXT_LENGTH_MAX = 255;
const TIME_LENGTH_MAX = 40;
const INTERVALS = new Map<string, UsageInterval>(USAGE_INTERVALS.map((each) => [each, each]));
const FILTERS = ['model', 'feature', 'spender', 'key', 'reason'] as const;

const group = `(?:${USAGE_GROUPS.join('|')})`;
const only = (what: string) => Type.Optional(Type.String({
  maxLength: TEXT_LENGTH_MAX, description: `only of this ${what}; empty: of none`,
}));
const query = {
  account: Type.Optional(Type.String({
    minLength: 1, maxLength: ACCOUNT_ID_LENGTH_MAX,
    description: 'only of this account. Without it: of a user the own one, otherwise all that the caller may read',
  })),
  interval: WordField(INTERVALS, 'the length of a bucket; `day` by default'),
  from: Type.Optional(TimeIn('from when, its whole minute included')),
  to: Type.Optional(TimeIn('before when, its whole minute included; by default now')),
  timeZone: Type.Optional(Type.String({
    minLength: 1, maxLength: 64, description: 'IANA name of the zone in which buckets begin; `UTC` by default',
  })),
  groupBy: Type.Optional(Type.String({
    pattern: `^${group}(?:,${group}){0,5}$`, description: `a bucket each: ${USAGE_GROUPS.join(', ')}, with commas between them`,
  })),
  model: only('model'), feature: only('feature'), spender: only('spender'), key: only('API key'), reason: only('reason'),
};

const Name = () => Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'with `groupBy`; null: not known' }));
const Bucket = Type.Object({
  start: TimeOut(), account: Name(), model: Name(), feature: Name(), spender: Name(), key: Name(), reason: Name(),
  uses: Type.Integer({ description: 'how many settlements and charges' }),
  tokens: Type.Integer(), inputTokens: Type.Integer({ description: 'how many tokens; 0 where only their sum was told' }),
  outputTokens: Type.Integer(),
  captured: AmountOut('charged; below zero where more was given back'), uncollected: AmountOut('used, and could not be charged'),
});
const Series = Type.Object({
  from: TimeOut(), to: TimeOut(), interval: Type.String(), timeZone: Type.String(),
  data: Type.Array(Bucket, { description: 'only buckets with usage, in the order of time' }), nextCursor: Type.Null(),
});

/** What was used over time. */
export function usageRoutes(add: AddRoute, { usageSeries, clock }: UsageRouteDeps & { readonly clock: Clock }): void {
  add('GET', '/v1/usage', callers('read'), {
    summary: 'What was used over time, as JSON, or in any length as CSV or NDJSON', query, replies: { 200: Series }, alsoAs: ROW_FORMATS,
    errors: ['ledger_unavailable'], takesLong: true,
  }, async (ctx, { principal }) => {
    const asked = queryIn(ctx, principal, clock());
    const format = rowFormatIn(ctx);
    const buckets = await usageSeries(asked);
    if (format !== null) {
      replyRows(ctx, format, ['start', ...asked.groupBy, ...SUMS], buckets, present);
      return;
    }
    const data = await firstOf(buckets, USAGE_BUCKETS_MAX);
    if (data === null) {
      throw invalid('query.interval', `has more than ${USAGE_BUCKETS_MAX} buckets in this period: ask for a longer interval or a shorter `
        + 'period, or send Accept: text/csv or application/x-ndjson');
    }
    const { fromMs, toMs, interval, timeZone } = asked;
    reply(ctx, 200, { from: timeText(fromMs), to: timeText(toMs), interval, timeZone, data: data.map(present), nextCursor: null });
  });
}

function queryIn(ctx: GatewayContext, caller: NativeCaller, nowMs: number): UsageQuery {
  const interval = queryWord(ctx, 'interval', INTERVALS) ?? 'day';
  const toMs = timeOf(ctx, 'to') ?? nowMs + 1;
  const fromMs = timeOf(ctx, 'from') ?? Math.max(0, toMs - DEFAULT_MS[interval]);
  if (fromMs >= toMs) throw invalid('query.from', 'must be before to');
  if (toMs - fromMs > PERIOD_MAX_MS) throw invalid('query.from', 'must be at most ten years before to');
  const timeZone = queryText(ctx, 'timeZone') ?? 'UTC';
  if (!isTimeZone(timeZone)) throw invalid('query.timeZone', 'must be the IANA name of a time zone, such as Europe/Paris');
  return { of: accountsIn(ctx, caller), fromMs, toMs, interval, timeZone, groupBy: groupsIn(ctx), only: filtersIn(ctx) };
}

function timeOf(ctx: GatewayContext, name: string): number | undefined {
  const text = queryText(ctx, name, TIME_LENGTH_MAX);
  return text === undefined ? undefined : timeIn(text, `query.${name}`);
}

/** Without a name a user reads the own account, everyone else all accounts that they may. */
function accountsIn(ctx: GatewayContext, caller: NativeCaller): UsageAccounts {
  const named = queryText(ctx, 'account', ACCOUNT_ID_LENGTH_MAX);
  if (named !== undefined) return { accountId: accountOf(ctx, caller, named, 'query.account') };
  if (caller.kind !== 'service') return caller.kind === 'user' ? { accountId: caller.token.accountId } : { prefix: '' };
  const { payer, accountPrefix } = caller.key;
  return payer === null ? { prefix: accountPrefix ?? '' } : { accountId: payer };
}

function groupsIn(ctx: GatewayContext): UsageGroup[] {
  const text = queryText(ctx, 'groupBy');
  if (text === undefined) return [];
  const names = new Set(text.split(','));
  if ([...names].some((name) => !(USAGE_GROUPS as readonly string[]).includes(name)) || text.split(',').length > USAGE_GROUPS.length) {
    throw invalid('query.groupBy', `must be some of ${USAGE_GROUPS.join(', ')}, with commas between them`);
  }
  return USAGE_GROUPS.filter((name) => names.has(name));
}

const filtersIn = (ctx: GatewayContext): UsageQuery['only'] => Object.fromEntries(FILTERS.flatMap((name) => {
  const text = queryText(ctx, name, TEXT_LENGTH_MAX);
  return text === undefined ? [] : [[name, storable(text, `query.${name}`)]];
}));

/** All of a series; null when it is longer. */
async function firstOf(buckets: AsyncGenerator<UsageBucket, void, void>, max: number): Promise<UsageBucket[] | null> {
  const found: UsageBucket[] = [];
  for await (const bucket of buckets) {
    if (found.length === max) return null;
    found.push(bucket);
  }
  return found;
}

const SUMS = ['uses', 'tokens', 'inputTokens', 'outputTokens', 'captured', 'uncollected'] as const;

const present = ({ startsAtMs, group: names, uses, tokens, inputTokens, outputTokens, captured, uncollected }: UsageBucket): FlatRow => ({
  start: timeText(startsAtMs), ...Object.fromEntries(Object.entries(names).map(([name, value]) => [name, value === '' ? null : value])),
  uses: Number(uses), tokens: Number(tokens), inputTokens: Number(inputTokens), outputTokens: Number(outputTokens),
  captured: creditsText(captured), uncollected: creditsText(uncollected),
});
