import type { Micros } from '../kit/money/micros.js';
import type { LimitFact } from './facts.js';
import { nameOfAccount } from './account-name.js';
import { calendarEdges, type CalendarPeriod } from './calendar-edges.js';

export const LIMIT_PERIODS = ['minute', 'hour', 'day', 'week', 'month', 'total'] as const;
export const LIMIT_WINDOWS = ['calendar', 'rolling'] as const;
export const LIMIT_MODES = ['refuse', 'warn'] as const;

export type LimitPeriod = (typeof LIMIT_PERIODS)[number];
export type LimitWindow = (typeof LIMIT_WINDOWS)[number];
export type LimitMode = (typeof LIMIT_MODES)[number];

/** How the limit of an API key is called beside those of the account. */
export const KEY_LIMIT = 'key';

/** Who spends, and on what: which limits of an account an operation counts against (docs/contracts/native.md#limits). */
export type Spending = {
  /** Named like an account (ids.ts). Absent: the account itself. */
  readonly spender?: string | undefined;
  readonly model?: string | undefined;
  /** Other names that limits know the models by: those of their prices, and of all models of one charge. Never in a `match`. */
  readonly otherModels?: readonly string[] | undefined;
  /** The names are those of more than one model. */
  readonly severalModels?: boolean | undefined;
  readonly feature?: string | undefined;
  /** The name of the API key that was used. */
  readonly key?: string | undefined;
};

/** A limit of an account. */
export type LimitDefinition = {
  readonly limitId: string;
  /** Names its counters, per account: another number when what it counts has changed, so that it begins anew. */
  readonly counter: number;
  readonly amount: Micros;
  readonly period: LimitPeriod;
  /** A rolling month is 30 days. */
  readonly window: LimitWindow;
  /** IANA name of the zone of a calendar window. */
  readonly timeZone: string;
  readonly mode: LimitMode;
  /** Absent members match everything; the spender `*` has one counter per spender. */
  readonly match: Omit<Spending, 'otherModels' | 'severalModels'>;
};

/** All limits of an account. `version` grows with every change, so that scripts take them in any order. */
export type AccountLimits = { readonly version: number; readonly limits: readonly LimitDefinition[] };

/** What one window of a limit has counted: spent, and held by open holds. */
export type LimitCount = {
  readonly counter: number;
  /** As in keys (account-name.ts); '' unless the limit has one counter per spender. */
  readonly spender: string;
  readonly fromMs: number;
  /** When it no longer counts; null: never. */
  readonly endsAtMs: number | null;
  readonly used: Micros;
  /** Open holds that can still give back to it. */
  readonly open: number;
  /** Whether it has reached the limit once. */
  readonly crossed: boolean;
};

/** A limit that an operation counts against, and what is left of it. */
export type LimitState = {
  readonly limitId: string;
  readonly mode: LimitMode;
  readonly remaining: Micros;
  /** When more is left: the end of the window, or when a rolling window frees its first part; null: never. */
  readonly resetsAtMs: number | null;
};

/** The limit that refused. `window` and `period` are labels for metrics. */
export type LimitRefusal = Omit<LimitState, 'mode'> & { readonly period: LimitPeriod; readonly window: LimitWindow };

const PERIOD_MS: Readonly<Record<Exclude<LimitPeriod, 'total'>, number>> = {
  minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_592_000_000,
};
/** Parts of a rolling window. One that is partly over counts as a whole: at most a 60th of the period too long, never too short. */
const ROLLING_BUCKETS = 60;

/** The calendar whose edges a limit needs, or null. Minutes are the same in every zone. */
function calendarOf({ period, window }: LimitDefinition): CalendarPeriod | null {
  return window === 'rolling' || period === 'total' || period === 'minute' ? null : period;
}

/**
 * The definitions as the scripts read them (lua/includes/limits.lua): one row per calendar, `@period/zone` and its edges
 * around `nowMs`, then one row per limit. '' for none. The parts contain no tab and no line break (set-limit.ts).
 */
export function encodeLimits({ limits }: Pick<AccountLimits, 'limits'>, nowMs: number): string {
  const calendars = new Map<string, string>();
  const rows = limits.map((limit) => {
    const { limitId, counter, amount, mode, period, window, timeZone, match } = limit;
    const calendar = calendarOf(limit);
    const name = calendar === null ? '' : `${calendar}/${timeZone}`;
    if (calendar !== null && !calendars.has(name)) calendars.set(name, calendarEdges(calendar, timeZone, nowMs).join(','));
    const periodMs = calendar !== null || period === 'total' ? '' : PERIOD_MS[period];
    return [
      limitId, counter, amount, mode, periodMs, window === 'rolling' && periodMs !== '' ? periodMs / ROLLING_BUCKETS : '', name,
      match.spender === undefined || match.spender === '*' ? match.spender ?? '' : nameOfAccount(match.spender),
      match.model ?? '', match.feature ?? '', match.key ?? '', period, timeZone,
    ].join('\t');
  });
  return [...[...calendars].map(([name, edges]) => `@${name}\t${edges}`), ...rows].join('\n');
}

/** What an entry counted, as the parts of its hold (lua/includes/limits.lua). */
export const limitParts = (facts: readonly LimitFact[]): string =>
  facts.map(({ counter, fromMs, spender, credits }) => `${counter}:${fromMs}:${spender}/${credits}`).join(',');

/**
 * The parts of a hold with what an extension counted: more of the same window, or a part behind the others. A part that moved
 * to another window is gone.
 */
export function joinedLimitParts(parts: string, facts: readonly LimitFact[]): string {
  if (facts.length === 0) return parts;
  const credits = new Map(parts === '' ? [] : parts.split(',').map((part): [string, number] => {
    const slash = part.lastIndexOf('/');
    return [part.slice(0, slash), Number(part.slice(slash + 1))];
  }));
  for (const { counter, fromMs, spender, credits: more, open } of facts) {
    const name = `${counter}:${fromMs}:${spender}`;
    if (open < 0) credits.delete(name);
    else credits.set(name, (credits.get(name) ?? 0) + more);
  }
  return [...credits].map(([name, amount]) => `${name}/${amount}`).join(',');
}

/** What the limits allowed when something was taken, as scripts answer it: `id:remaining:resets_at_ms:mode,…`. */
export const limitStatesText = (facts: readonly LimitFact[]): string =>
  facts.flatMap(({ limitId, left, resetsAtMs, mode }) => (
    left === null ? [] : [`${limitId}:${left}:${resetsAtMs ?? 'inf'}:${mode}`])).join(',');

/** What the limits allowed after an operation, once each, by the facts of its entry. */
export function limitsAfter(facts: readonly LimitFact[]): readonly LimitState[] {
  const states = facts.flatMap(({ limitId, left, resetsAtMs, mode }): LimitState[] =>
    (left === null ? [] : [{ limitId, remaining: left, resetsAtMs, mode }]));
  return [...new Map(states.map((state) => [state.limitId, state])).values()];
}

/** The same text with edges around `nowMs`: needs no Postgres. */
export function renewEdges(definitions: string, nowMs: number): string {
  return definitions.split('\n').map((row) => {
    if (!row.startsWith('@')) return row;
    const name = row.slice(1, row.indexOf('\t'));
    const period = name.slice(0, name.indexOf('/')) as CalendarPeriod;
    return `@${name}\t${calendarEdges(period, name.slice(period.length + 1), nowMs).join(',')}`;
  }).join('\n');
}
