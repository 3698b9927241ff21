import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { slotOf } from '../../src/stores/redis/slots.js';
import { inParallel } from '../support/parallel.js';
import { eventually, failOverByHand, moveSlot, throwawayCluster, type ClusterServer, type TestCluster } from '../support/redis-cluster.js';
import { chaosLabOn, MAY_MISS, until, type ChaosLab } from './lab.js';
import { startLoad, type Load } from './load.js';

/** A Redis Cluster of six nodes under load: what happens to one master concerns its shards only, and needs no human. */

const ACCOUNTS = 12;
const CALLERS = 8;
const ANSWERS = 40;
/** Past every lease (600 s). */
const PAST_LEASES_MS = 660_000;
const TIMEOUT_MS = 300_000;

let cluster: TestCluster;
let lab: Omit<ChaosLab, 'redis'>;
let load: Load | undefined;
beforeAll(async () => {
  cluster = await throwawayCluster({ replicasEach: 1, nodeTimeoutMs: 1_500 });
  lab = await chaosLabOn(cluster.url, ACCOUNTS, { REDIS_TIMEOUT_MS: '500', POSTGRES_TIMEOUT_MS: '20000' });
  const { proxy, accounts } = lab;
  await inParallel(4, accounts.map((accountId) => () => proxy.grant(accountId, 150, 30)));
}, TIMEOUT_MS);
afterEach(async () => {
  await load?.stop();
  load = undefined;
}, TIMEOUT_MS);
afterAll(async () => {
  await lab.close();
  await cluster.discard();
}, TIMEOUT_MS);

const shards = (): number[] => Array.from({ length: lab.processes.shards }, (_, shard) => shard);
const slotOfShard = (shard: number): number => slotOf(lab.books.keys.fence(shard));
const accountsOn = async (server: ClusterServer): Promise<string[]> => {
  const owners = await Promise.all(lab.accounts.map((accountId) => cluster.masterOf(slotOfShard(lab.books.keys.shardOf(accountId)))));
  return lab.accounts.filter((_, index) => owners[index] === server);
};
const balance = (accountId: string) =>
  lab.client.once({ method: 'GET', path: '/api/credits/balance', token: lab.tokenOf(accountId), isRepeatable: true });
const answers = (count: number): Promise<void> => {
  const target = lab.client.traffic.answers + count;
  return until(`${count} more answers`, () => lab.client.traffic.answers >= target);
};
const epochs = async (): Promise<number[]> => {
  const { rows } = await lab.books.db.raw<{ rows: { epoch: number }[] }>('select epoch from shards order by shard');
  return rows.map(({ epoch }) => epoch);
};
const losses = async (): Promise<number> => {
  const { rows } = await lab.books.db.raw<{ rows: { lost: number }[] }>('select coalesce(sum(entries), 0)::int as lost from shard_losses');
  return rows[0]?.lost ?? 0;
};

/** Time until the first positive answer for an account of each of these. */
async function servedAgain(what: string, accountIds: readonly string[]): Promise<void> {
  const startedAt = performance.now();
  for (const accountId of accountIds) await until(`${accountId} is served`, async () => (await balance(accountId)).status === 200);
  process.stderr.write(`${what}: all accounts of that master are served after ${Math.round(performance.now() - startedAt)} ms\n`);
}

/** Everything balances; what callers were told is there, but for what the shards are known to have lost. */
async function expectBooks(what: string): Promise<void> {
  await load?.stop();
  load = undefined;
  await lab.processes.advance(PAST_LEASES_MS);
  const wrongs = await lab.wrongs();
  const lost = await losses();
  process.stderr.write(`${what}: ${lab.client.traffic.answers} answers, ${lab.client.traffic.unknown} unknown, ${lost} entries lost\n`);
  expect(wrongs.filter(({ check }) => lost === 0 || !MAY_MISS.includes(check))).toEqual([]);
}

test('the slots of keys are those of Redis', async () => {
  const [{ admin }] = cluster.servers as [ClusterServer];
  for (const key of ['a', 'foo{bar}baz', '{}a', 'a{}b{c}', 'é{ü}', ...shards().map((shard) => lab.books.keys.fence(shard))]) {
    expect([key, slotOf(key)]).toEqual([key, await admin.cluster('KEYSLOT', key)]);
  }
});

test('a failover by hand: no entry is lost, and the other masters go on', async () => {
  load = startLoad(lab.proxy, lab.accounts, CALLERS, 1);
  await answers(ANSWERS);
  const master = await cluster.masterOf(slotOfShard(0));
  const served = await accountsOn(master);
  const [replica] = await cluster.replicasOf(master);
  if (replica === undefined) throw new Error('it has no replica');
  await failOverByHand(replica);
  await eventually('the failover', async () => (await cluster.masterOf(slotOfShard(0))) === replica);
  await servedAgain('failover by hand', served);
  await answers(ANSWERS);
  await expectBooks('failover by hand');
  expect([await losses(), await epochs()]).toEqual([0, shards().map(() => 1)]);
}, TIMEOUT_MS);

test('slots move to another master under load: nothing is lost, no epoch is raised', async () => {
  load = startLoad(lab.proxy, lab.accounts, CALLERS, 2);
  await answers(ANSWERS);
  const from = await cluster.masterOf(slotOfShard(1));
  const to = cluster.servers.find((each) => each !== from && each.isRunning());
  const moved = shards().slice(0, 8);
  const targets = await Promise.all(moved.map(async (shard) => cluster.masterOf(slotOfShard(shard))));
  const target = targets.find((each) => each !== from) ?? to;
  if (target === undefined) throw new Error('there is no other master');
  for (const [index, shard] of moved.entries()) {
    const source = targets[index];
    if (source !== undefined && source !== target) await moveSlot(cluster.password, slotOfShard(shard), source, target);
  }
  for (const shard of moved) expect((await cluster.masterOf(slotOfShard(shard))).port).toBe(target.port);
  await servedAgain('moved slots', lab.accounts);
  await answers(ANSWERS);
  await expectBooks('moved slots');
  expect([await losses(), await epochs()]).toEqual([0, shards().map(() => 1)]);
}, TIMEOUT_MS);

test('kill -9 of a master under load: its replica takes over, and only its shards may have a new epoch', async () => {
  load = startLoad(lab.proxy, lab.accounts, CALLERS, 3);
  await answers(ANSWERS);
  const master = await cluster.masterOf(slotOfShard(2));
  const hit = await accountsOn(master);
  const owned = await Promise.all(shards().map(async (shard) => (await cluster.masterOf(slotOfShard(shard))) === master));
  const before = await epochs();
  await master.kill('SIGKILL');
  const others = lab.accounts.filter((accountId) => !hit.includes(accountId));
  for (const accountId of others) {
    await until(`${accountId}, which is on another master, is served`, async () => (await balance(accountId)).status === 200, 5_000);
  }
  await servedAgain('kill -9 of a master', hit);
  await answers(ANSWERS);
  await expectBooks('kill -9 of a master');
  const after = await epochs();
  expect(shards().filter((shard) => owned[shard] === false && after[shard] !== before[shard])).toEqual([]);
  await master.restart();
}, TIMEOUT_MS);
