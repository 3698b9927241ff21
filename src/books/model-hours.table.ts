import type { SumOfMicros } from '../kit/money/credits.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { prepared } from '../stores/postgres/prepared.js';
import { fromMs, toMs as msOf, unnestSource } from '../stores/postgres/unnest.js';
import { HOUR_MS, type Period } from './usage-rollup.js';

/** The name that counts the usage of models without a price. */
export const UNKNOWN_MODEL = 'unknown';

/** The hour of a moment: the start of the hour in UTC. */
export const hourOf = (atMs: number): number => Math.floor(atMs / HOUR_MS) * HOUR_MS;

/** The sums of one model over the entries of an hour. */
export type ModelSums = {
  readonly messages: bigint;
  readonly tokens: bigint;
  /** Credits held by holds that ended, however they ended. */
  readonly held: SumOfMicros;
  /** Captured by these holds and by charges, overage included. */
  readonly captured: SumOfMicros;
};

export type ModelHour = ModelSums & {
  readonly hourMs: number;
  readonly model: string;
  /** The accounts' shard: only its drainer writes the row. */
  readonly shard: number;
};

const source = unnestSource<ModelHour>('m', {
  hour_ms: ['double precision', (row) => row.hourMs],
  model: ['text', (row) => row.model],
  shard: ['integer', (row) => row.shard],
  messages: ['bigint', (row) => row.messages.toString()],
  tokens: ['numeric', (row) => row.tokens.toString()],
  held: ['numeric', (row) => row.held.toString()],
  captured: ['numeric', (row) => row.captured.toString()],
});

/**
 * Adds a batch's sums. The caller holds the locks of the shards, so this never waits for a lock. No two of `rows` may
 * have the same hour, model and shard.
 */
export async function addModelHours(trx: Trx, rows: readonly ModelHour[]): Promise<void> {
  if (rows.length === 0) return;
  await prepared(trx,
    `insert into model_hours as old (hour, model, shard, messages, tokens, held, captured)
     select ${fromMs('hour_ms')}, model, shard, messages, tokens, held, captured from ${source.sql}
     on conflict (hour, model, shard) do update set
       messages = old.messages + excluded.messages, tokens = old.tokens + excluded.tokens,
       held = old.held + excluded.held, captured = old.captured + excluded.captured`,
    source.bind(rows),
  );
}

/** What a model cost its users. The number of tokens is rounded beyond 2^53; amounts are exact. */
export type ModelCost = {
  readonly model: string;
  readonly messages: number;
  readonly tokens: number;
  readonly held: SumOfMicros;
  readonly captured: SumOfMicros;
};

export type ModelCostsQuery = Period & { readonly limit: number };

/**
 * What each model cost users in the hours of a period, the most expensive first. Counts every entry that Postgres has
 * once; entries that are not drained yet are missing.
 */
export async function readModelCosts(db: Db, { fromMs: from, toMs: to, limit }: ModelCostsQuery): Promise<readonly ModelCost[]> {
  const { rows } = await db.raw<{ rows: { model: string; messages: string; tokens: string; held: string; captured: string }[] }>(
    `select model, sum(messages)::text as messages, sum(tokens)::text as tokens, sum(held)::text as held, sum(captured)::text as captured
       from model_hours where hour >= ${fromMs(':from::double precision')} and hour < ${fromMs(':to::double precision')}
      group by model order by sum(captured) desc, sum(held) desc, model limit :limit`,
    { from: hourOf(from), to, limit },
  );
  return rows.map(({ model, messages, tokens, held, captured }) => (
    { model, messages: Number(messages), tokens: Number(tokens), held: BigInt(held), captured: BigInt(captured) }));
}

/** What one model cost its users in one hour. */
export type ModelOfHour = { readonly hourMs: number; readonly model: string; readonly captured: SumOfMicros };

/** What models cost users in each hour of a period, for charts: at most `limit` models, those with the largest sums. */
export async function readHoursOfModels(db: Db, { fromMs: from, toMs: to, limit }: ModelCostsQuery): Promise<readonly ModelOfHour[]> {
  const within = `hour >= ${fromMs(':from::double precision')} and hour < ${fromMs(':to::double precision')}`;
  const { rows } = await db.raw<{ rows: { hourMs: number; model: string; captured: string }[] }>(
    `select ${msOf('hour')} as "hourMs", model, sum(captured)::text as captured from model_hours
      where ${within} and model in (
        select model from model_hours where ${within} group by model order by sum(captured) desc, model limit :limit)
      group by hour, model order by hour, model`,
    { from: hourOf(from), to, limit },
  );
  return rows.map(({ captured, ...rest }) => ({ ...rest, captured: BigInt(captured) }));
}
