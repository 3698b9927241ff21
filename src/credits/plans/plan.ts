import type { Micros } from '../../kit/money/micros.js';

/** Calendar periods are in UTC. `seconds` is a period of any length, for trials and tests. */
export type Period =
  | { readonly unit: 'day' | 'week' }
  | { readonly unit: 'month' }
  | { readonly unit: 'seconds'; readonly seconds: number };

/** A credit plan: the amount that an account gets in each period. */
export type Plan = {
  /** Only characters of account ids, because it is part of idempotency keys. */
  readonly planId: string;
  /** The name that users see. */
  readonly name: string;
  /** The amount of each refill. */
  readonly amount: Micros;
  readonly period: Period;
  /** What the next refill does to unused credits of the last one: keep them (`roll_over`) or remove them (`reset`). */
  readonly mode: 'roll_over' | 'reset';
  /**
   * Periods that were not granted in time because no worker ran: grant all of them, or only the current one. A `reset`
   * plan must use the current one, because each refill removes the one before.
   */
  readonly missed: 'each' | 'latest';
  /** Lifetime of a refill in seconds, from its grant, so that a late refill lives as long; null: it does not expire. */
  readonly expiresAfterSeconds: number | null;
};

/** A plan as it is kept. `version` is another one after every change. */
export type StoredPlan = Plan & { readonly version: number };

/**
 * The plan of an account. Period n starts n periods after the anchor, so delays and short months do not shift later
 * periods. The anchor may be in the future.
 */
export type AccountPlan = {
  readonly accountId: string;
  readonly planId: string;
  readonly anchorMs: number;
  /** Number of the first period that has not been opened yet (period.table.ts). */
  readonly nextPeriod: number;
  /** The intent of the last refill, whose lot a reset revokes. */
  readonly lastIntentId: number | null;
  readonly lastRefillAtMs: number | null;
  /** Why the last attempt to refill failed; null: it succeeded. */
  readonly problem: string | null;
};

const SECOND_MS = 1_000;
const DAY_MS = 86_400 * SECOND_MS;

/** When period `n` starts. Months keep the day of the anchor, or use their last day: January 31, February 28, March 31. */
export function periodStart(anchorMs: number, period: Period, n: number): number {
  if (period.unit !== 'month') return anchorMs + n * lengthMs(period);
  const anchor = new Date(anchorMs);
  const month = anchor.getUTCMonth() + n;
  const lastDay = new Date(Date.UTC(anchor.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const timeOfDay = anchorMs - Date.UTC(anchor.getUTCFullYear(), anchor.getUTCMonth(), anchor.getUTCDate());
  return Date.UTC(anchor.getUTCFullYear(), month, Math.min(anchor.getUTCDate(), lastDay)) + timeOfDay;
}

/** The number of the period at a time, which must not be before the anchor. */
export function periodAt(anchorMs: number, period: Period, nowMs: number): number {
  if (period.unit !== 'month') return Math.floor((nowMs - anchorMs) / lengthMs(period));
  const [anchor, now] = [new Date(anchorMs), new Date(nowMs)];
  const months = (now.getUTCFullYear() - anchor.getUTCFullYear()) * 12 + now.getUTCMonth() - anchor.getUTCMonth();
  return periodStart(anchorMs, period, months) <= nowMs ? months : months - 1;
}

function lengthMs(period: Exclude<Period, { readonly unit: 'month' }>): number {
  switch (period.unit) {
    case 'day': return DAY_MS;
    case 'week': return 7 * DAY_MS;
    case 'seconds': return period.seconds * SECOND_MS;
  }
}

/** Whether two periods are equal. The period of a plan in use cannot change, because all dates depend on it. */
export const isSamePeriod = (a: Period, b: Period): boolean =>
  a.unit === b.unit && (a.unit !== 'seconds' || b.unit !== 'seconds' || a.seconds === b.seconds);

export const isSamePlan = (a: Plan, b: Plan): boolean =>
  a.planId === b.planId && a.name === b.name && a.amount === b.amount && isSamePeriod(a.period, b.period) && a.mode === b.mode
  && a.missed === b.missed && a.expiresAfterSeconds === b.expiresAfterSeconds;
