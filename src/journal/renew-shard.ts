import { insertQuarantine } from '../books/quarantine.table.js';
import { clearStop, lockShard, raiseEpoch, type ShardRow } from '../books/shards.table.js';
import { LOST_ACCOUNTS_NAMED_MAX } from '../kit/limits.js';
import { micros, ZERO } from '../kit/money/micros.js';
import { decodeEntry, type JournalEntry } from '../ledger/entry.js';
import type { Keyspace } from '../ledger/keys.js';
import { atMsOf } from '../ledger/stream-position.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import type { ShardedRedis, StreamEntry } from '../stores/redis/sharded-redis.js';
import { insertLeftBehind, type LeftBehind } from './loss-accounts.table.js';
import { insertLoss } from './shard-losses.table.js';

export type RenewDeps = {
  readonly db: Db;
  readonly redis: Pick<ShardedRedis, 'readStreams' | 'remove'>;
  readonly keys: Keyspace;
};
export type RenewCommand = { readonly shard: number; readonly reason: string; readonly actor: string };

export type Renewed =
  | { readonly status: 'not_stopped' }
  /** Times in ms since 1970; null: no entry was left behind. `unreadable`: entries that name no account. */
  | {
    readonly status: 'renewed'; readonly epoch: number; readonly entries: number; readonly unreadable: number;
    readonly fromMs: number | null; readonly toMs: number | null; readonly accounts: readonly LeftBehind[];
  };

/** Entries of one read, which are written to the quarantine together. */
const PAGE = 1_000;

/**
 * Gives a stopped shard a new epoch: Postgres is right, and the accounts of the shard load from it at their next use. The entries
 * that Postgres did not take are kept in the quarantine, whole, and recorded as a loss with their accounts and time, so that
 * an operator can enter again what was right of them. Scripts are refused from before the entries are read, so none is missed.
 */
export async function renewShard({ db, redis, keys }: RenewDeps, { shard, reason, actor }: RenewCommand): Promise<Renewed> {
  return db.transaction(async (trx): Promise<Renewed> => {
    const row = await lockShard(trx, shard);
    if (typeof row?.stoppedReason !== 'string') return { status: 'not_stopped' };
    await redis.remove([keys.fence(shard)]);
    const sums = new Map<string, LeftBehind>();
    let unreadable = 0;
    let entries = 0;
    let lastId = row.lastId;
    let fromId: string | null = null;
    for await (const page of pagesOf(redis, keys.shard(shard, row.epoch).journal, row.lastId)) {
      const read = page.map((raw) => ({ raw, entry: decoded(raw) }));
      for (const { entry } of read) {
        if (entry === null) unreadable += 1;
        else sums.set(entry.accountId, added(sums.get(entry.accountId), entry));
      }
      await keep(trx, row, read);
      entries += page.length;
      fromId ??= page[0]?.[0] ?? null;
      lastId = page.at(-1)?.[0] ?? lastId;
    }
    const accounts = [...sums.values()].sort((a, b) => b.entries - a.entries);
    const named = accounts.slice(0, LOST_ACCOUNTS_NAMED_MAX);
    await clearStop(trx, shard, { reason, actor });
    await raiseEpoch(trx, shard, row.epoch);
    await insertLoss(trx, {
      shard, epoch: row.epoch, survivedId: row.lastId, knownId: lastId, entries,
      accounts: Object.fromEntries(named.map((each) => [each.accountId.replaceAll('\0', ''), each.entries])),
    }, { kind: 'left_behind', unreadable });
    await insertLeftBehind(trx, row, accounts);
    return {
      status: 'renewed', epoch: row.epoch + 1, entries, unreadable, accounts,
      fromMs: fromId === null ? null : atMsOf(fromId), toMs: fromId === null ? null : atMsOf(lastId),
    };
  });
}

async function* pagesOf(redis: RenewDeps['redis'], key: string, afterId: string): AsyncGenerator<readonly StreamEntry[]> {
  let last = afterId;
  for (;;) {
    const [page = []] = await redis.readStreams([{ key, afterId: last }], PAGE);
    if (page.length === 0) return;
    yield page;
    last = page.at(-1)?.[0] ?? last;
  }
}

function decoded([streamId, fields]: StreamEntry): JournalEntry | null {
  try {
    return decodeEntry(streamId, fields);
  } catch {
    return null;
  }
}

function added(sum: LeftBehind | undefined, { accountId, granted, captured, available }: JournalEntry): LeftBehind {
  return {
    accountId, entries: (sum?.entries ?? 0) + 1, granted: micros((sum?.granted ?? ZERO) + granted),
    captured: micros((sum?.captured ?? ZERO) + captured), available: micros((sum?.available ?? ZERO) + available),
  };
}

type Read = { readonly raw: StreamEntry; readonly entry: JournalEntry | null };

const keep = (trx: Trx, { shard, epoch, stoppedReason }: ShardRow, read: readonly Read[]): Promise<void> =>
  insertQuarantine(trx, read.map(({ raw: [streamId, fields], entry }) => ({
    shard, epoch, streamId, accountId: (entry?.accountId ?? '').replaceAll('\0', ''),
    reason: `left behind with epoch ${epoch}: ${stoppedReason ?? ''}`.replaceAll('\0', ''),
    // JSON escapes NUL and lone surrogates.
    payload: JSON.stringify(fields),
  })));
