import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Books } from '../../support/books.js';
import type { GatewayStage } from './stage.js';

const TABLES = [
  'entries', 'entry_details', 'accounts', 'lots', 'holds', 'money_in', 'transfers', 'shards', 'shard_marks', 'shard_losses', 'quarantine',
  'events',
];

/** Writes what is needed to find out what happened: ledger, journal, logs. The clients' record is there already. */
export async function keepEvidence(
  { books, stage, folder }: { readonly books: Books; readonly stage: GatewayStage; readonly folder: string },
): Promise<void> {
  for (const table of TABLES) {
    const { rows } = await books.db.raw<{ rows: object[] }>(`select * from ${table}`);
    await writeLines(join(folder, `${table}.jsonl`), rows);
  }
  const keys = await books.redis.keys(`${stage.namespace}:*:journal`);
  for (const key of keys) {
    const entries = await books.redis.xrange(key, '-', '+');
    await writeLines(join(folder, `journal-${key.replaceAll(/[^\w]+/g, '-')}.jsonl`), entries);
  }
  stage.copyLogs(folder);
}

async function writeLines(file: string, rows: readonly unknown[]): Promise<void> {
  const out = createWriteStream(file);
  for (const row of rows) out.write(`${JSON.stringify(row)}\n`);
  await new Promise<void>((resolve) => { out.end(resolve); });
}
