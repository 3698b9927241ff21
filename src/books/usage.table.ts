import type { Micros } from '../kit/money/micros.js';
import type { Trx } from '../stores/postgres/connect.js';
import { fromMs, unnestSource } from '../stores/postgres/unnest.js';
import { modelOf, rollupName } from './usage-rollup.js';

/** A use of a service, as its entry reports it. `metadata` is JSON text and is stored as text. */
export type UsageRow = {
  readonly accountId: string;
  /** The account's shard. It is part of the key of the system's roll-ups, so only the shard's drainer writes them. */
  readonly shard: number;
  readonly seq: number;
  readonly atMs: number;
  readonly service: string;
  readonly operation: string;
  readonly credits: Micros;
  /** The part that could not be charged. */
  readonly uncollected: Micros;
  /** Refused for lack of credits: the usage happened and is uncollected in full. Statistics count it separately. */
  readonly isRefused: boolean;
  readonly metadata: string;
  /** The entry of the record that this one corrects by adding credits, or null: a use of its own. */
  readonly corrects: number | null;
};

/** Refused usage whose repeat was charged: the charge has its own record, and the refusal no longer counts as uncollected. */
export type CollectedUsage = { readonly accountId: string; readonly refusedSeq: number; readonly collectedSeq: number };

const source = unnestSource<UsageRow>('u', {
  account_id: ['text', (row) => row.accountId],
  shard: ['integer', (row) => row.shard],
  seq: ['bigint', (row) => row.seq],
  at_ms: ['double precision', (row) => row.atMs],
  service: ['text', (row) => row.service],
  operation: ['text', (row) => row.operation],
  credits: ['bigint', (row) => row.credits],
  uncollected: ['bigint', (row) => row.uncollected],
  refused: ['boolean', (row) => row.isRefused],
  metadata: ['text', (row) => row.metadata],
  corrects: ['bigint', (row) => row.corrects],
});

const bucket = (grain: 'hour' | 'day' | 'month'): string => `('${grain}', date_trunc('${grain}', at, 'UTC'))`;

/** A correction adds credits to a use that is already counted. */
const USES = 'count(*) filter (where corrects is null)';

/**
 * One statement for the records and all their roll-ups, so that no record is written without being counted. Grouped by
 * Postgres, not here: texts that differ in JavaScript may be equal in Postgres, and a row can be upserted only once.
 */
const INSERT = `
  with made as materialized (
    select account_id, shard, seq,
      ${fromMs('at_ms')} as at, service, operation, credits, uncollected, refused, metadata, corrects from ${source.sql}),
  recorded as (
    insert into usage_records (account_id, seq, at, service, operation, credits, uncollected, refused, metadata, corrects)
    select account_id, seq, at, service, operation, credits, uncollected, refused, metadata, corrects from made),
  used as materialized (select * from made where not refused),
  by_account as (
    insert into usage_by_account as old (account_id, grain, starts_at, service, operation, records, credits)
    select account_id, grain, starts_at, case when grain = 'month' then '' else ${rollupName('service')} end,
           case when grain = 'month' then '' else coalesce(${modelOf('service', 'operation')}, '') end, ${USES}, sum(credits)
      from used cross join lateral (values ${bucket('hour')}, ${bucket('day')}, ${bucket('month')}) as bucket (grain, starts_at)
     group by 1, 2, 3, 4, 5
    on conflict (account_id, grain, starts_at, service, operation)
      do update set records = old.records + excluded.records, credits = old.credits + excluded.credits)
  insert into usage_by_shard as old (shard, grain, starts_at, service, operation, records, credits)
  select shard, grain, starts_at, ${rollupName('service')}, coalesce(${modelOf('service', 'operation')}, ''), ${USES}, sum(credits)
    from used cross join lateral (values ${bucket('hour')}, ${bucket('day')}) as bucket (grain, starts_at)
   group by 1, 2, 3, 4, 5
  on conflict (grain, starts_at, shard, service, operation)
    do update set records = old.records + excluded.records, credits = old.credits + excluded.credits`;

const collected = unnestSource<CollectedUsage>('c', {
  account_id: ['text', (row) => row.accountId],
  refused_seq: ['bigint', (row) => row.refusedSeq],
  collected_seq: ['bigint', (row) => row.collectedSeq],
});

/** Runs after the records of the same batch, which may contain the refusal. The caller holds the locks of the shards. */
export async function markCollected(trx: Trx, rows: readonly CollectedUsage[]): Promise<void> {
  if (rows.length === 0) return;
  await trx.raw(
    `update usage_records as u set collected_seq = c.collected_seq from ${collected.sql}
      where u.account_id = c.account_id and u.seq = c.refused_seq and u.refused`,
    collected.bind(rows),
  );
}

/** The caller holds the locks of the shards. */
export async function insertUsage(trx: Trx, rows: readonly UsageRow[]): Promise<void> {
  if (rows.length > 0) await trx.raw(INSERT, source.bind(rows));
}
