import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { openShards } from '../src/books/shards.table.js';
import { createDrain } from '../src/journal/drain.js';
import { keyspace } from '../src/ledger/keys.js';
import { connectPostgres, drainProfile } from '../src/stores/postgres/connect.js';
import { migrate } from '../src/stores/postgres/migrate.js';
import { oneServer } from '../src/stores/redis/one-server.js';
import { simulatedAccount, type SimulatedEntry } from '../test/journal/simulated-account.js';
import { throwawayPostgres, throwawayRedis } from '../test/support/servers.js';
import { median } from './statistics.js';

/**
 * `npm run bench:drain`: time to move a thousand entries of streams from Redis to Postgres, with one drain and with four
 * that share the shards. All entries are of one hour and a few models, so that waits of drains for one another's rows
 * become visible.
 */
const { values } = parseArgs({ options: { streams: { type: 'string', default: '6000' }, rounds: { type: 'string', default: '5' } } });
const [streams, rounds] = [values.streams, values.rounds].map(Number) as [number, number];
const SHARDS = 16;
const ACCOUNTS = 200;
const ENTRIES_PER_STREAM = 2;
const MODELS = ['gpt-4', 'gpt-4o', 'claude', 'amazon.nova-lite-v1:0'];
const say = (line: string): void => { process.stderr.write(`${line}\n`); };

say('starting Redis and Postgres ...');
const redisServer = await throwawayRedis();
const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
await migrate(postgres.ownerUrl, () => undefined);
const db = connectPostgres(postgres.url, drainProfile(20_000));
const redis = new Redis(redisServer.url);
const keys = keyspace(`bench-${randomBytes(4).toString('hex')}`, SHARDS);
await openShards(db, SHARDS);
const drain = createDrain({ db, redis: oneServer(redis), keys, clock: Date.now, tailMs: 0, entryName: (model) => model });

const accounts = Array.from({ length: ACCOUNTS }, (_, index) => simulatedAccount(`account-${index}`, Date.now()));
for (const account of accounts) await append(account.accountId, [account.grant('lot', 1_000_000_000_000)]);
await drain(shardsOf(0, 1));

const times: Record<string, number[]> = { '1 drainer': [], '4 drainers': [] };
for (let round = 0; round < rounds; round += 1) {
  for (const [name, drainers] of [['1 drainer', 1], ['4 drainers', 4]] as const) {
    await write(`${name} ${round}`);
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: drainers }, (_, which) => drain(shardsOf(which, drainers))));
    times[name]?.push(((performance.now() - startedAt) / (streams * ENTRIES_PER_STREAM)) * 1_000);
  }
}
process.stdout.write(
  `ms per 1000 entries, medians of ${rounds} rounds of ${streams * ENTRIES_PER_STREAM} entries; Node ${process.version}\n`,
);
for (const [name, each] of Object.entries(times)) {
  process.stdout.write(`${name.padEnd(12)} ${median(each).toFixed(1).padStart(8)}   (${each.map((ms) => ms.toFixed(1)).join(' ')})\n`);
}

redis.disconnect();
await db.destroy();
await postgres.discard();
await redisServer.discard();

function shardsOf(which: number, of: number): number[] {
  return Array.from({ length: SHARDS }, (_, shard) => shard).filter((shard) => shard % of === which);
}

async function append(accountId: string, entries: readonly SimulatedEntry[]): Promise<void> {
  const batch = redis.pipeline();
  for (const entry of entries) batch.xadd(keys.shard(keys.shardOf(accountId), 1).journal, '*', ...entry);
  await batch.exec();
}

async function write(label: string): Promise<void> {
  for (const [index, account] of accounts.entries()) {
    const entries = Array.from({ length: Math.ceil(streams / ACCOUNTS) }, (_, stream) => {
      const hold = `${label} ${stream}`;
      const model = MODELS[(index + stream) % MODELS.length] ?? '';
      const about = JSON.stringify({
        usage: { service: 'chat-streaming', operation: model, metadata: { sessionId: hold, tokens: 1_500 } },
      });
      return [
        account.place(hold, 5_000, { price: `tokens/1/${model}` }),
        account.settle(hold, 3_000, { price: `tokens/1/${model}`, about }),
      ];
    });
    await append(account.accountId, entries.flat());
  }
}
