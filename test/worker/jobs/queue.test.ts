import { isNativeError } from 'node:util/types';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { keyspace } from '../../../src/ledger/keys.js';
import type { Ledger } from '../../../src/ledger/ledger.js';
import { connectQueue, queuePrefix } from '../../../src/stores/redis/queue-connections.js';
import { expireHolds, expireLots } from '../../../src/worker/jobs/expire-due.js';
import { JOB_NAMES } from '../../../src/worker/jobs/job-names.js';
import { keepSchedules } from '../../../src/worker/jobs/keep-schedules.js';
import { ledgerQueue } from '../../../src/worker/jobs/ledger-queue.js';
import { createNudge } from '../../../src/worker/jobs/nudge.js';
import { startWorkers, type WorkerDeps } from '../../../src/worker/jobs/workers.js';
import { ALL_SHARDS, drainLab, SHARDS, type DrainLab } from '../../journal/drain-lab.js';
import { fakeLedger } from '../../journal/fake-ledger.js';
import { redisUrl, throwawayRedis } from '../../support/servers.js';
import { locationOf } from '../../support/redis-address.js';
import { scanKeys } from '../../support/scan-keys.js';

let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const until = async (condition: () => boolean | Promise<boolean>, timeoutMs = 120_000): Promise<void> => {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not become true');
    await sleep(20);
  }
};

const fresh = (): string => `test-${randomBytes(5).toString('hex')}`;

function openQueue(url: string, namespace = fresh()) {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => { errors.push(error); };
  const connections = connectQueue(locationOf(url), namespace, onError);
  const queue = ledgerQueue(connections.producer, namespace, onError);
  closing.push(() => { connections.close(); }, () => queue.close());
  return { namespace, connections, queue, errors, onError };
}

const idleLedger = {
  expireHold: () => Promise.resolve({ status: 'not_due' }), expireLots: () => Promise.resolve({ status: 'nothing_due' }),
} as unknown as Ledger;

const workerDeps = (over: Partial<WorkerDeps> & Pick<WorkerDeps, 'queueConnection' | 'namespace'>): WorkerDeps => ({
  db: lab.db, ledger: idleLedger, redis: lab.sharded, keys: lab.keys, drain: lab.drain,
  freshen: { account: async (accountId) => { await lab.drain([lab.keys.shardOf(accountId)]); } },
  reconcile: () => Promise.resolve({}), evict: () => Promise.resolve({}), clock: Date.now, epochOf: () => 1,
  startDeliveries: () => Promise.resolve(), lotExpiringAheadMs: 0, ...over,
});

test('a written shard is drained soon after, without a caller waiting', async () => {
  const { namespace, connections, queue, onError } = openQueue(redisUrl());
  const workers = startWorkers(workerDeps({ queueConnection: connections.worker, namespace }));
  closing.push(workers.close);
  await workers.ready();
  const nudge = createNudge({ addDrain: queue.addDrain, onError });
  closing.push(nudge.close);
  const account = lab.account();
  await lab.write(account, account.grant('l1', 5));
  const startedMs = Date.now();
  nudge.touch(lab.keys.shardOf(account.accountId));
  await until(async () => (await lab.rows('select 1 from accounts where account_id = ?', [account.accountId])).length === 1);
  expect(Date.now() - startedMs).toBeLessThan(1_500);
});

test('nudges of many writes become one job, and none is added while one is unanswered', async () => {
  const added: (readonly number[])[] = [];
  let answer = (): void => undefined;
  const nudge = createNudge({
    addDrain: (shards) => {
      added.push(shards);
      return new Promise((resolve) => { answer = resolve; });
    },
    onError: () => undefined,
    everyMs: 10,
  });
  for (let write = 0; write < 10_000; write += 1) nudge.touch(write % 3);
  await until(() => added.length === 1);
  expect(added).toEqual([[0, 1, 2]]);
  nudge.touch(7);
  await sleep(50);
  expect(added).toHaveLength(1);
  answer();
  await until(() => added.length === 2);
  expect(added[1]).toEqual([7]);
  nudge.close();
});

test('a failed nudge is reported, and neither throws nor stops the next', async () => {
  const errors: unknown[] = [];
  let calls = 0;
  const nudge = createNudge({
    addDrain: () => { calls += 1; return Promise.reject(new Error('no redis')); }, onError: (error) => { errors.push(error); },
    everyMs: 5,
  });
  nudge.touch(1);
  await until(() => errors.length === 1);
  nudge.touch(1);
  await until(() => calls === 2);
  nudge.close();
});

test('schedules are restored after the queue has lost its keys', async () => {
  const { namespace, queue, onError } = openQueue(redisUrl());
  closing.push(keepSchedules({ upsert: () => queue.upsertSchedules(SHARDS), areThere: queue.hasSchedules, onError, refreshMs: 100 }));
  await until(async () => (await queue.queue.getJobSchedulersCount()) === JOB_NAMES.length);
  expect((await queue.queue.getJobSchedulers()).map(({ key }) => key).sort()).toEqual([...JOB_NAMES].sort());
  const lost = await scanKeys(lab.redis, `${queuePrefix(namespace)}*`);
  expect(lost.length).toBeGreaterThan(5);
  await lab.redis.del(...lost);
  await until(async () => (await queue.queue.getJobSchedulersCount()) === JOB_NAMES.length);
});

test('what a worker of the version before wrote beside this one does not last', async () => {
  const { queue, onError } = openQueue(redisUrl());
  const every = async (): Promise<unknown> => (await queue.queue.getJobScheduler('expire-holds'))?.every;
  closing.push(keepSchedules({ upsert: () => queue.upsertSchedules(SHARDS), areThere: queue.hasSchedules, onError, refreshMs: 100 }));
  await until(async () => (await queue.queue.getJobSchedulersCount()) === JOB_NAMES.length);
  const ours = await every();
  await queue.queue.upsertJobScheduler('expire-holds', { every: 1_000 }, { name: 'expire-holds', data: { shards: [] } });
  await until(async () => (await every()) === ours);
  expect(await queue.hasSchedules()).toBe(true);
});

test('every scheduled job runs, and the schedule repeats what a crash interrupted', async () => {
  const { namespace, connections, queue, onError } = openQueue(redisUrl());
  const ran = new Set<string>();
  const failures: unknown[] = [];
  const fake = fakeLedger();
  const account = lab.account();
  await lab.write(account, account.grant('l1', 5));
  const workers = startWorkers(workerDeps({
    queueConnection: connections.worker, namespace, ledger: { ...idleLedger, ...fake.ledger },
    observe: { job: (name, _ms, error) => { ran.add(name); if (error !== undefined) failures.push(error); } },
  }));
  closing.push(workers.close, keepSchedules({ upsert: () => queue.upsertSchedules(SHARDS), areThere: queue.hasSchedules, onError }));
  await until(() => ran.size === JOB_NAMES.length, 15_000);
  await until(async () => (await lab.rows('select 1 from accounts where account_id = ?', [account.accountId])).length === 1);
  expect(failures).toEqual([]);
});

test('an outage of Redis crashes no process, and work continues afterwards', async () => {
  const server = await throwawayRedis();
  closing.push(() => server.discard());
  const { namespace, connections, queue, errors, onError } = openQueue(server.url);
  const drained: number[] = [];
  const workers = startWorkers(workerDeps({
    queueConnection: connections.worker, namespace,
    drain: (shards) => {
      drained.push(...shards);
      return Promise.resolve({ entries: 0, redelivered: 0, batches: 0, busy: [], stopped: [], durationMs: 0 });
    },
    observe: { error: onError },
  }));
  closing.push(workers.close);
  await workers.ready();
  await queue.addDrain([1]);
  await until(() => drained.includes(1));
  process.kill(server.pid, 'SIGSTOP');
  await expect(queue.addDrain([2])).rejects.toThrow();
  process.kill(server.pid, 'SIGCONT');
  const admin = new Redis(server.operatorUrl);
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await admin.quit();
  await until(async () => queue.addDrain([3]).then(() => true, () => false));
  await until(() => drained.includes(3));
  // Errors of sockets are created outside jest's realm, where `instanceof` refers to another Error.
  expect(errors.filter((error) => !isNativeError(error))).toEqual([]);
});

const sweepLab = () => {
  const keys = keyspace(fresh(), 2);
  const ended: string[] = [];
  const ledger = {
    expireHold: async (accountId: string, holdId: string) => {
      if (holdId.startsWith('stuck')) return { status: 'hold_resolved' } as const;
      ended.push(`${accountId} ${holdId}`);
      await lab.redis.zrem(keys.shard(0, 3).holdsDue, `${accountId}:${holdId}`);
      return { status: 'expired', outcome: {} as never } as const;
    },
    expireLots: (accountId: string) => {
      ended.push(accountId);
      return Promise.resolve({ status: 'nothing_due' } as const);
    },
  };
  return { keys, ended, ledger, redis: lab.sharded, epochOf: (shard: number) => (shard === 0 ? 3 : undefined) };
};

test('all due holds are ended, including those behind holds that cannot be ended', async () => {
  const { ended, ...deps } = sweepLab();
  const index = deps.keys.shard(0, 3).holdsDue;
  const nowMs = Date.now();
  for (let hold = 0; hold < 250; hold += 1) await lab.redis.zadd(index, nowMs - 10_000, `a:${hold < 120 ? 'stuck' : 'h'}:${hold}`);
  await lab.redis.zadd(index, nowMs + 60_000, 'a:later');
  const report = await expireHolds(deps, [0, 1]);
  expect(report.ended).toBe(130);
  expect(ended).toContain('a h:200');
  expect(ended).not.toContain('a later');
  expect(await expireHolds({ ...deps, timeOffsetMs: () => 120_000 }, [0])).toMatchObject({ ended: 1 });
});

test('accounts with due lots are swept', async () => {
  const { ended, ...deps } = sweepLab();
  await lab.redis.zadd(deps.keys.shard(0, 3).lotsDue, Date.now() - 1, 'user-1', Date.now() + 60_000, 'user-2');
  expect(await expireLots(deps, ALL_SHARDS)).toEqual({ due: 1, ended: 0 });
  expect(ended).toEqual(['user-1']);
});

test('an unavailable ledger ends the sweep', async () => {
  const { ended, ...deps } = sweepLab();
  await lab.redis.zadd(deps.keys.shard(0, 3).lotsDue, 1, 'u1', 1, 'u2');
  await expect(expireLots({ ...deps, ledger: { ...deps.ledger, expireLots: () => Promise.reject(new Error('away')) } }, [
    0,
  ])).rejects.toThrow('away');
  expect(ended).toEqual([]);
});
