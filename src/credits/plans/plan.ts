import type { Micros } from '../../kit/money/micros.js';

/** Calendar periods are of UTC. `seconds` is any length, for trials and tests. */
export type Period =
  | { readonly unit: 'day' | 'week' }
  | { readonly unit: 'month' }
  | { readonly unit: 'seconds'; readonly seconds: number };

/** What accounts get, again and again. */
export type Plan = {
  /** Of the characters of an account id: it is part of keys. */
  readonly planId: string;
  /** What users see as their plan. */
  readonly name: string;
  /** Of every refill. */
  readonly amount: Micros;
  readonly period: Period;
  /** What is left of a refill when the next one comes: kept (`roll_over`), or taken away (`reset`). */
  readonly mode: 'roll_over' | 'reset';
  /**
   * Periods that nobody granted in time, because the workers were down: granted all, or only the one that runs. A
   * `reset` plan can only mean the latest: each refill would take away the one before it.
   */
  readonly missed: 'each' | 'latest';
  /** Life of a refill from the moment it is granted, so that a late one is not shorter; null: it never ends. */
  readonly expiresAfterSeconds: number | null;
};

/**
 * An account on a plan. Period n begins n periods after the anchor, so that no month and no delay ever drifts. The
 * anchor may be to come.
 */
export type AccountPlan = {
  readonly accountId: string;
  readonly planId: string;
  readonly anchorMs: number;
  /** The first period that has not been opened yet (period.table.ts). */
  readonly nextPeriod: number;
  /** The intent of the last refill, whose lot a reset takes away. */
  readonly lastIntentId: number | null;
  readonly lastRefillAtMs: number | null;
  /** Why the last attempt to refill failed; null: it did not. */
  readonly problem: string | null;
};

const SECOND_MS = 1_000;
const DAY_MS = 86_400 * SECOND_MS;

/** When period `n` of an account begins. Months keep the anchor's day, or end earlier: January 31, February 28, March 31. */
export function periodStart(anchorMs: number, period: Period, n: number): number {
  if (period.unit !== 'month') return anchorMs + n * lengthMs(period);
  const anchor = new Date(anchorMs);
  const month = anchor.getUTCMonth() + n;
  const lastDay = new Date(Date.UTC(anchor.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const timeOfDay = anchorMs - Date.UTC(anchor.getUTCFullYear(), anchor.getUTCMonth(), anchor.getUTCDate());
  return Date.UTC(anchor.getUTCFullYear(), month, Math.min(anchor.getUTCDate(), lastDay)) + timeOfDay;
}

/** The period that runs at a time, which must not be before the anchor. */
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

/** Whether two periods are the same: that of a plan in use cannot change, since all its dates follow from it. */
export const isSamePeriod = (a: Period, b: Period): boolean =>
  a.unit === b.unit && (a.unit !== 'seconds' || b.unit !== 'seconds' || a.seconds === b.seconds);
