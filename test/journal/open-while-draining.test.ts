import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDrain } from '../../src/journal/drain.js';
import { shardStore } from '../../src/journal/shard-store.js';
import { micros } from '../../src/kit/money/micros.js';
import { acknowledged } from '../../src/ledger/acknowledged.js';
import { fence, type Epoch, type Fence } from '../../src/ledger/fence.js';
import { until } from '../chaos/lab.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';

/**
 * A drain may have read entries that Redis has lost since. Until it has committed, Postgres does not tell that it has them, so
 * Redis does not look older than Postgres.
 */

let lab: DurableLedger;
beforeAll(async () => { lab = await durableLedger(); });
afterAll(async () => { await lab.close(); });

const isWaitedFor = async (): Promise<boolean> => {
  const { rows } = await lab.db.raw<{ rows: object[] }>(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows.length > 0;
};

test('a shard is not opened on a Redis that has lost what a drain is about to commit', async () => {
  const { keys, ledger, redis, db, sharded } = lab;
  const accountId = 'alice';
  const shard = keys.shardOf(accountId);
  const { journal } = keys.shard(shard, 1);
  await ledger.grantLot({ accountId, lotId: 'l1', amount: micros(100), expiresAtMs: null, key: 'k', kind: 'grant', about: '{}' });
  await lab.drain();
  const survived = (await sharded.streamStates([journal]))[0]?.lastId ?? '';
  await ledger.charge({ accountId, amount: micros(30), key: null, fingerprint: '', price: '', about: '{}' });

  let gate: Fence | undefined;
  let openEarly: Epoch | null = null;
  const store = await shardStore(db, keys.shards);
  const restarted = async (): Promise<Fence> => {
    await redis.del(journal);
    await redis.xadd(journal, survived, 'what', 'Postgres has');
    return fence({ // of a process that knows nothing of the charge
      redis: sharded, store, keys, acknowledged: acknowledged(keys.shards), drainShard: () => Promise.resolve(true),
      log: { info: () => undefined, error: () => undefined },
    });
  };
  const drain = createDrain({
    db, redis: sharded, keys, clock: Date.now, tailMs: 0, entryName: (model) => model,
    failpoint: async (at) => {
      if (at !== 'before_commit') return;
      const opening = gate = await restarted();
      await until('the shard is judged', async () => opening.epochOf(shard) !== null || await isWaitedFor());
      openEarly = opening.epochOf(shard);
    },
  });
  expect(await drain([shard])).toMatchObject({ entries: 1, stopped: [] });
  await gate?.opened();
  expect([openEarly, gate?.epochOf(shard)?.number]).toEqual([null, 2]);
  gate?.close();
  await until('the other process has noticed', () => lab.fence.epochOf(shard)?.number === 2);
  expect((await ledger.readBalance(accountId)).available).toBe(70);
});
