import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Knex } from 'knex';
import { stopShard } from '../../../src/books/shards.table.js';
import { connectQueue, queuePrefix } from '../../../src/stores/redis/queue-connections.js';
import type { Db } from '../../../src/stores/postgres/connect.js';
import { ledgerQueue, type WantedJob } from '../../../src/worker/jobs/ledger-queue.js';
import { lookForWork, type LookDeps } from '../../../src/worker/jobs/look-for-work.js';
import { WORK_IN_POSTGRES, workInPostgres, type WorkInPostgres } from '../../../src/worker/jobs/work-in-postgres.js';
import { until } from '../../chaos/lab.js';
import { drainLab, type DrainLab } from '../../journal/drain-lab.js';
import { locationOf } from '../../support/redis-address.js';
import { scanKeys } from '../../support/scan-keys.js';
import { redisUrl } from '../../support/servers.js';

const IDLE_MS = 3_600_000;

let lab: DrainLab;
beforeAll(async () => {
  lab = await drainLab();
  // Both walk through all accounts now and then, with work or without.
  await lab.admin.raw(`update reconcile_state set last_round_at = now(), round_is_full = false`);
  await lab.admin.raw(`update eviction_state set last_round_at = now()`);
});
afterAll(() => lab.close());

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const asked = (): Promise<WorkInPostgres[]> => workInPostgres({ db: lab.db, clock: Date.now, evictIdleMs: IDLE_MS }, WORK_IN_POSTGRES);

/** What looking starts from now on. */
function looking(
  over: Partial<LookDeps> = {},
): { readonly added: WantedJob[]; readonly looks: () => number; readonly shardsOf: (name: string) => Set<number> } {
  const added: WantedJob[] = [];
  let looks = 0;
  closing.push(lookForWork({
    db: lab.db, redis: lab.sharded, keys: lab.keys, epochOf: () => 1, timeOffsetMs: () => 0, clock: Date.now, evictIdleMs: IDLE_MS,
    addWanted: (jobs) => {
      looks += 1;
      added.push(...jobs);
      return Promise.resolve();
    },
    onError: (error) => { throw error; },
    ...over,
  }));
  const shardsOf = (name: string): Set<number> =>
    new Set(added.flatMap((job) => (job.name === name && 'shards' in job.data ? job.data.shards : [])));
  return { added, looks: () => looks, shardsOf };
}

test('an idle gateway runs no job', async () => {
  expect(await asked()).toEqual([]);
  const { added, looks } = looking();
  await until('both stores were asked twice', () => looks() >= 6);
  expect(added).toEqual([]);
});

test('what is due in Redis is found, with its shard', async () => {
  const [one, two] = [lab.keys.shard(1, 1), lab.keys.shard(2, 1)];
  await lab.redis.zadd(one.holdsDue, Date.now() - 1, 'a:h', Date.now() + 60_000, 'a:later');
  await lab.redis.zadd(two.lotsDue, Date.now() - 1, 'b');
  await lab.redis.zadd(lab.keys.shard(3, 1).holdsDue, Date.now() + 60_000, 'c:later');
  const { shardsOf } = looking();
  await until('both are found', () => shardsOf('expire-holds').size > 0 && shardsOf('expire-lots').size > 0);
  expect([shardsOf('expire-holds'), shardsOf('expire-lots')]).toEqual([new Set([1]), new Set([2])]);
  await lab.redis.del(one.holdsDue, two.lotsDue, lab.keys.shard(3, 1).holdsDue);
});

test('a server that does not answer keeps no work from being found elsewhere', async () => {
  const [here, away] = [lab.account(1), lab.account(2)];
  for (const each of [here, away]) {
    await lab.write(each, each.grant('l1', 5));
    await lab.redis.zadd(lab.keys.shard(lab.keys.shardOf(each.accountId), 1).holdsDue, Date.now() - 1, `${each.accountId}:h`);
  }
  await lab.admin.raw(`update reconcile_state set full_wanted = true`);
  const ofAway = Object.values(lab.keys.shard(2, 1));
  const isAway = (key: string): boolean => ofAway.includes(key);
  const refuse = (): never => { throw new Error('this server is away'); };
  const errors: unknown[] = [];
  const { added, shardsOf } = looking({
    redis: {
      timeMs: (key) => lab.sharded.timeMs(key),
      byServer: (items) => items.map((item) => [item]),
      indexStates: async (keys) => (keys.some(isAway) ? refuse() : lab.sharded.indexStates(keys)),
      readStreams: async (from, count) => (from.some(({ key }) => isAway(key)) ? refuse() : lab.sharded.readStreams(from, count)),
    },
    onError: (error) => { errors.push(error); },
  });
  await until('all is found', () =>
    shardsOf('expire-holds').size > 0 && shardsOf('drain').size > 0 && added.some(({ name }) => name === 'reconcile') && errors.length > 0);
  expect([shardsOf('expire-holds'), shardsOf('drain')]).toEqual([new Set([1]), new Set([1])]);
  await lab.admin.raw(`update reconcile_state set full_wanted = false`);
  await lab.drain([1, 2]);
  for (const shard of [1, 2]) await lab.redis.del(lab.keys.shard(shard, 1).holdsDue);
});

test('entries that no worker drains are found without a nudge, and not those of a stopped shard', async () => {
  const [left, stopped] = [lab.account(0), lab.account(3)];
  await lab.write(left, left.grant('l1', 5));
  await lab.write(stopped, stopped.grant('l1', 5));
  await stopShard(lab.db, await lab.shard(3), 'a test');
  const { shardsOf } = looking();
  await until('the entry is found', () => shardsOf('drain').size > 0);
  expect(shardsOf('drain')).toEqual(new Set([0]));
  await lab.drain([0]);
  closing.pop()?.();
  const after = looking();
  await until('a new look', () => after.looks() >= 9);
  expect(after.shardsOf('drain')).toEqual(new Set());
});

test.each<[WorkInPostgres, readonly string[]]>([
  ['expire-forgotten', [`insert into lots (account_id, lot_id, amount, remaining, held, granted_at, expires_at, opened_seq, kind)
    values ('work', 'old', 1, 1, 0, now(), now() - interval '1 minute', 1, 'grant')`]],
  ['replay-money-in', [`insert into money_in (account_id, kind, amount, fingerprint, about, tried_at)
    values ('work', 'grant', 1, 'x', '{}', now() - interval '1 minute')`]],
  ['resume-claims', [`insert into provisional_accounts (account_id, name, created_by) values ('work', 'w@example.com', 'x')`]],
  ['resume-transfers', [`insert into transfers (from_account, to_account, amount, expiry, reason, actor, idempotency_scope, idempotency_key,
    fingerprint, tried_at) values ('work', 'other', 1, 'lots', 'x', 'x', 'x', 'x', 'x', now() - interval '1 minute')`]],
  ['refill-plans', [
    `insert into plans (plan_id, name, amount, period, mode, missed, updated_by) values ('p', 'p', 1, 'day', 'roll_over', 'each', 'x')`,
    `insert into account_plans (account_id, plan_id, anchor_at, due_at, assigned_by)
      values ('work', 'p', now(), now() - interval '1 minute', 'x')`,
  ]],
  ['welcome-newcomers', [`insert into profiles (account_id, first_seen, last_seen) values ('work', now(), now())`]],
  ['keep-limits', [`insert into account_terms (account_id, version, max_hold, changed_at)
    values ('work', 1, 1, now() - interval '1 minute')`]],
  ['reconcile', [`update reconcile_state set full_wanted = true`]],
  ['send-webhooks', [`insert into events (event_id, account_id, type, at, data) values ('e', 'work', 'hold.expired', now(), '{}')`]],
  ['evict-idle', [`update eviction_state set last_round_at = now() - interval '1 day'`]],
])('work of %s in Postgres is found', async (name, statements) => {
  expect(await asked()).not.toContain(name);
  for (const statement of statements) await lab.admin.raw(statement);
  expect(await asked()).toContain(name);
});

/** Tables whose rows are work, with statistics from that time, and the end of that work. */
test.each([
  ['money_in', `insert into money_in (account_id, kind, amount, fingerprint, about, tried_at)
    select 'many', 'grant', 1, 'x', '{}', now() - interval '1 minute' from generate_series(1, 5000)`,
    `update money_in set state = 'applied', applied_seq = 1`],
  ['profiles', `insert into profiles (account_id, first_seen, last_seen)
    select 'many' || i, now(), now() from generate_series(1, 5000) i`,
    `update profiles set welcome = 'none'`],
])('a look does not read all of %s, though most of it was work when it was analyzed', async (table, fill, end) => {
  const statements = [`alter table ${table} set (autovacuum_enabled = false)`, fill, `analyze ${table}`, end];
  for (const statement of statements) await lab.admin.raw(statement);
  const plans: string[] = [];
  const db = {
    raw: async (sql: string, bindings: Knex.ValueDict) => {
      const { rows } = await lab.admin.raw<{ rows: object[] }>(`explain ${sql}`, bindings);
      plans.push(JSON.stringify(rows));
      return { rows: [{}] };
    },
  } as unknown as Db;
  await workInPostgres({ db, clock: Date.now, evictIdleMs: IDLE_MS }, WORK_IN_POSTGRES);
  expect(plans).toHaveLength(1);
  expect(plans.join()).not.toContain(`Seq Scan on ${table}`);
});

test('a clock of Redis that was set back keeps no job from running', async () => {
  const namespace = `test-${randomBytes(5).toString('hex')}`;
  const connections = connectQueue(locationOf(redisUrl()), namespace, () => undefined);
  let nowMs = Date.now();
  const queue = ledgerQueue(connections.producer, namespace, () => undefined, () => nowMs);
  closing.push(() => { connections.close(); }, () => queue.close());
  await until('it is connected', async () => queue.queue.getJobCounts().then(() => true, () => false));
  const add = (): Promise<void> => queue.addWanted([{ name: 'expire-holds', data: { shards: [1] } }]);
  await add();
  const [remembered = ''] = await scanKeys(lab.redis, `${queuePrefix(namespace)}*:de:*`);
  // What the clock does to all that expires.
  expect(await lab.redis.pexpire(remembered, 3_600_000)).toBe(1);
  nowMs += 10_000;
  await add();
  expect(await queue.queue.getWaitingCount()).toBe(2);
});

test('however many workers find something to do, the job runs once, and ends of leases first', async () => {
  const namespace = `test-${randomBytes(5).toString('hex')}`;
  const queues = [1, 2].map(() => {
    const connections = connectQueue(locationOf(redisUrl()), namespace, () => undefined);
    const queue = ledgerQueue(connections.producer, namespace, () => undefined, () => 0);
    closing.push(() => { connections.close(); }, () => queue.close());
    return queue;
  });
  await until('they are connected', async () =>
    Promise.all(queues.map(({ queue }) => queue.getJobCounts())).then(() => true, () => false));
  await Promise.all(queues.map((each) => each.addWanted([{ name: 'expire-lots', data: { shards: [1] } }])));
  expect(await queues[0]?.queue.getWaitingCount()).toBe(1);
  // Leases end first.
  await queues[1]?.addWanted([{ name: 'send-webhooks', data: {} }, { name: 'expire-holds', data: { shards: [1] } }]);
  expect((await queues[0]?.queue.getWaiting())?.map(({ name }) => name)).toEqual(['expire-holds', 'expire-lots', 'send-webhooks']);
});
