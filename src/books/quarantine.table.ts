import type { Db, Trx } from '../stores/postgres/connect.js';
import { unnestSource } from '../stores/postgres/unnest.js';

/** Text that Postgres could not store, kept apart so that the entry's money can be booked. `payload` is JSON. */
export type QuarantineRow = {
  readonly shard: number;
  readonly epoch: number;
  readonly streamId: string;
  readonly accountId: string;
  readonly reason: string;
  readonly payload: string;
};

const source = unnestSource<QuarantineRow>('q', {
  shard: ['integer', (row) => row.shard],
  epoch: ['bigint', (row) => row.epoch],
  stream_id: ['text', (row) => row.streamId],
  account_id: ['text', (row) => row.accountId],
  reason: ['text', (row) => row.reason],
  payload: ['text', (row) => row.payload],
});

export async function insertQuarantine(trx: Trx, rows: readonly QuarantineRow[]): Promise<void> {
  if (rows.length === 0) return;
  const names = source.names.join(', ');
  await trx.raw(`insert into quarantine (${names}) select ${names} from ${source.sql}`, source.bind(rows));
}

export async function countQuarantined(db: Db): Promise<number> {
  const { rows: [found] } = await db.raw<{ rows: [{ count: number }] }>('select count(*) from quarantine');
  return found.count;
}
