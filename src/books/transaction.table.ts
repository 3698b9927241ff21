import type { Trx } from '../stores/postgres/connect.js';
import { copyInto } from '../stores/postgres/copy.js';
import { together } from '../stores/postgres/errors.js';
import { prepared } from '../stores/postgres/prepared.js';
import { fromMs, toMs, unnestSource } from '../stores/postgres/unnest.js';
import type { CountedTransactions } from './count-transactions.js';
import type { CountedTransaction, TransactionTotals } from './transaction.js';

const copyTransactions = copyInto<CountedTransaction>('transactions', {
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
}, ['at_ms']);

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
 * so no other process has changed the totals since they were read (`readTotals`).
 */
export async function insertTransactions(trx: Trx, { counted, totals }: CountedTransactions): Promise<void> {
  if (counted.length === 0) return;
  const copied = copyTransactions(trx, counted);
  const summed = prepared(trx,
    `insert into transaction_totals (${namesOf(totalsSource.names)}) select ${valuesOf(totalsSource.names)} from ${totalsSource.sql}
     on conflict (account_id, type, reason) do update set
       count = excluded.count, credited = excluded.credited, debited = excluded.debited, last_at = excluded.last_at`,
    totalsSource.bind(totals),
  );
  await together<unknown>([copied, summed]);
}

/** What these accounts have so far. */
export async function readTotals(trx: Trx, accountIds: readonly string[]): Promise<TransactionTotals[]> {
  if (accountIds.length === 0) return [];
  const { rows } = await prepared<{ rows: TransactionTotals[] }>(trx,
    `select account_id as "accountId", type, reason, count, credited, debited, ${toMs('last_at')} as "lastAtMs"
       from transaction_totals where account_id = any(?::text[])`,
    [[...accountIds]],
  );
  return rows;
}
