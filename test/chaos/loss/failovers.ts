import { setTimeout as sleep } from 'node:timers/promises';
import { LOOPBACK } from '../../../src/stores/embedded/loopback-port.js';
import { slotOf } from '../../../src/stores/redis/slots.js';
import { eventually, throwawayCluster, type ClusterServer, type TestCluster } from '../../support/redis-cluster.js';
import { throwawaySentinels } from '../../support/redis-sentinels.js';
import { locationOf } from '../../support/redis-address.js';
import type { Case } from './cases.js';
import { startWriters, type Missing } from './writers.js';

const WRITING_MS = 1_500;
const NODE_TIMEOUT_MS = 1_500;
const PAUSE_MS = 4_000;
const LAG_MS = 1_000;
/** The gateway leaves a server by then that Sentinels do not name any more (stores/redis/following-connector.ts). */
const LOOK_MS = 1_000;

const copies = async ({ admin }: ClusterServer): Promise<boolean> =>
  /role:slave[^]*master_link_status:up/.test(await admin.info('replication'));

/** A master that Sentinels watch gives way to its replica. */
const sentinel = (fault: string, fail: (master: ClusterServer, failOver: () => Promise<void>) => Promise<void>): Case => ({
  setup: 'Sentinel, everysec', fault,
  async measure(rounds) {
    const sentinels = await throwawaySentinels();
    const { password = '' } = locationOf(sentinels.url);
    const found: Missing[] = [];
    try {
      for (let round = 0; round < rounds; round += 1) {
        const old = await sentinels.master();
        const writers = startWriters({ host: LOOPBACK, port: old.port, password }, `round-${round}-`);
        await sleep(WRITING_MS + Math.random() * WRITING_MS);
        await fail(old, sentinels.failOver);
        await eventually('another master', async () => await sentinels.master() !== old);
        await sleep(LOOK_MS);
        writers.stop();
        if (!old.isRunning()) await old.restart();
        await eventually('the old master is a replica', () => copies(old));
        found.push(await writers.missing((await sentinels.master()).admin));
      }
      return found;
    } finally {
      await sentinels.discard();
    }
  },
});

export const sentinelKill = sentinel('kill -9 of the master, the replica is promoted', (master) => master.kill('SIGKILL'));

export const sentinelByHand = sentinel('SENTINEL FAILOVER by hand', (_, failOver) => failOver());

type Fail = (master: ClusterServer, replica: ClusterServer, cluster: TestCluster) => Promise<void>;

/** A master of a Cluster loses its slots to its replica. */
const cluster = (fault: string, fail: Fail): Case => ({
  setup: 'Redis Cluster, everysec', fault,
  async measure(rounds) {
    const nodes = await throwawayCluster({ replicasEach: 1, nodeTimeoutMs: NODE_TIMEOUT_MS });
    const found: Missing[] = [];
    try {
      for (let round = 0; round < rounds; round += 1) {
        const prefix = `{round-${round}}-`;
        const slot = slotOf(prefix);
        const master = await nodes.masterOf(slot);
        let replica = master;
        await eventually('every node to know the replica', async () => {
          [replica = master] = await nodes.replicasOf(master);
          return replica !== master && await copies(replica);
        });
        const writers = startWriters({ host: LOOPBACK, port: master.port, password: nodes.password }, prefix);
        await sleep(WRITING_MS + Math.random() * WRITING_MS);
        await fail(master, replica, nodes);
        await eventually('the replica has the slots', async () => await nodes.masterOf(slot) === replica);
        if (!master.isRunning()) await master.restart();
        await eventually('the old master is a replica', () => copies(master));
        found.push(await writers.missing(replica.admin));
      }
      return found;
    } finally {
      await nodes.discard();
    }
  },
});

export const clusterKill = cluster('kill -9 of a master, its replica takes over', (master) => master.kill('SIGKILL'));

export const clusterPause = cluster(`a master stands still for ${PAUSE_MS / 1_000} s, its replica takes over`, async (master) => {
  await master.kill('SIGSTOP');
  await sleep(PAUSE_MS);
  await master.kill('SIGCONT');
});

export const clusterByHand = cluster('CLUSTER FAILOVER by hand', async (_, replica) => {
  await replica.admin.call('CLUSTER', 'FAILOVER');
});

export const clusterTakeover = cluster(
  `CLUSTER FAILOVER TAKEOVER to a replica that lags by ${LAG_MS / 1_000} s`, async (master, replica, { password }) => {
    await replica.admin.config('SET', 'masterauth', 'wrong');
    await replica.admin.call('CLIENT', 'KILL', 'TYPE', 'master');
    await sleep(LAG_MS);
    await replica.admin.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
    await eventually('the master to be a replica', async () => (await master.admin.info('replication')).includes('role:slave'));
    await replica.admin.config('SET', 'masterauth', password);
  },
);
