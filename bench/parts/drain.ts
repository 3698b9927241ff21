import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import { openShards } from '../../src/books/shards.table.js';
import { createDrain, type Drain } from '../../src/journal/drain.js';
import { keyspace, type Keyspace } from '../../src/ledger/keys.js';
import { connectPostgres, drainProfile } from '../../src/stores/postgres/connect.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { oneServer } from '../../src/stores/redis/one-server.js';
import { simulatedAccount, type SimulatedAccount, type SimulatedEntry } from '../../test/journal/simulated-account.js';
import { throwawayPostgres, throwawayRedis } from '../../test/support/servers.js';
import type { Part, PartOptions, PartResult } from '../part.js';
import { median } from '../statistics.js';

/**
 * The journal from Redis to Postgres, by one drain and by four that share the shards, compared with inserting the same rows of
 * `entries` and nothing else. All entries are of one hour and a few models, so that waits of drains for one another's rows become
 * visible.
 */
export const drain: Part = {
  name: 'drain',
  about: 'entries per second from the journal to Postgres, compared with a bare insert (P8)',
  run: async ({ quick, say }) => {
    const redisServer = await throwawayRedis();
    const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
    await migrate(postgres.ownerUrl, () => undefined);
    const db = connectPostgres(postgres.url, drainProfile(20_000));
    const redis = new Redis(redisServer.url);
    const owner = new pg.Pool({ connectionString: postgres.ownerUrl, max: 1 });
    try {
      const keys = keyspace(`bench-${randomBytes(4).toString('hex')}`, SHARDS);
      await openShards(db, SHARDS);
      const drainShards = createDrain({ db, redis: oneServer(redis), keys, clock: Date.now, tailMs: 0, entryName: (model) => model });
      return await measure({ redis, keys, owner, drainShards }, quick ? QUICK : FULL, say);
    } finally {
      redis.disconnect();
      await owner.end();
      await db.destroy();
      await postgres.discard();
      await redisServer.discard();
    }
  },
};

type Size = { readonly rounds: number; readonly streams: number };
const FULL: Size = { rounds: 5, streams: 6_000 };
const QUICK: Size = { rounds: 1, streams: 400 };
const SHARDS = 16;
const ACCOUNTS = 200;
const ENTRIES_PER_STREAM = 2;
const BATCH = 1_000;
const MODELS = ['gpt-4', 'gpt-4o', 'claude', 'amazon.nova-lite-v1:0'];
const GRANTED = 1_000_000_000_000;
const [HELD, USED] = [5_000, 3_000];

type Servers = { readonly redis: Redis; readonly keys: Keyspace; readonly owner: pg.Pool; readonly drainShards: Drain };

async function measure(servers: Servers, { rounds, streams }: Size, say: PartOptions['say']): Promise<PartResult> {
  const { owner, drainShards } = servers;
  const entries = Math.ceil(streams / ACCOUNTS) * ACCOUNTS * ENTRIES_PER_STREAM;
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => simulatedAccount(`account-${index}`, Date.now()));
  for (const account of accounts) await append(servers, account.accountId, [account.grant('lot', GRANTED)]);
  await drainShards(shardsOf(0, 1));
  await owner.query('create table bare_entries (like entries including all)');

  const perSecond: Record<'one' | 'four' | 'bare', number[]> = { one: [], four: [], bare: [] };
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const startedAt = performance.now();
    await work();
    return entries / (performance.now() - startedAt) * 1_000;
  };
  for (let round = -1; round < rounds; round += 1) {
    say(round < 0 ? 'warming up ...' : `round ${round + 1} of ${rounds}`);
    const measured: Partial<Record<keyof typeof perSecond, number>> = {};
    for (const [name, drainers] of [['one', 1], ['four', 4]] as const) {
      await write(servers, accounts, `${name} ${round}`, streams);
      measured[name] = await timed(() =>
        Promise.all(Array.from({ length: drainers }, (_, which) => drainShards(shardsOf(which, drainers)))));
    }
    const batches = await lastEntries(owner, entries);
    measured.bare = await timed(async () => { for (const batch of batches) await owner.query(batch); });
    if (round >= 0) for (const name of ['one', 'four', 'bare'] as const) perSecond[name].push(measured[name] ?? NaN);
  }
  const ratios = (name: 'one' | 'four'): number[] => perSecond[name].map((each, round) => each / (perSecond.bare[round] ?? NaN));
  const row = (name: string, each: readonly number[]): (string | number)[] => [name, median(each).toFixed(0)];
  return {
    figures: [
      {
        id: 'P8', name: 'entries per second of one worker, everything written ÷ a bare insert of their rows', target: { atLeast: 0.5 },
        values: ratios('one'), limitedBy: 'Postgres writes to up to ten tables per entry; batches are of one shard',
      },
      { id: 'P8', name: 'the same with four drains at once', values: ratios('four') },
    ],
    tables: [{
      title: `${entries} entries a round, in batches of ${BATCH}: medians`, columns: ['', 'entries/s'],
      rows: [
        row('one drain', perSecond.one), row('four drains', perSecond.four), row('bare insert into a table like entries', perSecond.bare),
      ],
    }],
    problems: await check(owner, (rounds + 1) * 2 * entries),
  };
}

const shardsOf = (which: number, of: number): number[] =>
  Array.from({ length: SHARDS }, (_, shard) => shard).filter((shard) => shard % of === which);

async function append({ redis, keys }: Servers, accountId: string, entries: readonly SimulatedEntry[]): Promise<void> {
  const batch = redis.pipeline();
  for (const entry of entries) batch.xadd(keys.shard(keys.shardOf(accountId), 1).journal, '*', ...entry);
  await batch.exec();
}

async function write(servers: Servers, accounts: readonly SimulatedAccount[], label: string, streams: number): Promise<void> {
  for (const [index, account] of accounts.entries()) {
    const entries = Array.from({ length: Math.ceil(streams / ACCOUNTS) }, (_, stream) => {
      const hold = `${label} ${stream}`;
      const model = MODELS[(index + stream) % MODELS.length] ?? '';
      const about = JSON.stringify({
        usage: { service: 'chat-streaming', operation: model, metadata: { sessionId: hold, tokens: 1_500 } },
      });
      return [
        account.place(hold, HELD, { price: `tokens/1/${model}` }),
        account.settle(hold, USED, { price: `tokens/1/${model}`, about }),
      ];
    });
    await append(servers, account.accountId, entries.flat());
  }
}

/** The rows of the last round, as statements that insert a batch each. */
async function lastEntries(owner: pg.Pool, count: number): Promise<{ text: string; values: unknown[][] }[]> {
  const { rows: columns } = await owner.query<{ name: string; type: string }>(`
    select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = 'bare_entries'::regclass and attnum > 0 and not attisdropped order by attnum`);
  await owner.query('truncate bare_entries');
  const names = columns.map(({ name }) => `"${name}"`);
  const { rows } = await owner.query<unknown[]>({
    text: `select ${names.map((name) => `${name}::text`).join(', ')} from entries order by at desc, seq desc limit ${count}`,
    rowMode: 'array',
  });
  const text = `insert into bare_entries (${names.join(', ')}) select * from unnest(${
    columns.map(({ type }, index) => `$${index + 1}::${type}[]`).join(', ')})`;
  return Array.from({ length: Math.ceil(rows.length / BATCH) }, (_, batch) => {
    const part = rows.slice(batch * BATCH, (batch + 1) * BATCH);
    return { text, values: columns.map((_column, index) => part.map((row) => row[index])) };
  });
}

/** Every entry is in Postgres once, and accounts add up. */
async function check(owner: pg.Pool, expected: number): Promise<string[]> {
  const { rows: [row] } = await owner.query<{ entries: string; wrong: string }>(`
    select (select count(*) from entries)::text as entries,
      (select count(*) from accounts where available + held + captured <> granted or held <> 0 or granted <> ${GRANTED})::text as wrong`);
  const written = expected + ACCOUNTS; // with the grants
  return [
    ...(Number(row?.entries) === written ? [] : [`${written} entries written, Postgres has ${row?.entries ?? 'none'}`]),
    ...(row?.wrong === '0' ? [] : [`${row?.wrong ?? 'all'} accounts do not add up`]),
  ];
}
