import { intentIdOf } from '../books/money-in.table.js';
import { ENDED_HOLD_TTL_SECONDS_MIN, EXPIRED_HOLD_TTL_SECONDS, RECEIPT_TTL_SECONDS } from '../kit/limits.js';
import type { EntryKind, JournalEntry } from '../ledger/entry.js';
import type { AccountKeys, Keyspace } from '../ledger/keys.js';
import { shortenReceiptsScript } from '../ledger/scripts.js';
import type { ScriptClient } from '../stores/redis/script.js';
import type { Batch } from './drain-batch.js';

/** Ends of a hold that no late settle can follow, or that is one. */
const IS_FINAL: Partial<Readonly<Record<EntryKind, boolean>>> = {
  settle: true, void: true, correct: true, expire_hold: false, late_settle: false, give_back: false,
};

/** Receipts of one call: a fraction of a millisecond of Redis. */
const RECEIPTS_PER_CALL = 200;

/** `mark`: takes the place of an ended hold. */
type Receipt = { readonly key: string; readonly seq: number; readonly ttlSeconds: number; readonly mark?: string };

/**
 * Lets go of the receipts of charges and of the ended holds that Postgres knows from now on. `tailMs`: how long entries stay in the journal
 * that Postgres has. One that is missed here,
 * because the process dies or Redis does not answer, only lives longer (UNDRAINED_RECEIPT_TTL_SECONDS): nothing to fail for.
 */
export async function shortenReceipts(
  redis: ScriptClient, keys: Keyspace, { cursors, written }: Pick<Batch, 'cursors' | 'written'>, tailMs: number,
): Promise<void> {
  const endedTtlSeconds = Math.min(RECEIPT_TTL_SECONDS, Math.max(ENDED_HOLD_TTL_SECONDS_MIN, Math.ceil(tailMs / 1_000)));
  const epochs = new Map(cursors.map(({ shard, epoch }) => [shard, epoch]));
  const accounts = new Map<string, AccountKeys>();
  const keysOf = (accountId: string): AccountKeys => {
    let account = accounts.get(accountId);
    if (account === undefined) {
      account = keys.account(accountId, epochs.get(keys.shardOf(accountId)) ?? 0);
      accounts.set(accountId, account);
    }
    return account;
  };
  const receiptsIn = new Map<number, Receipt[]>(cursors.map(({ shard }) => [shard, []]));
  for (const { entry } of written.fresh) {
    if (IS_FINAL[entry.kind] === undefined && entry.key === '') continue;
    const account = keysOf(entry.accountId);
    receiptsIn.get(account.shard)?.push(...receiptsOf(entry, account, endedTtlSeconds));
  }
  const calls = cursors.flatMap(({ shard, epoch }) => {
    return chunksOf(receiptsIn.get(shard) ?? []).map((chunk) => shortenReceiptsScript.run(redis, { fence: keys.fence(shard) }, { epoch }, {
      keys: [...chunk.map(({ key }) => key), ...chunk.flatMap(({ mark }) => mark ?? [])],
      args: chunk.flatMap(({ seq, ttlSeconds, mark }) => [seq, ttlSeconds, mark === undefined ? '' : RECEIPT_TTL_SECONDS]),
    }));
  });
  await Promise.all(calls).catch(() => undefined);
}

/**
 * A hold that was settled or voided stays at least as long as the tail of the journal, from which a Postgres that has gone back in time
 * gets its end again: then no repeat finds it in neither. One that has expired waits in Redis for a late settle.
 */
function receiptsOf({ key, holdId, kind, seq }: JournalEntry, account: AccountKeys, endedTtlSeconds: number): Receipt[] {
  const isFinal = IS_FINAL[kind];
  const receipt = { key: account.receipt(key), seq, ttlSeconds: RECEIPT_TTL_SECONDS };
  if (isFinal !== undefined) {
    const hold = { key: account.hold(holdId), seq };
    return [
      isFinal ? { ...hold, ttlSeconds: endedTtlSeconds, mark: account.ended(holdId) } : { ...hold, ttlSeconds: EXPIRED_HOLD_TTL_SECONDS },
      ...(key === '' ? [] : [receipt]),
    ];
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
