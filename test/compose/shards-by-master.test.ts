import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { slotOf } from '../../src/stores/redis/slots.js';
import { until } from '../chaos/lab.js';
import { openCoreProcess, type CoreProcess } from '../support/core-process.js';
import { seriesOf } from '../support/gauges.js';
import { failOverByHand, throwawayCluster, type ClusterServer, type TestCluster } from '../support/redis-cluster.js';
import { freshDatabase, throwawayRedis, type FreshDatabase } from '../support/servers.js';

/** `cg_shards_open{server}`: where the shards are, and nothing of a master that has none. */

const SHARDS = 16;
const TIMEOUT_MS = 120_000;

let database: FreshDatabase;
let cluster: TestCluster;
let gateway: CoreProcess;
beforeAll(async () => {
  [database, cluster] = await Promise.all([freshDatabase(migrate), throwawayCluster({ replicasEach: 1 })]);
  gateway = await openCoreProcess(cluster.url, database.databaseUrl, SHARDS);
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway.close();
  await cluster.discard();
  await database.drop();
}, TIMEOUT_MS);

const reported = async ({ metrics }: CoreProcess): Promise<Record<string, number>> => Object.fromEntries(
  [...seriesOf(await metrics.text())].flatMap(([series, value]) => {
    const server = /^cg_shards_open\{server="(.*)"\}$/.exec(series)?.[1];
    return server === undefined ? [] : [[server, value]];
  }),
);
const nameOf = ({ port }: ClusterServer): string => `127.0.0.1:${port}`;
const slotOfShard = (shard: number): number => slotOf(gateway.core.keys.fence(shard));

/** As the servers tell it. */
async function owned(): Promise<Record<string, number>> {
  const shards: Record<string, number> = {};
  for (let shard = 0; shard < SHARDS; shard += 1) {
    const name = nameOf(await cluster.masterOf(slotOfShard(shard)));
    shards[name] = (shards[name] ?? 0) + 1;
  }
  return shards;
}

test('a failover: the new master has the shards of the old one, whose series ends', async () => {
  const before = await owned();
  expect(Object.keys(before)).toHaveLength(3);
  expect(await reported(gateway)).toEqual(before);

  const master = await cluster.masterOf(slotOfShard(0));
  let replica = master;
  await until('it has a replica', async () => {
    replica = (await cluster.replicasOf(master))[0] ?? master;
    return replica !== master;
  });
  await failOverByHand(replica);
  const { [nameOf(master)]: moved, ...others } = before;
  const after = { ...others, [nameOf(replica)]: moved };
  await until('the shards are open on the new master', async () => {
    const { [nameOf(replica)]: open = 0 } = await reported(gateway);
    return open === moved;
  });
  expect(await reported(gateway)).toEqual(after);
}, TIMEOUT_MS);

test('a master whose shards are closed is shown with none', async () => {
  const { core: { fence, keys, redis } } = gateway;
  const name = redis.serverName(keys.fence(0));
  const open = await reported(gateway);
  for (let shard = 0; shard < SHARDS; shard += 1) if (redis.serverName(keys.fence(shard)) === name) fence.suspect(shard);
  expect(await reported(gateway)).toEqual({ ...open, [name]: 0 });
  await until('they are open again', async () => (await reported(gateway))[name] === open[name]);
});

test('one Redis is one series', async () => {
  const [redis, ofOne] = await Promise.all([throwawayRedis(), freshDatabase(migrate)]);
  const single = await openCoreProcess(redis.url, ofOne.databaseUrl, SHARDS);
  try {
    expect(await reported(single)).toEqual({ redis: SHARDS });
  } finally {
    await single.close();
    await redis.discard();
    await ofOne.drop();
  }
}, TIMEOUT_MS);
