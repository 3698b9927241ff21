import type { Trx } from '../stores/postgres/connect.js';
import { fromMs, toMs, unnestSource } from '../stores/postgres/unnest.js';
import { countTransactions } from './count-transactions.js';
import type { CountedTransaction, Transaction, TransactionTotals } from './transaction.js';

const source = unnestSource<CountedTransaction>('t', {
  account_id: ['text', (row) => row.accountId],
  id: ['bigint', (row) => row.id],
  at_ms: ['double precision', (row) => row.atMs],
  type: ['text', (row) => row.type],
  reason: ['text', (row) => row.reason],
  amount: ['bigint', (row) => row.amount],
  balance_after: ['bigint', (row) => row.balanceAfter],
  description: ['text', (row) => row.description],
  metadata: ['text', (row) => row.metadata],
  nth: ['bigint', (row) => row.nth],
  credited: ['bigint', (row) => row.credited],
  debited: ['bigint', (row) => row.debited],
});

const totalsSource = unnestSource<TransactionTotals>('s', {
  account_id: ['text', (row) => row.accountId],
  type: ['text', (row) => row.type],
  reason: ['text', (row) => row.reason],
  count: ['bigint', (row) => row.count],
  credited: ['bigint', (row) => row.credited],
  debited: ['bigint', (row) => row.debited],
  last_at_ms: ['double precision', (row) => row.lastAtMs],
});

const namesOf = (names: readonly string[]): string => names.map((name) => name.replace(/_ms$/, '')).join(', ');
const valuesOf = (names: readonly string[]): string => names.map((name) => (name.endsWith('_ms') ? fromMs(name) : name)).join(', ');

/**
 * Adds transactions to their accounts' statements and to the totals. The caller holds the locks of the accounts' shards,
 * so no other process can change these rows between the read and the write.
 */
export async function insertTransactions(trx: Trx, made: readonly Transaction[]): Promise<void> {
  if (made.length === 0) return;
  const { counted, totals } = countTransactions(made, await readTotals(trx, [...new Set(made.map(({ accountId }) => accountId))]));
  await trx.raw(
    `insert into transactions (${namesOf(source.names)}) select ${valuesOf(source.names)} from ${source.sql}`,
    source.bind(counted),
  );
  await trx.raw(
    `insert into transaction_totals (${namesOf(totalsSource.names)}) select ${valuesOf(totalsSource.names)} from ${totalsSource.sql}
     on conflict (account_id, type, reason) do update set
       count = excluded.count, credited = excluded.credited, debited = excluded.debited, last_at = excluded.last_at`,
    totalsSource.bind(totals),
  );
}

async function readTotals(trx: Trx, accountIds: readonly string[]): Promise<TransactionTotals[]> {
  const { rows } = await trx.raw<{ rows: TransactionTotals[] }>(
    `select account_id as "accountId", type, reason, count, credited, debited, ${toMs('last_at')} as "lastAtMs"
       from transaction_totals where account_id = any(?::text[])`,
    [[...accountIds]],
  );
  return rows;
}
