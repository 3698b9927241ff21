import type { SumOfMicros } from '../money/credits.js';
import type { Db } from '../postgres/connect.js';
import { HOUR_MS } from './usage-rollup.js';
import { readStatsLines } from './usage-stats.table.js';

export type TopModels = {
  /** They are summed up from this hour on. */
  readonly fromMs: number;
  readonly models: readonly { readonly modelId: string; readonly records: number; readonly credits: SumOfMicros }[];
};

const HOURS = 24;

/**
 * The models that cost users the most in the last 24 hours, the present one included. Whole hours, so that roll-ups alone
 * are read and no single record: it is asked for again and again by whoever watches.
 */
export async function topModels(db: Db, nowMs: number, modelsMax: number): Promise<TopModels> {
  const toMs = (Math.floor(nowMs / HOUR_MS) + 1) * HOUR_MS;
  const fromMs = toMs - HOURS * HOUR_MS;
  const lines = await readStatsLines(db, null, { fromMs, toMs }, modelsMax);
  return {
    fromMs,
    models: lines.flatMap(({ part, name, records, credits }) => (part === 'model' ? [{ modelId: name, records: Number(records), credits: BigInt(credits) }] : [])),
  };
}
