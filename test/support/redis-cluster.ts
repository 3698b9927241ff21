import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import type { EmbeddedServer } from '../../src/stores/embedded/embedded-server.js';
import { freePort, LOOPBACK } from '../../src/stores/embedded/loopback-port.js';
import { startRedisServer } from '../../src/stores/embedded/redis-server.js';
import { writeSecret } from '../../src/stores/embedded/server-directory.js';
import { SLOTS } from '../../src/stores/redis/slots.js';
import { temporaryFolder, type Folder } from './servers.js';

export type ClusterServer = EmbeddedServer & {
  /** A connection as its owner. Reconnects after a restart. */
  readonly admin: Redis;
};

/** A Redis Cluster of this test: masters with an equal share of the slots, and as many replicas each. */
export type TestCluster = {
  /** As redis-address.ts reads it. */
  readonly url: string;
  readonly password: string;
  readonly servers: readonly ClusterServer[];
  /** The directory of each server, with its configuration and its log. */
  readonly dirs: readonly string[];
  /** The server that has a slot now, by the view of the others. */
  readonly masterOf: (slot: number) => Promise<ClusterServer>;
  readonly replicasOf: (server: ClusterServer) => Promise<ClusterServer[]>;
  readonly discard: () => Promise<void>;
};

const START_TIMEOUT_MS = 60_000;

export async function throwawayCluster(
  { masters = 3, replicasEach = 0, nodeTimeoutMs = 15_000, extraConfig = () => Promise.resolve({}), folderOf = temporaryFolder }: {
    readonly masters?: number; readonly replicasEach?: number;
    /** A master counts as failed after this time. A busy machine must not make one fail that a test does not. */
    readonly nodeTimeoutMs?: number;
    readonly extraConfig?: (index: number) => Promise<Readonly<Record<string, string>>>;
    readonly folderOf?: () => Promise<Folder>;
  } = {},
): Promise<TestCluster> {
  const folder = await folderOf();
  const password = randomBytes(24).toString('hex');
  const servers: ClusterServer[] = [];
  const dirs: string[] = [];
  const discard = async (): Promise<void> => {
    for (const { admin } of servers) admin.disconnect();
    await Promise.all(servers.map((each) => each.stop()));
    folder.remove();
  };
  try {
    const count = masters * (1 + replicasEach);
    for (let index = 0; index < count; index += 1) {
      const config = { 'cluster-node-timeout': String(nodeTimeoutMs), ...await extraConfig(index) };
      const dir = join(folder.path, `n${index}`);
      dirs.push(dir);
      servers.push(await startNode(dir, password, config));
    }
    await joinNodes(servers, masters);
  } catch (error) {
    await discard();
    throw error;
  }
  const byPort = (port: number): ClusterServer => {
    const found = servers.find((each) => each.port === port);
    if (found === undefined) throw new Error(`no node of this cluster has port ${port}`);
    return found;
  };
  return {
    url: `cluster://:${password}@${servers.map(({ port }) => `${LOOPBACK}:${port}`).join()}`,
    password, servers, dirs, discard,
    masterOf: async (slot) => {
      const ranges = await slotsOf(servers);
      const range = ranges.find(([first, last]) => slot >= first && slot <= last);
      if (range === undefined) throw new Error(`no node has slot ${slot}`);
      return byPort(range[2][1]);
    },
    replicasOf: async ({ port }) => {
      const ranges = await slotsOf(servers);
      const range = ranges.find(([, , [, each]]) => each === port);
      return (range?.slice(3) as [string, number][] | undefined ?? []).map(([, each]) => byPort(each));
    },
  };
}

/** Moves a slot by redis-cli's own steps: import, migrate, keys, assign. */
export async function moveSlot(password: string, slot: number, source: ClusterServer, target: ClusterServer): Promise<void> {
  const [sourceId, targetId] = await Promise.all([source, target].map(({ admin }) => admin.cluster('MYID')));
  await target.admin.call('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', sourceId ?? '');
  await source.admin.call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', targetId ?? '');
  for (;;) {
    const keys = await source.admin.call('CLUSTER', 'GETKEYSINSLOT', String(slot), '10') as string[];
    if (keys.length === 0) break;
    await source.admin.call('MIGRATE', LOOPBACK, String(target.port), '', '0', '5000', 'AUTH', password, 'KEYS', ...keys);
  }
  for (const { admin } of [target, source]) await admin.call('CLUSTER', 'SETSLOT', String(slot), 'NODE', targetId ?? '');
}

/** Starts a server under a password that others have as well. */
export async function startWithPassword(
  dir: string, password: string, extraConfig: Readonly<Record<string, string>>,
): Promise<ClusterServer> {
  await mkdir(dir, { recursive: true });
  await writeSecret(join(dir, 'password'), password, undefined);
  const users = join(dir, 'all-users.acl'); // one password for all, so that the nodes and the tests need no other
  const names = ['default', 'gateway', 'operator'];
  await writeFile(users, names.map((name) => `user ${name} on ~* &* +@all >${password}\n`).join(''), { mode: 0o644 });
  const server = await startRedisServer({
    dir, namespace: '*', extraConfig: { masterauth: password, aclfile: `"${users}"`, ...extraConfig },
  });
  const admin = connectAdmin({ host: LOOPBACK, port: server.port, password });
  return Object.assign(server, { admin });
}

export function connectAdmin(options: Pick<RedisOptions, 'host' | 'port' | 'password'>): Redis {
  const admin = new Redis({ ...options, maxRetriesPerRequest: null, retryStrategy: () => 50 });
  admin.on('error', () => undefined); // while it is down
  return admin;
}

/** Both its port and that of its bus must be free. */
async function startNode(dir: string, password: string, extraConfig: Readonly<Record<string, string>>): Promise<ClusterServer> {
  const bus = await freePort();
  return startWithPassword(dir, password, {
    'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf',
    'cluster-port': String(bus), 'cluster-replica-validity-factor': '0', 'repl-diskless-sync-delay': '0', ...extraConfig,
  });
}

async function joinNodes(servers: readonly ClusterServer[], masters: number): Promise<void> {
  const [first] = servers;
  if (first === undefined) return;
  const numbers = async (name: string): Promise<number[]> =>
    Promise.all(servers.map(async ({ admin }) => Number((await admin.config('GET', name))[1])));
  const [bus, secure] = await Promise.all([numbers('cluster-port'), numbers('tls-port')]);
  await Promise.all(servers.map(async ({ admin }, index) => {
    await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    if (index >= masters) return;
    const [from, to] = [index, index + 1].map((each) => Math.floor((each * SLOTS) / masters)) as [number, number];
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to - 1));
  }));
  for (const [index, { port }] of servers.entries()) {
    if (index === 0) continue;
    const known = secure[index] ?? 0;
    await first.admin.call('CLUSTER', 'MEET', LOOPBACK, String(known === 0 ? port : known), String(bus[index]));
  }
  await eventually('the nodes to meet', async () =>
    (await Promise.all(servers.map(({ admin }) => admin.cluster('INFO')))).every((info) => info
      .includes(`cluster_known_nodes:${servers.length}`)));
  const ids = await Promise.all(servers.map(({ admin }) => admin.cluster('MYID')));
  for (const [index, { admin }] of servers.entries()) {
    if (index < masters) continue;
    await eventually('a replica', async () => admin.call('CLUSTER', 'REPLICATE', String(ids[index % masters])).then(() => true));
  }
  await eventually('the cluster', async () =>
    (await Promise.all(servers.map(({ admin }) => admin.cluster('INFO')))).every((info) => info.includes('cluster_state:ok')));
  for (const { admin } of servers.slice(masters)) {
    await eventually('a replica to have its data', async () => (await admin.info('replication')).includes('master_link_status:up'));
  }
}

type SlotRow = readonly [first: number, last: number, master: readonly [string, number], ...replicas: (readonly [string, number])[]];

/** The map by the view of a node that has the newest one. */
async function slotsOf(servers: readonly ClusterServer[]): Promise<readonly SlotRow[]> {
  const views = await Promise.all(servers.filter((each) => each.isRunning()).map(async ({ admin }) => {
    const info = await admin.cluster('INFO');
    return { epoch: Number(/cluster_current_epoch:(\d+)/.exec(info)?.[1]), rows: await admin.cluster('SLOTS') as unknown as SlotRow[] };
  }));
  return views.toSorted((a, b) => b.epoch - a.epoch)[0]?.rows ?? [];
}

/** Redis gives a failover by hand up after this time, when the replica was not in step with its master or the machine was busy. */
const BY_HAND_MS = 5_500;

/** CLUSTER FAILOVER, again where Redis has given it up. Resolves when the replica is the master. */
export async function failOverByHand({ admin }: ClusterServer): Promise<void> {
  const isMaster = async (): Promise<boolean> => (await admin.info('replication')).includes('role:master');
  await eventually('the failover', async () => {
    await admin.call('CLUSTER', 'FAILOVER');
    const giveUpAt = Date.now() + BY_HAND_MS;
    while (Date.now() < giveUpAt) {
      if (await isMaster()) return true;
      await sleep(20);
    }
    return false;
  });
}

export async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + START_TIMEOUT_MS;
  for (let last: unknown; ;) {
    const isTrue = await condition().catch((error: unknown) => {
      last = error;
      return false;
    });
    if (isTrue) return;
    if (Date.now() > giveUpAt) throw new Error(`it never came: ${what}`, { cause: last });
    await sleep(20);
  }
}
