import { insertQuarantine, type QuarantineRow } from '../../books/quarantine.table.js';
import type { PlacedEntry } from '../fold-accounts.js';
import { intentsOf } from './money-in.js';
import { oncePerBatch, type Projection } from './projection.js';

/** The quarantined texts of a batch. Also counted for the report (write-batch.ts). */
export const quarantineOf = oncePerBatch(async (batch, trx): Promise<readonly QuarantineRow[]> => {
  const { unknown } = await intentsOf(batch, trx);
  return [...batch.unreadable, ...unknown.map(({ at, reason }) => quarantineRow(at, reason))];
});

export const quarantine: Projection<readonly QuarantineRow[]> = {
  name: 'quarantine',
  fold: quarantineOf,
  write: insertQuarantine,
};

export const quarantineRow = ({ entry, shard }: PlacedEntry, reason: string): QuarantineRow => ({
  shard: shard.shard,
  epoch: shard.epoch,
  streamId: entry.streamId,
  accountId: entry.accountId,
  reason: reason.replaceAll('\0', ''),
  // JSON escapes NUL and lone surrogates, so any text column can store them.
  payload: JSON.stringify({ seq: entry.seq, about: entry.about, price: entry.price, fingerprint: entry.fingerprint }),
});
