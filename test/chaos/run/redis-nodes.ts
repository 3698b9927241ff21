import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../src/stores/embedded/loopback-port.js';
import { eventually, throwawayCluster, type ClusterServer } from '../../support/redis-cluster.js';
import { redisSettings } from '../../support/redis-address.js';
import { memoryFolder } from '../../support/servers.js';
import { readView, type View } from './cluster-view.js';
import { cutProxy } from './cut-proxy.js';
import type { RedisOfStage } from './stage.js';

/** A node of the cluster. */
export type ChaosNode = ClusterServer & { readonly id: string; readonly name: string };

/** A Redis Cluster of three masters with a replica each. Every node is known by the address of a proxy in front of it. */
export type RedisNodes = RedisOfStage & {
  readonly nodes: readonly ChaosNode[];
  readonly password: string;
  /** What the cluster knows of itself, by its newest word on each slot. */
  readonly view: () => Promise<View>;
};

/** A master that does not answer for so long loses its slots. Longer than a busy machine keeps a process waiting. */
export const NODE_TIMEOUT_MS = 2_000;

export async function openRedisNodes(): Promise<RedisNodes> {
  const cluster = await throwawayCluster({
    replicasEach: 1, nodeTimeoutMs: NODE_TIMEOUT_MS, folderOf: memoryFolder,
    extraConfig: () => Promise.resolve({ 'repl-backlog-size': '4mb' }),
  });
  const proxies = await Promise.all(cluster.servers.map(async ({ port }) => cutProxy(await freePort(), port)));
  const nodes = await Promise.all(cluster.servers.map(async (server, index): Promise<ChaosNode> => {
    const announced = String(proxies[index]?.port);
    appendFileSync(join(cluster.dirs[index] ?? '', 'redis.conf'), `cluster-announce-port ${announced}\n`); // for when it starts again
    await server.admin.config('SET', 'cluster-announce-port', announced);
    return Object.assign(server, { id: await server.admin.cluster('MYID'), name: `node-${index + 1}` });
  }));
  await eventually('every node to know the addresses of all', async () => {
    const views = await Promise.all(nodes.map(({ admin }) => admin.cluster('NODES') as Promise<string>));
    return views.every((text) => proxies.every(({ port }) => text.includes(`:${port}@`)));
  });
  return {
    nodes, proxies, password: cluster.password, auditUrl: cluster.url,
    view: () => readView(nodes),
    settingsOf: () => redisSettings(cluster.url),
    logs: nodes.map(({ name }, index) => ({ name, file: join(cluster.dirs[index] ?? '', 'redis.log') })),
    stop: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await cluster.discard();
    },
  };
}
