import type { Micros } from '../money/micros.js';
import type { Trx } from '../postgres/connect.js';
import { fromMs, unnestSource } from '../postgres/unnest.js';

/** A use of a service, as its entry reports it. `metadata` is JSON text and stays text. */
export type UsageRow = {
  readonly accountId: string;
  readonly seq: number;
  readonly atMs: number;
  readonly service: string;
  readonly operation: string;
  readonly credits: Micros;
  readonly metadata: string;
};

const source = unnestSource<UsageRow>('u', {
  account_id: ['text', (row) => row.accountId],
  seq: ['bigint', (row) => row.seq],
  at_ms: ['double precision', (row) => row.atMs],
  service: ['text', (row) => row.service],
  operation: ['text', (row) => row.operation],
  credits: ['bigint', (row) => row.credits],
  metadata: ['text', (row) => row.metadata],
});

export async function insertUsage(trx: Trx, rows: readonly UsageRow[]): Promise<void> {
  if (rows.length === 0) return;
  await trx.raw(
    `insert into usage_records (account_id, seq, at, service, operation, credits, metadata)
     select account_id, seq, ${fromMs('at_ms')}, service, operation, credits, metadata from ${source.sql}`,
    source.bind(rows),
  );
}
