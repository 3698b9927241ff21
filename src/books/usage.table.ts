import { joined } from '../kit/ids.js';
import type { Micros } from '../kit/money/micros.js';
import { copyInto } from '../stores/postgres/copy.js';
import type { Trx } from '../stores/postgres/connect.js';
import { together } from '../stores/postgres/errors.js';
import { prepared } from '../stores/postgres/prepared.js';
import { fromMs, unnestSource } from '../stores/postgres/unnest.js';
import { HOUR_MS, modelOf, rollupName } from './usage-rollup.js';

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

const copyRecords = copyInto<UsageRow>('usage_records', {
  account_id: ['text', (row) => row.accountId],
  seq: ['bigint', (row) => row.seq],
  at_ms: ['double precision', (row) => row.atMs],
  service: ['text', (row) => row.service],
  operation: ['text', (row) => row.operation],
  credits: ['bigint', (row) => row.credits],
  uncollected: ['bigint', (row) => row.uncollected],
  refused: ['boolean', (row) => row.isRefused],
  metadata: ['text', (row) => row.metadata],
  corrects: ['bigint', (row) => row.corrects],
}, ['at_ms']);

/** What a batch adds to one service and operation of an account in one hour. */
type UsedHour = Pick<UsageRow, 'accountId' | 'shard' | 'service' | 'operation'> & {
  readonly hourMs: number; records: number; credits: bigint;
};

const usedSource = unnestSource<UsedHour>('u', {
  account_id: ['text', (row) => row.accountId],
  shard: ['integer', (row) => row.shard],
  hour_ms: ['double precision', (row) => row.hourMs],
  service: ['text', (row) => row.service],
  operation: ['text', (row) => row.operation],
  records: ['bigint', (row) => row.records],
  credits: ['numeric', (row) => row.credits.toString()],
});

const bucket = (grain: 'hour' | 'day' | 'month'): string => `('${grain}', date_trunc('${grain}', hour, 'UTC'))`;

/**
 * Adds to all roll-ups in one statement. Grouped by Postgres too: texts that differ in JavaScript may be equal in Postgres, and a row
 * can be upserted only once.
 */
const ROLL_UP = `
  with used as materialized (
    select account_id, shard, ${fromMs('hour_ms')} as hour, ${rollupName('service')} as service,
           coalesce(${modelOf('service', 'operation')}, '') as model, records, credits
      from ${usedSource.sql}),
  by_account as (
    insert into usage_by_account as old (account_id, grain, starts_at, service, operation, records, credits)
    select account_id, grain, starts_at, case when grain = 'month' then '' else service end,
           case when grain = 'month' then '' else model end, sum(records), sum(credits)
      from used cross join lateral (values ${bucket('hour')}, ${bucket('day')}, ${bucket('month')}) as bucket (grain, starts_at)
     group by 1, 2, 3, 4, 5
    on conflict (account_id, grain, starts_at, service, operation)
      do update set records = old.records + excluded.records, credits = old.credits + excluded.credits)
  insert into usage_by_shard as old (shard, grain, starts_at, service, operation, records, credits)
  select shard, grain, starts_at, service, model, sum(records), sum(credits)
    from used cross join lateral (values ${bucket('hour')}, ${bucket('day')}) as bucket (grain, starts_at)
   group by 1, 2, 3, 4, 5
  on conflict (grain, starts_at, shard, service, operation)
    do update set records = old.records + excluded.records, credits = old.credits + excluded.credits`;

/** Refused usage is counted separately, and a correction adds credits to a use that is already counted. */
function usedHours(rows: readonly UsageRow[]): UsedHour[] {
  const hours = new Map<string, UsedHour>();
  for (const { accountId, shard, atMs, service, operation, credits, isRefused, corrects } of rows) {
    if (isRefused) continue;
    const hourMs = Math.floor(atMs / HOUR_MS) * HOUR_MS;
    const name = joined(accountId, hourMs, service, operation);
    let hour = hours.get(name);
    if (hour === undefined) hours.set(name, hour = { accountId, shard, hourMs, service, operation, records: 0, credits: 0n });
    if (corrects === null) hour.records += 1;
    hour.credits += BigInt(credits);
  }
  return [...hours.values()];
}

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

/** Writes records and counts them in all their roll-ups. The caller holds the locks of the shards. */
export async function insertUsage(trx: Trx, rows: readonly UsageRow[]): Promise<void> {
  const used = usedHours(rows);
  await together<unknown>([copyRecords(trx, rows), used.length === 0 ? undefined : prepared(trx, ROLL_UP, usedSource.bind(used))]);
}
