import type { Redis } from 'ioredis';
import type { Keyspace } from '../ledger/keys.js';
import type { Db } from '../postgres/connect.js';
import { readLag } from './journal-streams.js';
import { readShards } from './shards.table.js';

export type WatchJournalDeps = {
  readonly db: Db;
  readonly redis: Redis;
  readonly keys: Keyspace;
  readonly metrics: { journalLag(entries: number, seconds: number): void; holdsOpen(count: number): void };
  readonly onError: (error: unknown) => void;
};

const EVERY_MS = 1_000;

/**
 * Measures, once a second, how far Postgres is behind Redis and how many holds are open. The lag is what a total loss
 * of Redis would cost at this moment (design §6). Answers what stops it.
 */
export function watchJournal(deps: WatchJournalDeps): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const turn = (): void => {
    measure(deps)
      .catch((error: unknown) => { if (!isStopped) deps.onError(error); })
      .finally(() => { if (!isStopped) timer = setTimeout(turn, EVERY_MS).unref(); });
  };
  turn();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

async function measure({ db, redis, keys, metrics }: WatchJournalDeps): Promise<void> {
  const rows = await readShards(db);
  const [lags, holds, [seconds, micros]] = await Promise.all([
    Promise.all(rows.map(({ shard, epoch, lastId, drained }) => readLag(redis, { key: keys.shard(shard, epoch).journal, afterId: lastId, drained }))),
    Promise.all(rows.map(({ shard, epoch }) => redis.zcard(keys.shard(shard, epoch).holdsDue))),
    redis.time(),
  ]);
  const nowMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
  const oldest = lags.flatMap(({ oldestAtMs }) => (oldestAtMs === null ? [] : [oldestAtMs]));
  const behindMs = oldest.length === 0 ? 0 : Math.max(0, nowMs - Math.min(...oldest));
  metrics.journalLag(lags.reduce((sum, { waiting }) => sum + waiting, 0), behindMs / 1_000);
  metrics.holdsOpen(holds.reduce((sum, count) => sum + count, 0));
}
