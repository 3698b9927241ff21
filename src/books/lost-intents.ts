import type { Trx } from '../stores/postgres/connect.js';
import { fromMs, unnestSource } from '../stores/postgres/unnest.js';
import type { RequestFact } from '../ledger/request-fact.js';
import type { IdempotencyKey } from './money-in.table.js';

/** A request that Postgres had lost, from its entry. It is applied: the entry is in the same transaction. */
export type LostIntent = {
  readonly intentId: number;
  readonly accountId: string;
  readonly seq: number;
  readonly atMs: number;
  readonly request: RequestFact;
  readonly about: string;
};

const source = unnestSource<LostIntent>('l', {
  intent_id: ['bigint', (lost) => lost.intentId],
  account_id: ['text', (lost) => lost.accountId],
  kind: ['text', ({ request }) => request.kind],
  amount: ['bigint', ({ request }) => request.amount],
  expires_at_ms: ['bigint', ({ request }) => request.expiresAtMs],
  revoked_lot_id: ['text', ({ request }) => request.revokedLotId],
  parts: ['text', ({ request }) => request.parts],
  refund_of: ['text', ({ request }) => request.refundOf],
  grace_ms: ['bigint', ({ request }) => request.graceMs],
  rule: ['text', ({ request }) => request.rule],
  idempotency_scope: ['text', ({ request }) => request.scope],
  idempotency_key: ['text', ({ request }) => request.key],
  fingerprint: ['text', ({ request }) => request.fingerprint],
  about: ['text', (lost) => lost.about],
  applied_seq: ['bigint', (lost) => lost.seq],
  at_ms: ['double precision', (lost) => lost.atMs],
});
const NAMES = source.names.filter((name) => name !== 'at_ms').join(', ');

/** Records the requests again. A key that was used for another request meanwhile is an error: the batch is read again. */
export async function restoreIntents(trx: Trx, lost: readonly LostIntent[]): Promise<void> {
  if (lost.length === 0) return;
  await trx.raw(
    `insert into money_in (${NAMES}, state, created_at, tried_at)
     select ${NAMES}, 'applied', ${fromMs('at_ms')}, ${fromMs('at_ms')} from ${source.sql}`,
    source.bind(lost),
  );
}

/** Those of these keys that name a request. */
export async function readKeysInUse(trx: Trx, keys: readonly IdempotencyKey[]): Promise<IdempotencyKey[]> {
  if (keys.length === 0) return [];
  const { rows } = await trx.raw<{ rows: IdempotencyKey[] }>(
    `select idempotency_scope as scope, idempotency_key as key from money_in
      where (idempotency_scope, idempotency_key) in (select * from unnest(?::text[], ?::text[]))`,
    [keys.map(({ scope }) => scope), keys.map(({ key }) => key)],
  );
  return rows;
}
