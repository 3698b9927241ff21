import { intentIdOf } from '../books/money-in.table.js';
import { EXPIRED_HOLD_TTL_SECONDS, RECEIPT_TTL_SECONDS } from '../kit/limits.js';
import type { EntryKind, JournalEntry } from '../ledger/entry.js';
import type { AccountKeys, Keyspace } from '../ledger/keys.js';
import { shortenReceiptsScript } from '../ledger/scripts.js';
import type { ScriptClient } from '../stores/redis/script.js';
import type { Batch } from './drain-batch.js';

/** How long an ended hold stays in Redis once Postgres has its end: an expired one waits there for a late settle. */
const ENDED_HOLD_TTL_SECONDS: Partial<Readonly<Record<EntryKind, number>>> = {
  settle: RECEIPT_TTL_SECONDS,
  void: RECEIPT_TTL_SECONDS,
  correct: RECEIPT_TTL_SECONDS,
  expire_hold: EXPIRED_HOLD_TTL_SECONDS,
  late_settle: EXPIRED_HOLD_TTL_SECONDS,
  give_back: EXPIRED_HOLD_TTL_SECONDS,
};

/** Receipts of one call: a fraction of a millisecond of Redis. */
const RECEIPTS_PER_CALL = 200;

type Receipt = { readonly key: string; readonly seq: number; readonly ttlSeconds: number };

/**
 * Lets go of the receipts of charges and of the ended holds that Postgres knows from now on. One that is missed here,
 * because the process dies or Redis does not answer, only lives longer (UNDRAINED_RECEIPT_TTL_SECONDS): nothing to fail for.
 */
export async function shortenReceipts(
  redis: ScriptClient, keys: Keyspace, { cursors, written }: Pick<Batch, 'cursors' | 'written'>,
): Promise<void> {
  const calls = cursors.flatMap(({ shard, epoch }) => {
    const receipts = written.fresh.flatMap(({ entry }) =>
      (keys.shardOf(entry.accountId) === shard ? receiptsOf(entry, keys.account(entry.accountId, epoch)) : []));
    return chunksOf(receipts).map((chunk) => shortenReceiptsScript.run(redis, { fence: keys.fence(shard) }, { epoch }, {
      keys: chunk.map(({ key }) => key), args: chunk.flatMap(({ seq, ttlSeconds }) => [seq.toString(), ttlSeconds.toString()]),
    }));
  });
  await Promise.all(calls).catch(() => undefined);
}

function receiptsOf({ key, holdId, kind, seq }: JournalEntry, account: AccountKeys): Receipt[] {
  const holdTtlSeconds = ENDED_HOLD_TTL_SECONDS[kind];
  const receipt = { key: account.receipt(key), seq, ttlSeconds: RECEIPT_TTL_SECONDS };
  if (holdTtlSeconds !== undefined) {
    return [{ key: account.hold(holdId), seq, ttlSeconds: holdTtlSeconds }, ...(key === '' ? [] : [receipt])];
  }
  // The receipt of an extension lives as long as its hold may.
  if (key === '' || kind === 'extend' || intentIdOf(key) !== null) return [];
  return [receipt];
}

function chunksOf(receipts: readonly Receipt[]): Receipt[][] {
  const chunks: Receipt[][] = [];
  for (let at = 0; at < receipts.length; at += RECEIPTS_PER_CALL) chunks.push(receipts.slice(at, at + RECEIPTS_PER_CALL));
  return chunks;
}
