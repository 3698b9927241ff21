import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readBooks } from '../../../src/journal/reconcile/account-book.table.js';
import { pageAfter } from '../../../src/journal/reconcile/reconcile-state.table.js';
import type { Db } from '../../../src/stores/postgres/connect.js';
import { reconcileLab, type ReconcileLab } from './lab.js';

/** What Postgres reads for accounts with few open holds, where a few other accounts have nearly all of them. */

let lab: ReconcileLab;
beforeAll(async () => { lab = await reconcileLab(); });
afterAll(async () => { await lab.close(); });

/** Rows of the table of holds that a statement reads and drops. */
async function droppedHolds(work: (db: Db) => Promise<unknown>): Promise<number> {
  let dropped = 0;
  type Node = {
    readonly 'Relation Name'?: string; readonly 'Rows Removed by Filter'?: number; readonly 'Actual Loops': number;
    readonly Plans?: readonly Node[];
  };
  const add = (node: Node): void => {
    if (node['Relation Name'] === 'holds') dropped += (node['Rows Removed by Filter'] ?? 0) * node['Actual Loops'];
    node.Plans?.forEach(add);
  };
  const raw = async (sql: string, bindings: never): Promise<{ rows: [] }> => {
    const { rows } = await lab.under.db.raw<{ rows: { 'QUERY PLAN': [{ Plan: Node }] }[] }>(
      `explain (analyze, format json) ${sql}`, bindings,
    );
    for (const row of rows) add(row['QUERY PLAN'][0].Plan);
    return { rows: [] };
  };
  await work({ raw } as unknown as Db);
  return dropped;
}

test('holds of other accounts are not read', async () => {
  const HOLDS = 20_000;
  // A lookup by id may find holds of the same id.
  const FEW = 10;
  const [most = '', light = ''] = await Promise.all(Array.from({ length: 4 }, () => lab.account()));
  await lab.under.drain();
  const { rows } = await lab.under.db.raw<{ rows: { name: string }[] }>(
    `select column_name as name from information_schema.columns where table_name = 'holds' and table_schema = current_schema()`);
  const others = rows.map(({ name }) => name).filter((name) => !['hold_id', 'placed_seq', 'expires_at'].includes(name)).join(', ');
  await lab.tamper(
    `insert into holds (hold_id, placed_seq, expires_at, ${others})
     select 'm' || nth, 10 + nth, expires_at - nth * interval '1 ms', ${others} from holds, generate_series(1, ${HOLDS}) as nth
      where account_id = ?`, [most],
  );
  await lab.tamper('analyze holds');
  const ask = { accountId: light, shard: lab.under.keys.shardOf(light), seq: 4, onlyAtSeq: true };
  expect(await droppedHolds((db) => pageAfter(db, '', { accounts: 200, openHolds: 4_000 }))).toBeLessThan(FEW);
  expect(await droppedHolds((db) => readBooks(db, [{ ...ask, holdIds: ['h1'], holdsMax: 20 }]))).toBeLessThan(FEW);
  const listed = Array.from({ length: 1_000 }, (_, index) => `m${index + 1}`);
  expect(await droppedHolds((db) => readBooks(db, [
    { ...ask, accountId: most, shard: lab.under.keys.shardOf(most), holdIds: listed, holdsMax: 0 },
  ]))).toBeLessThan(FEW);
});
