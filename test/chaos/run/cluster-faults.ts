import { setTimeout as sleep } from 'node:timers/promises';
import { slotOf } from '../../../src/stores/redis/slots.js';
import { eventually, moveSlot } from '../../support/redis-cluster.js';
import {
  breakage, CALM_MS, ofServer, processFaults, SETTLE_MS, within, type Fault, type FaultDeps, type Faults, type Target,
} from './breakage.js';
import { clusterWatch, reasonedBy, type ClusterWatch, type Reason } from './cluster-watch.js';
import { tapJournal, type Tap } from './journal-tap.js';
import { NODE_TIMEOUT_MS, type ChaosNode, type RedisNodes } from './redis-nodes.js';

/** Faults of a Redis Cluster. A loss concerns the shards of one master. */
export function clusterFaults(deps: FaultDeps<RedisNodes>): Faults {
  const { stage, keys, random, note } = deps;
  const breaking = breakage(deps);
  const { count, free, kill, pause } = breaking;
  const taps: Tap[] = [];
  const reasons: Reason[] = [];
  const watch = clusterWatch(stage, keys, (shards) => {
    note(`a failover that no fault has planned: shards ${shards.join()}`);
    count('unplanned failover');
  });
  const targets = stage.nodes.map((node) => ofServer(node.name, () => node));
  const healed = async (): Promise<void> => {
    await breaking.mended();
    await whole(stage);
  };
  const calm = async (): Promise<void> => {
    await healed();
    await sleep(CALM_MS);
  };
  const moving = movingFaults({ ...deps, watch, count, isFree: () => free(targets).length === targets.length });
  const losing = losingFaults({ ...deps, watch, count, calm, taps, reasons });
  const all: Readonly<Record<string, Fault>> = {
    ...processFaults(deps, breaking, [everyNode(targets, () => free(targets).length === targets.length)]),
    'kill-replica': async () => { await kill([random.pick(await replicas(stage, targets))]); },
    'pause-replica': async () => { pause([random.pick(await replicas(stage, targets))]); },
    'pause-node': () => { pause([random.pick(targets)], NODE_TIMEOUT_MS / 2); },
    'lost-replies': () => {
      const ms = random.integer(50, 1_500);
      const proxies = random.chance(0.5) ? stage.proxies : [random.pick(stage.proxies)];
      note(`replies of ${proxies.length === 1 ? 'a node' : 'all nodes'} are lost for ${ms} ms`);
      count('replies lost');
      for (const proxy of proxies) proxy.swallow(ms);
    },
    'script-flush': async () => {
      note('SCRIPT FLUSH');
      count('script flush');
      await Promise.all(stage.nodes.filter((node) => node.isRunning()).map(({ admin }) => within(admin.script('FLUSH'))));
    },
    'failover-by-hand': moving.failoverByHand,
    'reshard': moving.reshard,
    ...losing,
  };
  return {
    names: Object.keys(all), losing: new Set(Object.keys(losing)), counts: breaking.counts, taps,
    healed: async () => {
      await healed();
      watch.close();
    },
    mayCause: reasonedBy(() => [...reasons, ...watch.unplanned]),
    async inject(name) { await all[name]?.(); },
  };
}

/** All nodes at once, and back at once, so that none is away for as long as makes others take its place. */
const everyNode = (targets: readonly Target[], isRunning: () => boolean): Target => ({
  name: 'every node', isRunning,
  kill: async () => { await Promise.all(targets.map((each) => each.kill())); },
  restart: async () => { await Promise.all(targets.map((each) => each.restart())); },
  signal: () => undefined,
});

async function replicas({ nodes, view }: RedisNodes, targets: readonly Target[]): Promise<Target[]> {
  const { masters } = await view();
  return targets.filter((_, index) => !masters.includes(nodes[index]?.id ?? ''));
}

/** A master and the shards that it has. */
type Master = { readonly node: ChaosNode; readonly shards: readonly number[] };

async function pickMaster(watch: ClusterWatch, random: FaultDeps<RedisNodes>['random']): Promise<Master> {
  let owners = await watch.owners();
  // After `kill-everything` no node may be up yet.
  await eventually('a master', async () => (owners = await watch.owners()).some((owner) => owner !== undefined));
  const node = random.pick([...new Set(owners)].filter((each) => each !== undefined));
  return { node, shards: owners.flatMap((owner, shard) => (owner === node ? [shard] : [])) };
}

async function replicaOf({ nodes, view }: RedisNodes, master: ChaosNode): Promise<ChaosNode | undefined> {
  const [id] = (await view()).replicasOf(master.id);
  return nodes.find((each) => each.id === id);
}

type MovingDeps = FaultDeps<RedisNodes> & {
  readonly watch: ClusterWatch; readonly count: (name: string) => void;
  /** Whether no node is broken. */
  readonly isFree: () => boolean;
};

const SLOTS_MOVED_MAX = 5;
const MOVE_AGAIN_MS = 100;
/** Redis gives a failover by hand up after 5 s. */
const BY_HAND_MS = 7_000;

/** Faults by which slots change their master, and nothing may be lost. */
function movingFaults({ stage, keys, random, note, watch, count, isFree }: MovingDeps) {
  return {
    failoverByHand: async (): Promise<void> => {
      if (!isFree()) return;
      const { node, shards } = await pickMaster(watch, random);
      const replica = await replicaOf(stage, node);
      if (replica === undefined || !(await stage.view()).isWhole) return;
      note(`CLUSTER FAILOVER: ${replica.name} takes over from ${node.name}`);
      count('failover by hand');
      await watch.during(shards, async () => {
        await within(replica.admin.call('CLUSTER', 'FAILOVER'));
        const giveUpAt = Date.now() + BY_HAND_MS;
        while (Date.now() < giveUpAt && (await watch.owners())[shards[0] ?? 0] !== replica) await sleep(MOVE_AGAIN_MS);
      });
    },
    reshard: async (): Promise<void> => {
      if (!isFree()) return;
      const { node: source, shards } = await pickMaster(watch, random);
      const view = await stage.view();
      const others = stage.nodes.filter((each) => each !== source && view.masters.includes(each.id));
      if (!view.isWhole || others.length === 0) return;
      const target = random.pick(others);
      const slots = (await filledSlots(source)).slice(0, random.integer(1, SLOTS_MOVED_MAX));
      note(`${slots.length} slots move from ${source.name} to ${target.name}`);
      count('reshard');
      await watch.during(shards.filter((shard) => slots.includes(slotOf(keys.fence(shard)))), async () => {
        for (const slot of slots) {
          await eventually(`slot ${slot} is moved`, () => moveSlot(stage.password, slot, source, target).then(() => true));
        }
      });
    },
  };
}

/** Slots of this master that have keys: of shards, and of BullMQ's queues. */
async function filledSlots({ admin }: ChaosNode): Promise<number[]> {
  const found = new Set<number>();
  for (let cursor = '0'; ;) {
    const [next, keys] = await admin.scan(cursor, 'COUNT', 1_000);
    for (const key of keys) found.add(slotOf(key));
    cursor = next;
    if (cursor === '0') return [...found];
  }
}

type LosingDeps = FaultDeps<RedisNodes> & {
  readonly watch: ClusterWatch; readonly count: (name: string) => void; readonly calm: () => Promise<void>;
  readonly taps: Tap[]; readonly reasons: Reason[];
};

const LAG_MS_MIN = 300;
const LAG_MS_MAX = 4_000;

/**
 * Faults by which a master loses what it has acknowledged. They begin when all is well, and end when the gateway serves again, as
 * those of one Redis do (faults.ts).
 */
function losingFaults({ stage, keys, random, note, serving, watch, count, calm, taps, reasons }: LosingDeps) {
  /** Nothing may be lost if the master keeps its slots, unless the fault says so. */
  const fault = (name: string, losesAnyway: boolean, work: (master: Master) => Promise<void>) => async (): Promise<void> => {
    await calm();
    const master = await pickMaster(watch, random);
    const fromMs = Date.now();
    count(name);
    const isDeposed = await watch.during(master.shards, async () => {
      await work(master);
      await serving();
      return (await watch.owners()).some((owner, shard) => master.shards.includes(shard) && owner !== master.node);
    });
    if (isDeposed || losesAnyway) reasons.push({ shards: master.shards, fromMs, untilMs: Date.now() });
  };
  const tap = async ({ node, shards }: Master, how: { readonly isFinal: boolean; readonly thenFlush?: boolean }): Promise<void> => {
    taps.push(...await tapJournal(node.admin, keys, { ...how, shards }));
  };
  const deposed = ({ node, shards }: Master): Promise<void> => eventually(`another master than ${node.name}`, async () =>
    (await watch.owners())[shards[0] ?? 0] !== node);

  return {
    'kill-master': fault('kill master', false, async (master) => {
      const waits = random.chance(0.7);
      note(`kill -9 ${master.node.name}, a master; restart ${waits ? 'when its replica has its slots' : 'at once'}`);
      await tap(master, { isFinal: false });
      await master.node.kill('SIGKILL');
      if (waits) {
        await deposed(master);
        await sleep(random.integer(0, 3_000));
      }
      await master.node.restart();
    }),
    'pause-master': fault('pause master', false, async (master) => {
      const ms = NODE_TIMEOUT_MS + random.integer(1_000, 5_000);
      note(`pause ${master.node.name}, a master, for ${ms} ms`);
      await tap(master, { isFinal: false });
      await master.node.kill('SIGSTOP');
      await sleep(ms);
      await master.node.kill('SIGCONT');
    }),
    'takeover': fault('takeover', true, async (master) => {
      const { node } = master;
      const replica = await replicaOf(stage, node);
      if (replica === undefined) throw new Error(`${node.name} has no replica`);
      const lagMs = random.integer(LAG_MS_MIN, LAG_MS_MAX);
      note(`CLUSTER FAILOVER TAKEOVER: ${replica.name}, which lags by ${lagMs} ms, takes over from ${node.name}`);
      await replica.admin.config('SET', 'masterauth', 'wrong');
      await replica.admin.call('CLIENT', 'KILL', 'TYPE', 'master');
      await sleep(lagMs);
      await node.admin.config('SET', 'masterauth', 'wrong'); // so that it keeps what it had until that was read
      await replica.admin.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
      await eventually(`${node.name} to be a replica`, async () => (await node.admin.info('replication')).includes('role:slave'));
      await sleep(SETTLE_MS);
      await node.admin.readonly();
      await tap(master, { isFinal: true });
      await node.admin.readwrite();
      for (const { admin } of [node, replica]) await admin.config('SET', 'masterauth', stage.password);
    }),
    'wipe-master': fault('wipe', true, async (master) => {
      note(`FLUSHALL on ${master.node.name}, a master`);
      await tap(master, { isFinal: true, thenFlush: true });
    }),
  };
}

const WHOLE_TIMEOUT_MS = 60_000;

/** Resolves when all nodes agree that the cluster is whole, and every master has a replica that copies it. */
async function whole({ nodes, view }: RedisNodes): Promise<void> {
  const isWhole = async (): Promise<boolean> => {
    const seen = await view();
    if (!seen.isWhole || seen.masters.some((id) => seen.replicasOf(id).length === 0)) return false;
    const infos = await Promise.all(nodes.map(({ admin }) => admin.info('replication')));
    return infos.every((info) => info.includes('role:master') || info.includes('master_link_status:up'));
  };
  const deadline = Date.now() + WHOLE_TIMEOUT_MS;
  while (!(await isWhole().catch(() => false))) {
    if (Date.now() > deadline) throw new Error('the cluster is not whole any more');
    await sleep(50);
  }
}
