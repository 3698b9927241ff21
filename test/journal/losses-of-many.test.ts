import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readLosses } from '../../src/journal/shard-losses.table.js';
import { shardStore } from '../../src/journal/shard-store.js';
import { micros } from '../../src/kit/money/micros.js';
import { acknowledged } from '../../src/ledger/acknowledged.js';
import type { ShardStore } from '../../src/ledger/shard-store.js';
import { shardVerifier, type ShardVerifier } from '../../src/ledger/verify-shards.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';

/** Several processes notice a loss at the same time: each has told callers of entries that the others do not know. */

let lab: DurableLedger;
beforeAll(async () => { lab = await durableLedger(); });
afterAll(async () => { await lab.close(); });

test('a process that waits while another one ends the epoch still names what was acknowledged to it', async () => {
  const { keys, ledger, redis, db, sharded } = lab;
  const accountId = 'alice';
  const shard = keys.shardOf(accountId);
  const { journal } = keys.shard(shard, 1);
  await ledger.grantLot({ accountId, lotId: 'l1', amount: micros(100), expiresAtMs: null, key: 'k', kind: 'grant', about: '{}' });
  await lab.drain();
  const survived = (await sharded.streamStates([journal]))[0]?.lastId ?? '';
  for (let charge = 0; charge < 3; charge += 1) {
    await ledger.charge({ accountId, amount: micros(10), key: null, fingerprint: '', price: '', about: '{}' });
  }
  const lost = (await redis.xrange(journal, `(${survived}`, '+')).map(([streamId]) => ({ streamId, accountId }));

  // A replica takes over that has none of the charges. The first process knows of one of them, the second of the other two.
  lab.fence.close();
  await redis.del(journal);
  await redis.xadd(journal, survived, 'what', 'Postgres has');
  const store = await shardStore(db, keys.shards);
  const process = (acks: typeof lost, its: ShardStore): ShardVerifier => {
    const told = acknowledged(keys.shards);
    for (const { streamId } of acks) told.note(shard, 1, accountId, streamId);
    return shardVerifier({
      redis: sharded, store: its, keys, acknowledged: told, drainShard: () => Promise.resolve(true),
      log: { info: () => undefined, error: () => undefined },
    });
  };
  const epochs: (number | null)[] = [];
  const servers = new Map([[shard, { name: 'a', replicationId: null, previousId: null }]]);
  const decided = (_: number, epoch: number | null): void => { epochs.push(epoch); };
  const first = process(lost.slice(2), store);
  const second = process(lost.slice(0, 2), {
    ...await shardStore(db, keys.shards),
    withLocked: async (...args) => {
      if (epochs.length === 0) await first.verify(servers, decided);
      return store.withLocked(...args);
    },
  });
  await second.verify(servers, decided);
  expect(epochs).toEqual([2, 2]);
  const [found] = await readLosses(db, { all: false, limit: 1 });
  expect(found).toMatchObject({ shard, epoch: 1, entries: 3, accounts: { [accountId]: 3 } });
});
