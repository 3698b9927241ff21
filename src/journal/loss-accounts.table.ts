import type { Micros } from '../kit/money/micros.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { unnestSource } from '../stores/postgres/unnest.js';

/** What the entries left behind did to one account, in micros. */
export type LeftBehind = {
  readonly accountId: string; readonly entries: number;
  readonly granted: Micros; readonly captured: Micros; readonly available: Micros;
};

const source = unnestSource<LeftBehind>('l', {
  account_id: ['text', (row) => row.accountId.replaceAll('\0', '')],
  entries: ['bigint', (row) => row.entries],
  granted: ['numeric', (row) => row.granted],
  captured: ['numeric', (row) => row.captured],
  available: ['numeric', (row) => row.available],
});

/** Records every account of an epoch that was left behind, in the transaction that ends the epoch. */
export async function insertLeftBehind(
  trx: Trx, { shard, epoch }: { readonly shard: number; readonly epoch: number }, accounts: readonly LeftBehind[],
): Promise<void> {
  if (accounts.length === 0) return;
  // Two ids that differ only by a character that Postgres cannot store are one account here.
  await trx.raw(
    `insert into shard_loss_accounts (shard, epoch, account_id, entries, granted, captured, available)
     select ?::integer, ?::bigint, account_id, sum(entries), sum(granted), sum(captured), sum(available)
       from ${source.sql} group by account_id`,
    [shard, epoch, ...source.bind(accounts)],
  );
}

/** The accounts of an epoch that was left behind, those with the most entries first. */
export async function readLeftBehind(db: Db, shard: number, epoch: number): Promise<LeftBehind[]> {
  const { rows } = await db.raw<{ rows: LeftBehind[] }>(
    `select account_id as "accountId", entries, granted::double precision as granted, captured::double precision as captured,
            available::double precision as available
       from shard_loss_accounts where shard = ? and epoch = ? order by entries desc, account_id`,
    [shard, epoch],
  );
  return rows;
}
