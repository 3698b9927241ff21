import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterNode, ClusterNodes } from './cluster-nodes.js';
import { indexesOn, keysOn, streamsOn, type Command, type Together } from './commands.js';
import { msOf, type PipelineReply } from './pipeline.js';
import { isHalfMoved, noServer, REDIRECTS_MAX, redirectOf } from './redirects.js';
import type { ScriptClient } from './script.js';
import { readIdentity } from './server-identity.js';
import type { ShardedRedis } from './sharded-redis.js';
import { slotOf } from './slots.js';
import { writeRefusal } from './write-refusal.js';

export type ManyServersOptions = {
  /** For how long a script waits for a slot that is being moved, in ms. */
  readonly timeoutMs: number;
  /**
   * Whether scripts follow a slot to its new master at once. Those of requests do not: they are refused until the fence has
   * compared that server with Postgres, because it may be a replica that lagged.
   */
  readonly followsMoves: boolean;
};

/** The port over a Redis Cluster. A command that was redirected was not executed, and is sent again; no other is. */
export function manyServers(nodes: ClusterNodes, options: ManyServersOptions): ShardedRedis {
  const together = togetherOn(nodes);
  return {
    ...scriptsOn(nodes, options),
    ...keysOn(together),
    ...streamsOn(together),
    ...indexesOn(together),
    ...serversOn(nodes),
    serverName: (key) => nodes.ofSlot(slotOf(key))?.name ?? '',
    connectionOf: (key) => nodes.connectionOf(slotOf(key)),
    isReady: nodes.isReady,
    onConnection: nodes.onConnection,
    oldestWaitMs: () => leastOf(nodes.masters().map(({ redis }) => redis.oldestWaitMs())),
    expectedMs: (key) => (key === undefined
      ? leastOf(nodes.masters().map(({ redis }) => redis.expectedMs()))
      : nodes.ofSlot(slotOf(key))?.redis.expectedMs() ?? 0),
    close: nodes.close,
  };
}

const leastOf = (waits: readonly number[]): number => (waits.length === 0 ? 0 : Math.min(...waits));

const HALF_MOVED_RETRY_MS = 20;

/** Sends a script to the server of its first key, which has all others. */
function scriptsOn(nodes: ClusterNodes, { timeoutMs, followsMoves }: ManyServersOptions): ScriptClient {
  const run = async (key: string, send: (scripts: ScriptClient) => Promise<unknown>): Promise<unknown> => {
    const slot = slotOf(key);
    let node = nodes.ofSlot(slot);
    const connection = nodes.connectionOf(slot);
    const giveUpAt = performance.now() + timeoutMs;
    for (let redirects = 0; ;) {
      if (node === undefined) throw noServer();
      const error = await send(node.scripts).then((reply) => ({ reply }), (failure: unknown) => ({ failure }));
      if ('reply' in error) return error.reply;
      let { failure } = error;
      const redirect = redirectOf(failure);
      if (redirect?.kind === 'moved') {
        nodes.moved(redirect.slot, redirect.address);
        redirects += 1;
        if (!followsMoves || redirects > REDIRECTS_MAX) throw failure as Error;
        node = nodes.at(redirect.address);
        continue;
      }
      if (redirect?.kind === 'ask') {
        // Its keys came from a server that was compared with Postgres, one by one.
        const asked = await ask(nodes.at(redirect.address), send);
        if ('reply' in asked) return asked.reply;
        ({ failure } = asked);
      }
      if (!isHalfMoved(failure) || performance.now() > giveUpAt) throw failure as Error;
      await sleep(HALF_MOVED_RETRY_MS);
      if (!followsMoves && nodes.connectionOf(slot) !== connection) throw failure as Error;
      node = nodes.ofSlot(slot);
    }
  };
  return {
    evalsha: (sha1, keyCount, ...values) => run(String(values[0]), (scripts) => scripts.evalsha(sha1, keyCount, ...values)),
    eval: (text, keyCount, ...values) => run(String(values[0]), (scripts) => scripts.eval(text, keyCount, ...values)),
  };
}

type Outcome = { readonly reply: unknown } | { readonly failure: unknown };

async function ask(node: ClusterNode | undefined, send: (scripts: ScriptClient) => Promise<unknown>): Promise<Outcome> {
  if (node === undefined) return { failure: noServer() };
  node.redis.asking().catch(() => undefined); // the next command of this connection fails as well
  return send(node.scripts).then((reply) => ({ reply }), (failure: unknown) => ({ failure }));
}

/** One write to each server. What was redirected is sent again. */
const togetherOn = (nodes: ClusterNodes): Together => async (items, keyOf, commandsOf) => {
  const commands = items.map(commandsOf);
  const slots = items.map((item) => slotOf(keyOf(item)));
  const replies = items.map((): readonly PipelineReply[] => []);
  const asked = new Map<number, ClusterNode | undefined>();
  let left = items.map((_, index) => index);
  for (let redirects = 0; left.length > 0 && redirects <= REDIRECTS_MAX; redirects += 1) {
    const groups = groupBy(left, (index) => (asked.has(index) ? asked.get(index) : nodes.ofSlot(slots[index] ?? 0)));
    await Promise.all([...groups].map(async ([node, indexes]) => {
      const results = await sendTo(node, indexes.map((index) => ({ commands: commands[index] ?? [], asks: asked.has(index) })));
      indexes.forEach((index, at) => { replies[index] = results[at] ?? []; });
    }));
    left = left.filter((index) => {
      const redirect = redirectOf((replies[index] ?? []).find(([error]) => error !== null)?.[0]);
      if (redirect === null) return false;
      asked.delete(index);
      if (redirect.kind === 'moved') nodes.moved(redirect.slot, redirect.address);
      else asked.set(index, nodes.at(redirect.address));
      return true;
    });
  }
  return replies.flat();
};

type Sent = { readonly commands: readonly Command[]; readonly asks: boolean };

/** The replies of each item's commands. */
async function sendTo(node: ClusterNode | undefined, items: readonly Sent[]): Promise<(readonly PipelineReply[])[]> {
  if (node === undefined) return items.map(({ commands }) => commands.map((): PipelineReply => [noServer(), null]));
  const calls = items.flatMap(({ commands, asks }) => commands.flatMap((command) => (asks ? [['asking'], [...command]] : [[...command]])));
  const results = await node.redis.pipeline(calls).exec() ?? [];
  let at = 0;
  return items.map(({ commands, asks }) => commands.map(() => {
    at += asks ? 2 : 1;
    return results[at - 1] ?? [noServer(), null];
  }));
}

function groupBy<T, G>(items: readonly T[], groupOf: (item: T) => G): Map<G, T[]> {
  const groups = new Map<G, T[]>();
  for (const item of items) {
    const group = groupOf(item);
    const mine = groups.get(group);
    if (mine === undefined) groups.set(group, [item]);
    else mine.push(item);
  }
  return groups;
}

type Servers = Pick<ShardedRedis, 'scan' | 'serversOf' | 'byServer' | 'timeMs' | 'infos' | 'writeRefusals'>;

const serversOn = (nodes: ClusterNodes): Servers => {
  const nodeOf = (key: string): ClusterNode | undefined => nodes.ofSlot(slotOf(key));
  return {
    scan: (cursor, pattern, count) => scanNodes(nodes, cursor, pattern, count),
    serversOf: async (keys) => {
      const asked = [...new Set(keys.map(nodeOf))];
      const answers = await Promise.allSettled(asked.map((node) => {
        if (node === undefined) throw noServer();
        return readIdentity(node.redis);
      }).map((each) => Promise.resolve(each)));
      const failed = answers.filter((each) => each.status === 'rejected');
      if (failed[0] !== undefined && failed.length === answers.length) throw failed[0].reason as Error;
      const identities = new Map(answers.map((each, at) => [asked[at], each.status === 'fulfilled' ? each.value : null]));
      return keys.map((key) => identities.get(nodeOf(key)) ?? null);
    },
    byServer: (items, keyOf) => [...groupBy(items, (item) => nodeOf(keyOf(item))).values()],
    timeMs: async (key) => {
      const node = nodeOf(key);
      if (node === undefined) throw noServer();
      return msOf(await node.redis.time() as [number, number]);
    },
    infos: async (section) => {
      if (nodes.masters().length === 0) throw noServer();
      const asked = new Set([...nodes.masters(), ...nodes.connected()]);
      return Promise.all([...asked].map(({ redis }) => (section === undefined ? redis.info() : redis.info(section))));
    },
    writeRefusals: () => Promise.all(nodes.masters().map(({ redis }) => writeRefusal(redis))),
  };
};

/** Scans one master after the other, in the order of their addresses. A cursor is `address|cursor of that server`. */
async function scanNodes(
  nodes: ClusterNodes, from: string, pattern: string, count: number,
): Promise<{ readonly cursor: string; readonly keys: string[] }> {
  const masters = nodes.masters().toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const [last = '', inside = '0'] = from === '0' ? [] : from.split('|');
  const at = inside === '0' ? masters.find(({ name }) => name > last) : masters.find(({ name }) => name >= last);
  if (at === undefined) {
    if (masters.length === 0) throw noServer();
    return { cursor: '0', keys: [] };
  }
  const [cursor, keys] = await at.redis.scan(at.name === last ? inside : '0', 'MATCH', pattern, 'COUNT', count);
  const isLast = cursor === '0' && !masters.some(({ name }) => name > at.name);
  return { cursor: isLast ? '0' : `${at.name}|${cursor}`, keys };
}
