import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { readShards } from '../../src/books/shards.table.js';
import { keyspace, type Keyspace } from '../../src/ledger/keys.js';
import { compareStreamIds } from '../../src/ledger/stream-position.js';
import { connectPostgres, drainProfile, type Db } from '../../src/stores/postgres/connect.js';
import { checkPostgres } from './books-postgres.js';
import { checkRedis } from './books-redis.js';
import { checkTold } from './books-told.js';
import type { Finding } from './finding.js';
import type { GatewayProcesses } from './processes.js';
import type { Told } from './told.js';
import { rawRedis } from './redis-address.js';

/** The books of a running gateway, read from outside over separate connections, as an auditor would. */
export type Books = {
  readonly db: Db;
  readonly redis: Redis;
  readonly keys: Keyspace;
  /** What is not in Postgres yet or is overdue, as text; '' when there is nothing. */
  pending(): Promise<string>;
  /** Resolves when nothing is pending. Throws, naming it, when something remains. */
  settled(): Promise<void>;
  /** Runs every check. No request may be in progress, and everything must be settled. */
  audit(told: Told): Promise<Finding[]>;
  close(): Promise<void>;
};

const SETTLED_TIMEOUT_MS = 90_000;
const POLL_MS = 100;

export function openBooks(
  { servers, namespace, shards, nowMs }: Pick<GatewayProcesses, 'servers' | 'namespace' | 'shards' | 'nowMs'>,
): Books {
  const db = connectPostgres(servers.databaseUrl, drainProfile(5_000));
  const redis = rawRedis(servers.redisUrl, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined); // tests kill and restart it
  const keys = keyspace(namespace, shards);

  const pending = async (): Promise<string> => {
    const behind = [];
    for (const { shard, epoch, lastId } of await readShards(db)) {
      const [newest] = await redis.xrevrange(keys.shard(shard, epoch).journal, '+', '-', 'COUNT', 1);
      if (newest !== undefined && compareStreamIds(newest[0], lastId) > 0) behind.push(shard);
    }
    const { rows } = await db.raw<{ rows: Record<string, number>[] }>(
      `with clock as (select to_timestamp(:nowMs::double precision / 1000) as now)
       select (select count(*) from money_in where state = 'pending') as intents,
              (select count(*) from transfers where state = 'pending') as transfers,
              (select count(*) from holds, clock where state = 'open' and expires_at <= now) as "holds past their lease",
              (select count(*) from lots, clock where remaining > 0 and expires_at <= now) as "lots past their end"`,
      { nowMs: nowMs() },
    );
    const counts = { 'shards behind': behind.length, ...rows[0] };
    return Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : [])).join(', ');
  };

  return {
    db, redis, keys, pending,
    async settled() {
      const deadline = Date.now() + SETTLED_TIMEOUT_MS;
      for (let left = await pending(); left !== ''; left = await pending()) {
        if (Date.now() > deadline) throw new Error(`still pending after ${SETTLED_TIMEOUT_MS} ms: ${left}`);
        await sleep(POLL_MS);
      }
    },
    audit: async (told) => [
      ...await checkPostgres(db, nowMs()),
      ...await checkRedis(db, redis, keys),
      ...await checkTold(db, told),
    ],
    async close() {
      redis.disconnect();
      await db.destroy();
    },
  };
}
