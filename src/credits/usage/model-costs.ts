import {
  hourOf, readHoursOfModels, readModelCosts, type ModelCost, type ModelCostsQuery, type ModelOfHour,
} from '../../books/model-hours.table.js';
import { DAY_MS, HOUR_MS } from '../../books/usage-rollup.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';

export type ModelCostsDeps = {
  readonly db: Db;
  /** Drains the journal first; false when it could not: sums that are slightly behind are better than none. */
  readonly freshen: () => Promise<boolean>;
};

export type ModelCosts = {
  readonly models: readonly ModelCost[];
  /** Whether the sums include everything that was acknowledged before the request. */
  readonly isUpToDate: boolean;
};

/**
 * What each model cost users in the hours that a period touches, the most expensive first.
 *
 * @throws GatewayError ledger_unavailable when Postgres is down.
 */
export async function modelCosts({ db, freshen }: ModelCostsDeps, query: ModelCostsQuery): Promise<ModelCosts> {
  const isUpToDate = await freshen();
  const models = await readModelCosts(db, query).catch((error: unknown) => { throw toGatewayError(error); });
  return { models, isUpToDate };
}

/** `fromMs`: the hour from which they are summed up. */
export type CostsOfDay = { readonly fromMs: number; readonly models: readonly ModelCost[] };

/** The last 24 hours including the current one, from Postgres without a drain, for pages that refresh often. */
export async function costsOfDay(db: Db, nowMs: number, limit: number): Promise<CostsOfDay> {
  const toMs = hourOf(nowMs) + HOUR_MS;
  const fromMs = toMs - DAY_MS;
  return { fromMs, models: await readModelCosts(db, { fromMs, toMs, limit }) };
}

/** The same 24 hours, hour by hour: `toMs` is the end of the current one. */
export type HoursOfDay = { readonly fromMs: number; readonly toMs: number; readonly hours: readonly ModelOfHour[] };

export async function hoursOfDay(db: Db, nowMs: number, limit: number): Promise<HoursOfDay> {
  const toMs = hourOf(nowMs) + HOUR_MS;
  const fromMs = toMs - DAY_MS;
  return { fromMs, toMs, hours: await readHoursOfModels(db, { fromMs, toMs, limit }) };
}
