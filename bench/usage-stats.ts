import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { openShards } from '../src/books/shards.table.js';
import type { Period } from '../src/books/usage-rollup.js';
import { readPeriod } from '../src/credits/usage/period.js';
import { accountUsage, systemUsage, type UsageSums } from '../src/credits/usage/usage-stats.js';
import { createDrain } from '../src/journal/drain.js';
import type { Freshen } from '../src/journal/freshen.js';
import { keyspace } from '../src/ledger/keys.js';
import { connectPostgres, drainProfile } from '../src/stores/postgres/connect.js';
import { migrate } from '../src/stores/postgres/migrate.js';
import { oneServer } from '../src/stores/redis/one-server.js';
import { simulatedAccount } from '../test/journal/simulated-account.js';
import { backfillOf } from '../test/support/backfill-of.js';
import { throwawayPostgres, throwawayRedis } from '../test/support/servers.js';
import { median, percentile } from './statistics.js';

/**
 * `npm run bench:usage`: the cost of a statistic for an account with a thousand records and for one with a million, over
 * the same days and services, in turns; and the cost of counting the records instead. Some records come through the real
 * drain, the rest by SQL: the benchmark first checks that both are counted alike.
 */
const { values } = parseArgs({
  options: {
    few: { type: 'string', default: '1000' },
    many: { type: 'string', default: '1000000' },
    drained: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '60' },
    // Fewer rounds, because counting the records takes long.
    'naive-rounds': { type: 'string', default: '7' },
    days: { type: 'string', default: '90' },
  },
});
const [few, many, drained, rounds, naiveRounds, days] = [
  values.few, values.many, values.drained, values.rounds, values['naive-rounds'], values.days,
].map(Number) as [number, number, number, number, number, number];
const say = (line: string): void => { process.stderr.write(`${line}\n`); };
const SHARDS = 64;
const DAY_MS = 86_400_000;
const END_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const BEGIN_MS = END_MS - days * DAY_MS;
/** [service, operation], as in the records of a chat proxy. */
const USES = [
  ['chat-streaming', 'amazon.nova-lite-v1:0'], ['chat-streaming', 'gpt-4'], ['chat', 'gpt-4'],
  ['chat-streaming-aborted', 'gpt-4'], ['image', 'dall-e'],
] as const;

say('starting Redis and Postgres ...');
const redisServer = await throwawayRedis();
const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
await migrate(postgres.ownerUrl, () => undefined);
const db = connectPostgres(postgres.url, { ...drainProfile(5_000), statementTimeoutMs: 0, silenceMs: 0 });
const redis = new Redis(redisServer.url);
const keys = keyspace(`bench-${randomBytes(4).toString('hex')}`, SHARDS);
await openShards(db, SHARDS);

say(`${drained} records through the drainer ...`);
const drain = createDrain({ db, redis: oneServer(redis), keys, clock: Date.now, tailMs: 0, entryName: (model) => model });
const drainedPerSecond = await record('drained', drained);
const rollupsOf = async (accountId: string): Promise<unknown> =>
  (await db.raw<{
    rows: object[];
  }>('select * from usage_by_account where account_id = ? order by grain, starts_at, service, operation', [accountId])).rows;
const systemRollups = async (): Promise<unknown> => (await db.raw<{
  rows: object[];
}>('select * from usage_by_shard where shard = ? order by grain, starts_at, service, operation', [keys.shardOf('drained')])).rows;
const kept = [await rollupsOf('drained'), await systemRollups()];

say(`${few} and ${many} records by SQL ...`);
// Accounts of other shards than the drained one's, whose roll-up is compared.
const others = Array.from({ length: 1_000 }, (_, index) => `account-${index}`).filter((id) => keys.shardOf(id) !== keys.shardOf('drained'));
const [fewId = '', manyId = ''] = others;
for (const [accountId, count] of [[fewId, few], [manyId, many]] as const) await fill(accountId, count);
await db.raw('truncate usage_by_account, usage_by_shard');
const backfillStartedAt = performance.now();
await db.raw(backfillOf('0003_usage_rollups'));
const backfillMs = performance.now() - backfillStartedAt;
await db.raw('vacuum analyze usage_records');
await db.raw('vacuum analyze usage_by_account');
await db.raw('vacuum analyze usage_by_shard');
if (!isDeepStrictEqual([await rollupsOf('drained'), await systemRollups()], kept)) {
  throw new Error('the drainer and the migration count differently');
}

/** Does nothing: the drain before a statistic costs the same for both accounts and is left out. */
const fresh: Freshen = { account: () => Promise.resolve(), all: () => Promise.resolve() };
const ever = readPeriod({ startDate: undefined, endDate: undefined });
const cut: Period = { fromMs: BEGIN_MS + 10 * DAY_MS + 12_345_678, toMs: END_MS - 10 * DAY_MS - 23_456_789 };
const stats = (accountId: string, period: Period) => () => accountUsage({ db, freshen: fresh }, accountId, period);
const naive = (accountId: string) => async (): Promise<void> => {
  await db.raw(
    `select date_trunc('day', at, 'UTC') as day, service, operation, count(*) as records, sum(credits) as credits
       from usage_records where account_id = ? group by 1, 2, 3`, [accountId]);
};
await expectRight(await accountUsage({ db, freshen: fresh }, manyId, ever), manyId);

say('measuring ...');
const questions = [
  { name: 'statistic, all time', rounds, few: stats(fewId, ever), many: stats(manyId, ever) },
  { name: 'statistic, days and hours cut', rounds, few: stats(fewId, cut), many: stats(manyId, cut) },
  { name: 'naive select, all time', rounds: naiveRounds, few: naive(fewId), many: naive(manyId) },
];
const lines: string[] = [];
for (const question of questions) {
  const measured: { readonly few: number; readonly many: number }[] = [];
  for (let round = -3; round < question.rounds; round += 1) {
    // In turns and with alternating order, so that a slow phase of the machine affects both.
    const first = round % 2 === 0 ? 'few' : 'many';
    const firstMs = await timed(question[first]);
    const secondMs = await timed(question[first === 'few' ? 'many' : 'few']);
    if (round >= 0) measured.push(first === 'few' ? { few: firstMs, many: secondMs } : { few: secondMs, many: firstMs });
  }
  const column = (side: 'few' | 'many'): string =>
    [0.5, 0.95].map((share) => percentile(measured.map((each) => each[side]), share).toFixed(2).padStart(10)).join('');
  lines.push(`${question.name.padEnd(32)}${column('few')}${column('many')}${median(measured.map((each) => each.many / each.few)).toFixed(2)
    .padStart(10)}`);
}
const systemMs = await Promise.resolve().then(async () => {
  const all: number[] = [];
  for (let round = 0; round < 20; round += 1) all.push(await timed(() => systemUsage({ db, freshen: fresh }, ever)));
  return median(all);
});
const { rows: [size] } = await db.raw<{ rows: { records: string; rollups: string }[] }>(
  `select pg_size_pretty(pg_total_relation_size('usage_records')) as records, `
    + `pg_size_pretty(pg_total_relation_size('usage_by_account') + pg_total_relation_size('usage_by_shard')) as rollups`);

process.stdout.write(`${[
  '',
  `${few} and ${many} records over ${days} days and ${USES.length} kinds of use; Postgres with fsync; Node ${process.version}`,
  '',
  `${''.padEnd(32)}${['few p50', 'few p95', 'many p50', 'many p95', 'ratio'].map((each) => each.padStart(10)).join('')}`,
  ...lines,
  '',
  `ms; ratio: many to few in the same round, median of all rounds. System statistics, all time: ${systemMs.toFixed(2)} ms`,
  `the drainer wrote ${drainedPerSecond.toFixed(0)} records a second, roll-ups included; they are those of the migration, which `
    + `counted ${few + many + drained} records in ${backfillMs.toFixed(0)} ms`,
  `on disk: records ${size?.records ?? '?'}, roll-ups ${size?.rollups ?? '?'}`,
].join('\n')}\n`);

redis.disconnect();
await db.destroy();
await redisServer.discard();
await postgres.discard();

async function timed(ask: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await ask();
  return performance.now() - startedAt;
}

/** Writes charges of one account as the scripts would and drains them; returns the number per second. */
async function record(accountId: string, count: number): Promise<number> {
  const account = simulatedAccount(accountId, BEGIN_MS);
  const { journal } = keys.shard(keys.shardOf(accountId), 1);
  const pipeline = redis.pipeline();
  for (let index = 0; index < count; index += 1) {
    const [service, operation] = USES[index % USES.length] ?? USES[0];
    const about = JSON.stringify({ usage: { service, operation, credits: 1 + (index % 7_000_000), metadata: { index } } });
    pipeline.xadd(journal, '*', ...account.debit('charge', 0, { atMs: atOf(index, count), about }));
  }
  await pipeline.exec();
  const startedAt = performance.now();
  for (let left = count; left > 0;) left -= (await drain([keys.shardOf(accountId)])).entries;
  return count / ((performance.now() - startedAt) / 1_000);
}

/** Evenly spread over the days, at odd milliseconds. */
function atOf(index: number, count: number): number {
  return BEGIN_MS + Math.floor((index / count) * days * DAY_MS);
}

/** Writes records of one account and the account itself, as `record` would. */
async function fill(accountId: string, count: number): Promise<void> {
  await db.raw(
    `insert into accounts (account_id, shard, seq, epoch, available, held, debt, granted, captured, expired, removed,
      uncollected, updated_at)
     values (?, ?, ?, 1, 0, 0, 0, 0, 0, 0, 0, 0, now())`, [accountId, keys.shardOf(accountId), count]);
  const use = (part: 0 | 1): string => `(array[${USES.map((each) => `'${each[part]}'`).join(', ')}])[1 + (i - 1) % ${USES.length}]`;
  await db.raw(
    `insert into usage_records (account_id, seq, at, service, operation, credits, metadata)
     select :accountId, i,
       to_timestamp(:beginMs::double precision / 1000) + (i - 1) * (:days::double precision / :count * interval '1 day'),
            ${use(0)}, ${use(1)}, 1 + (i - 1) % 7000000, '{}'
       from generate_series(1, :count::integer) as i`, { accountId, count, beginMs: BEGIN_MS, days });
}

async function expectRight({ totalRecords, totalCredits, byDay }: UsageSums, accountId: string): Promise<void> {
  const { rows: [counted] } = await db.raw<{ rows: { records: string; credits: string; days: string }[] }>(
    `select count(*)::text as records, sum(credits)::text as credits, count(distinct date_trunc('day', at,
       'UTC'))::text as days from usage_records where account_id = ?`, [accountId]);
  const told = { records: String(totalRecords), credits: totalCredits.toString(), days: String(byDay.size) };
  if (!isDeepStrictEqual(told, { ...counted })) {
    throw new Error(`the statistic says ${JSON.stringify(told)}, the records ${JSON.stringify(counted)}`);
  }
}
