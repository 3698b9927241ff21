import { addModelHours, hourOf, UNKNOWN_MODEL, type ModelHour } from '../../books/model-hours.table.js';
import type { JournalEntry } from '../../ledger/entry.js';
import type { Facts } from '../../ledger/facts.js';
import type { PlacedEntry } from '../fold-accounts.js';
import { modelUses, type CorrectedEnd } from '../model-uses.js';
import { correctedEnds } from './holds.js';
import type { EntryName, Projection } from './projection.js';

export const modelHours: Projection<readonly ModelHour[]> = {
  name: 'model hours',
  fold: async (batch, trx) => foldModels(batch.fresh, batch.factsOf, await correctedEnds(batch, trx), batch.entryName),
  write: addModelHours,
};

type Sums = { messages: bigint; tokens: bigint; held: bigint; captured: bigint };

/**
 * What a batch adds to the hours of models, one row per hour, shard and model. Only fresh entries count, so a redelivered
 * entry counts once. BigInts, because credits that are held again and again add up to more than any balance.
 */
export function foldModels(
  fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => Facts,
  correctedBy: (entry: JournalEntry) => CorrectedEnd | null, entryName: EntryName,
): ModelHour[] {
  const rows = new Map<string, ModelHour & Sums>();
  for (const { entry, shard: { shard } } of fresh) {
    for (const use of modelUses({ entry, facts: factsOf(entry), corrected: correctedBy(entry) })) {
      const model = entryName(use.model) ?? UNKNOWN_MODEL;
      const hourMs = hourOf(entry.atMs);
      const key = `${hourMs} ${shard} ${model}`;
      let row = rows.get(key);
      if (row === undefined) rows.set(key, row = { hourMs, model, shard, messages: 0n, tokens: 0n, held: 0n, captured: 0n });
      row.messages += BigInt(use.messages);
      if (use.tokens !== 0) row.tokens += BigInt(use.tokens);
      if (use.held !== 0) row.held += BigInt(use.held);
      // These sums only grow: what is given back stays in them.
      row.captured += BigInt(Math.max(0, use.captured));
    }
  }
  return [...rows.values()];
}
