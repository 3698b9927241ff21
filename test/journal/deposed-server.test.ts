import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readShards } from '../../src/books/shards.table.js';
import { shardStore } from '../../src/journal/shard-store.js';
import { micros } from '../../src/kit/money/micros.js';
import { acknowledged } from '../../src/ledger/acknowledged.js';
import { fence, type Fence } from '../../src/ledger/fence.js';
import type { ShardStore } from '../../src/ledger/shard-store.js';
import type { ShardedRedis } from '../../src/stores/redis/sharded-redis.js';
import { until } from '../chaos/lab.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';
import { shardedRedis } from '../support/redis-address.js';
import { startWithPassword, type ClusterServer } from '../support/redis-cluster.js';
import { temporaryFolder, type Folder } from '../support/servers.js';

/**
 * A replica was promoted while its master still runs, as for a while behind a partition or with a failover by hand. Processes that
 * have not heard of it use the old master; what that gets meanwhile has the numbers of what the new one gets.
 */

const TIMEOUT_MS = 60_000;
const password = randomBytes(24).toString('hex');

let folder: Folder;
let old: ClusterServer;
let newer: ClusterServer;
/** A process that is connected to the old master. */
let lab: DurableLedger;
let onNewer: ShardedRedis;
let store: ShardStore;
const gates: Fence[] = [];
beforeAll(async () => {
  folder = await temporaryFolder();
  old = await startWithPassword(join(folder.path, 'old'), password, { 'repl-diskless-sync-delay': '0' });
  newer = await startWithPassword(join(folder.path, 'newer'), password, { replicaof: `127.0.0.1 ${old.port}` });
  lab = await durableLedger({ onRedis: urlOf(old) });
  store = await shardStore(lab.db, lab.keys.shards);
}, TIMEOUT_MS);
afterAll(async () => {
  for (const gate of gates) gate.close();
  onNewer.close();
  await lab.close();
  for (const { admin } of [old, newer]) admin.disconnect();
  await Promise.all([old.stop(), newer.stop()]);
  folder.remove();
}, TIMEOUT_MS);

const urlOf = ({ port }: ClusterServer): string => `redis://:${password}@127.0.0.1:${port}`;

/** The fence of a process that starts now. */
async function openedOn(redis: ShardedRedis, complaints: string[] = [], unusedMs = TIMEOUT_MS): Promise<Fence> {
  const gate = fence({
    redis, store, unusedMs, keys: lab.keys, acknowledged: acknowledged(lab.keys.shards),
    drainShard: () => Promise.resolve(true), log: { info: () => undefined, error: (_, message) => { complaints.push(message); } },
  });
  gates.push(gate);
  await gate.opened();
  return gate;
}

/** A drain that takes its time has the row of one shard; a process opens the others meanwhile, and that one afterwards. */
async function opensAllButLocked(locked: number): Promise<void> {
  const all = Array.from({ length: lab.keys.shards }, (_, shard) => shard);
  const numbersOf = (gate: Fence): (number | undefined)[] => all.map((shard) => gate.epochOf(shard)?.number);
  const noted = async (): Promise<number[]> => (await readShards(lab.db)).map(({ deposed }) => deposed.length);
  const drain = await lab.db.transaction();
  await drain.raw('select 1 from shards where shard = ? for update', [locked]);
  const opening = openedOn(onNewer);
  const [gate] = gates.slice(-1) as [Fence];
  const butLocked = all.map((shard) => (shard === locked ? undefined : 1));
  await until('the others are open', () => numbersOf(gate).filter((each) => each === 1).length === all.length - 1);
  expect([numbersOf(gate), await noted()]).toEqual([butLocked, butLocked.map((each) => each ?? 0)]);
  await drain.rollback();
  await opening;
  expect([numbersOf(gate), await noted()]).toEqual([all.map(() => 1), all.map(() => 1)]);
}

test('a master that was replaced by its replica is drained no more, and no process opens it', async () => {
  const { ledger, keys, db, runDrain } = lab;
  const accountId = 'alice';
  const shard = keys.shardOf(accountId);
  const charge = (amount: number) => ({ accountId, amount: micros(amount), key: null, fingerprint: '', price: '', about: '{}' });
  await ledger.grantLot({ accountId, lotId: 'l1', amount: micros(100), expiresAtMs: null, key: 'k', kind: 'grant', about: '{}' });
  await lab.drain();
  await until('the replica has it', async () => await old.admin.wait(1, 1_000) === 1);

  await newer.admin.replicaof('NO', 'ONE');
  await ledger.charge(charge(30)); // the replica has not got it
  onNewer = await shardedRedis(urlOf(newer));
  const other = lab.processOn({ db, redis: onNewer });
  await opensAllButLocked(shard === 0 ? 1 : 0);
  expect((await openedOn(onNewer)).epochOf(shard)?.number).toBe(1);
  await other.ledger.charge(charge(50));

  expect(await runDrain([shard])).toMatchObject({ entries: 0, busy: [shard], stopped: [] });
  expect(await other.drain([shard])).toMatchObject({ entries: 1, busy: [], stopped: [] });
  const { rows } = await db.raw<{ rows: object[] }>(
    'select seq, captured::int from entries where account_id = ? order by seq', [accountId],
  );
  expect(rows).toEqual([{ seq: 1, captured: 0 }, { seq: 2, captured: 50 }]);

  const complaints: string[] = [];
  expect((await openedOn(lab.sharded, complaints)).epochOf(shard)).toBeNull();
  expect(complaints).toContainEqual(expect.stringContaining('was replaced as a master by its replica'));
}, TIMEOUT_MS);

/** Sentinel does so when the newer master is lost before the old one has become its replica, and the old one keeps its id. */
test('a replaced master is used again, in a new epoch, when no process uses the newer one any more', async () => {
  const { db, keys } = lab;
  const accountId = 'alice';
  const shard = keys.shardOf(accountId);
  const idOf = async ({ admin }: ClusterServer): Promise<string> =>
    /master_replid:(\w+)/.exec(await admin.info('replication'))?.[1] ?? '';
  const newerId = await idOf(newer);
  expect(await store.use([{ shard, replicationId: await idOf(old) }])).toEqual([shard]);
  for (const each of gates) each.close(); // those on the newer master, too
  const unusedMs = 3_000;
  const gate = await openedOn(lab.sharded, [], unusedMs);
  const startedAt = performance.now();
  const using = setInterval(() => { void store.use([{ shard, replicationId: newerId }]); }, unusedMs / 10);
  await until('it could have been opened', () => performance.now() - startedAt > 2 * unusedMs);
  expect(gate.epochOf(shard)).toBeNull();
  clearInterval(using);
  await until('it is open', () => gate.epochOf(shard)?.number === 2);
  expect((await readShards(db))[shard]).toMatchObject({ epoch: 2, deposed: [] });
  await until('the first process has left the old epoch', () => lab.fence.epochOf(shard)?.number === 2);
  expect((await lab.ledger.readBalance(accountId)).available).toBe(50);
}, TIMEOUT_MS);
