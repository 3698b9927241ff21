import { intentIdOf, markApplied, readIntents, type AppliedIntent } from '../../books/money-in.table.js';
import type { Trx } from '../../stores/postgres/connect.js';
import type { PlacedEntry } from '../fold-accounts.js';
import { ShardFault } from '../shard-fault.js';
import { oncePerBatch, type Projection } from './projection.js';

export const moneyIn: Projection<readonly AppliedIntent[]> = {
  name: 'money in',
  fold: async (batch, trx) => (await intentsOf(batch, trx)).applied,
  write: markApplied,
};

export type FoldedIntents = {
  readonly applied: readonly AppliedIntent[];
  /** Entries of intents that Postgres has lost: their money has moved, so they are recorded in the quarantine. */
  readonly unknown: readonly { readonly at: PlacedEntry; readonly intentId: number }[];
};

export const intentsOf = oncePerBatch(({ fresh }, trx) => foldIntents(trx, fresh));

/** The intents of these entries. If an intent already has an entry, it was applied twice: the shard is stopped. */
async function foldIntents(trx: Trx, fresh: readonly PlacedEntry[]): Promise<FoldedIntents> {
  const found = fresh.flatMap((at) => {
    const intentId = intentIdOf(at.entry.key);
    return intentId === null ? [] : [{ at, intentId }];
  });
  const stored = await readIntents(trx, found.map(({ intentId }) => intentId));
  const applied = new Map<number, AppliedIntent>();
  const unknown: { at: PlacedEntry; intentId: number }[] = [];
  for (const { at, intentId } of found) {
    const { accountId, seq } = at.entry;
    const intent = stored.get(intentId);
    const earlier = applied.get(intentId)?.seq ?? intent?.appliedSeq ?? null;
    if (earlier !== null || (intent !== undefined && intent.accountId !== accountId)) {
      throw new ShardFault(
        at.shard.shard, at.index,
        `intent ${intentId} of account ${intent?.accountId ?? accountId} is applied twice: by entry ${earlier ?? 'of another account'} `
        + `and by entry ${seq} of account ${accountId}`,
      );
    }
    if (intent === undefined) unknown.push({ at, intentId });
    else applied.set(intentId, { intentId, accountId, seq });
  }
  return { applied: [...applied.values()], unknown };
}
