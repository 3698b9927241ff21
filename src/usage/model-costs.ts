import type { Db } from '../postgres/connect.js';
import { toGatewayError } from '../postgres/errors.js';
import { readModelCosts, type ModelCost, type ModelCostsQuery } from './model-hours.table.js';

export type ModelCostsDeps = {
  readonly db: Db;
  /** Brings Postgres up to date; false when it could not: sums that are some moments behind are better than none. */
  readonly freshen: () => Promise<boolean>;
};

export type ModelCosts = {
  readonly models: readonly ModelCost[];
  /** Whether everything is in it that was acknowledged before the question. */
  readonly isUpToDate: boolean;
};

/**
 * What each model cost users in the hours that a period touches, the most expensive first.
 *
 * @throws GatewayError ledger_unavailable when Postgres is away.
 */
export async function modelCosts({ db, freshen }: ModelCostsDeps, query: ModelCostsQuery): Promise<ModelCosts> {
  const isUpToDate = await freshen();
  const models = await readModelCosts(db, query).catch((error: unknown) => { throw toGatewayError(error); });
  return { models, isUpToDate };
}
