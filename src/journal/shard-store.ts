import { randomUUID } from 'node:crypto';
import { lockShard, openShards, raiseEpoch, readMarkedShards } from '../books/shards.table.js';
import type { ShardStore } from '../ledger/shard-store.js';
import type { Db } from '../stores/postgres/connect.js';
import { addToLoss, insertLoss } from './shard-losses.table.js';
import { storeMarks } from './shard-marks.table.js';

/** Opens the shards of this database, and answers what the fence asks of it. */
export async function shardStore(db: Db, shards: number): Promise<ShardStore> {
  await openShards(db, shards);
  return {
    ledgerId: await ledgerIdOf(db),
    readShards: () => readMarkedShards(db),
    withLocked: (shard, work) => db.transaction(async (trx) => {
      const row = await lockShard(trx, shard);
      if (row === null) throw new Error(`Postgres has no shard ${shard}`);
      return work(row, async (loss) => {
        await raiseEpoch(trx, shard, row.epoch);
        await insertLoss(trx, loss);
      });
    }),
    mark: (marks) => storeMarks(db, marks),
    addToLoss: (shard, epoch, recent) => addToLoss(db, shard, epoch, recent),
  };
}

/** This ledger's identity, made once. It is part of the fence, so no gateway can pair this database with another's Redis. */
async function ledgerIdOf(db: Db): Promise<string> {
  await db.raw(`insert into settings (name, value) values ('ledger_id', ?) on conflict (name) do nothing`, [randomUUID()]);
  const { rows } = await db.raw<{ rows: { value: string }[] }>(`select value from settings where name = 'ledger_id'`);
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres has no ledger id');
  return row.value;
}
