import { randomUUID } from 'node:crypto';
import {
  deposeServer, lockShard, openShards, raiseEpoch, readIdleShards, readMarkedShards, reinstateServer,
} from '../books/shards.table.js';
import type { ShardStore } from '../ledger/shard-store.js';
import type { Db } from '../stores/postgres/connect.js';
import { addToLoss, insertLoss } from './shard-losses.table.js';
import { isUsedWithin, storeMarks, storeUses } from './shard-marks.table.js';

/** Creates or checks the shards of this database, and returns the fence's access to them. */
export async function shardStore(db: Db, shards: number): Promise<ShardStore> {
  await openShards(db, shards);
  const process = randomUUID();
  return {
    ledgerId: await ledgerIdOf(db),
    readShards: () => readMarkedShards(db),
    readIdle: (among) => readIdleShards(db, among),
    depose: (among, replicationId) => deposeServer(db, among, replicationId),
    withLocked: (shard, work) => db.transaction(async (trx) => {
      const row = await lockShard(trx, shard);
      if (row === null) throw new Error(`Postgres has no shard ${shard}`);
      return work(row, {
        raise: async (loss) => {
          await raiseEpoch(trx, shard, row.epoch);
          await insertLoss(trx, loss, { counted: process });
        },
        depose: (replicationId) => deposeServer(trx, [shard], replicationId),
        reinstate: async (replicationId, unusedMs) => {
          if (await isUsedWithin(trx, shard, unusedMs)) return false;
          await reinstateServer(trx, shard, replicationId);
          return true;
        },
      });
    }),
    use: (uses) => storeUses(db, uses),
    mark: (marks) => storeMarks(db, marks),
    addToLoss: (shard, epoch, recent) => addToLoss(db, shard, epoch, { process, recent }),
  };
}

/** This ledger's identity, created once. It is part of the fence, so this database cannot be used with another's Redis. */
async function ledgerIdOf(db: Db): Promise<string> {
  await db.raw(`insert into settings (name, value) values ('ledger_id', ?) on conflict (name) do nothing`, [randomUUID()]);
  const { rows } = await db.raw<{ rows: { value: string }[] }>(`select value from settings where name = 'ledger_id'`);
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres has no ledger id');
  return row.value;
}
