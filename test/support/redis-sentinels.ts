import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort, LOOPBACK } from '../../src/stores/embedded/loopback-port.js';
import { findRedis } from '../../src/stores/embedded/redis-binary.js';
import { eventually, startWithPassword, type ClusterServer } from './redis-cluster.js';
import { temporaryFolder } from './servers.js';

/** A master with a replica, watched by three Sentinels. */
export type TestSentinels = {
  /** As redis-address.ts reads it. */
  readonly url: string;
  readonly servers: readonly ClusterServer[];
  /** By the view of the first Sentinel. */
  readonly master: () => Promise<ClusterServer>;
  /** Has a Sentinel fail over, as an operator may. */
  readonly failOver: () => Promise<void>;
  readonly discard: () => Promise<void>;
};

const NAME = 'ledger';
const SENTINELS = 3;
/** A master counts as down after this time: short, so that a test is quick. */
const DOWN_AFTER_MS = 1_000;

export async function throwawaySentinels(): Promise<TestSentinels> {
  const folder = await temporaryFolder();
  const password = randomBytes(24).toString('hex');
  const servers: ClusterServer[] = [];
  const sentinels: { readonly port: number; readonly stop: () => Promise<void> }[] = [];
  const discard = async (): Promise<void> => {
    await Promise.all(sentinels.map((each) => each.stop()));
    for (const { admin } of servers) admin.disconnect();
    await Promise.all(servers.map((each) => each.stop()));
    folder.remove();
  };
  try {
    const first = await startWithPassword(join(folder.path, 'first'), password, {});
    servers.push(first);
    const replica = { 'replicaof': `${LOOPBACK} ${first.port}`, 'repl-diskless-sync-delay': '0' };
    servers.push(await startWithPassword(join(folder.path, 'second'), password, replica));
    for (let index = 0; index < SENTINELS; index += 1) {
      sentinels.push(await startSentinel(join(folder.path, `sentinel${index}`), first.port, password));
    }
  } catch (error) {
    await discard();
    throw error;
  }
  const ask = async (...command: readonly string[]): Promise<unknown> => {
    const redis = new Redis({ host: LOOPBACK, port: sentinels[0]?.port ?? 0, maxRetriesPerRequest: 1 });
    redis.on('error', () => undefined);
    try {
      return await redis.call('SENTINEL', ...command);
    } finally {
      redis.disconnect();
    }
  };
  const detail = async (name: string): Promise<number> => {
    const words = await ask('MASTER', NAME) as string[];
    return Number(words[words.indexOf(name) + 1]);
  };
  await eventually('the Sentinels know each other and the replica', async () =>
    await detail('num-other-sentinels') === SENTINELS - 1 && await detail('num-slaves') === servers.length - 1);
  await eventually('the replica has its data', async () =>
    (await servers[1]?.admin.info('replication'))?.includes('master_link_status:up') === true);
  return {
    url: `sentinel://:${password}@${sentinels.map(({ port }) => `${LOOPBACK}:${port}`).join()}/${NAME}`,
    servers, discard,
    master: async () => {
      const [, port] = await ask('GET-MASTER-ADDR-BY-NAME', NAME) as [string, string];
      const found = servers.find((each) => each.port === Number(port));
      if (found === undefined) throw new Error(`no server has port ${port}`);
      return found;
    },
    failOver: async () => { await eventually('a failover to begin', async () => ask('FAILOVER', NAME).then(() => true)); },
  };
}

async function startSentinel(dir: string, masterPort: number, password: string): Promise<{ port: number; stop: () => Promise<void> }> {
  mkdirSync(dir);
  const port = await freePort();
  const config = join(dir, 'sentinel.conf'); // Sentinel writes what it learns into it
  writeFileSync(config, [
    `port ${port}`, `bind ${LOOPBACK}`, `dir ${dir}`, `sentinel monitor ${NAME} ${LOOPBACK} ${masterPort} 2`,
    `sentinel auth-pass ${NAME} ${password}`, `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} 3000`, '',
  ].join('\n'), { mode: 0o600 });
  const { command, args } = await findRedis({ user: undefined });
  const child = spawn(command, [...args, config, '--sentinel'], { stdio: 'ignore' });
  return {
    port,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
