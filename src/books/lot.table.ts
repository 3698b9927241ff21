import type { Micros } from '../kit/money/micros.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { prepared } from '../stores/postgres/prepared.js';
import { fromMs, unnestSource } from '../stores/postgres/unnest.js';

export type NewLot = {
  readonly accountId: string;
  readonly lotId: string;
  readonly amount: Micros;
  readonly remaining: Micros;
  readonly held: Micros;
  readonly grantedAtMs: number;
  readonly expiresAtMs: number | null;
  readonly openedSeq: number;
  readonly kind: string;
  readonly source: string | null;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly notes: string | null;
  readonly changedAtMs: number;
  /** '' for none (ledger/lot-rule.ts). */
  readonly rule: string;
};

/** Changes of a batch to a lot that Postgres has, as deltas. */
export type LotDelta = {
  readonly accountId: string;
  readonly lotId: string;
  readonly remaining: Micros;
  readonly held: Micros;
  readonly changedAtMs: number;
  /** When it was revoked, which then becomes its expiry; null: its expiry stays. */
  readonly revokedAtMs: number | null;
};

const newSource = unnestSource<NewLot>('l', {
  account_id: ['text', (lot) => lot.accountId],
  lot_id: ['text', (lot) => lot.lotId],
  amount: ['bigint', (lot) => lot.amount],
  remaining: ['bigint', (lot) => lot.remaining],
  held: ['bigint', (lot) => lot.held],
  granted_at_ms: ['double precision', (lot) => lot.grantedAtMs],
  expires_at_ms: ['double precision', (lot) => lot.expiresAtMs],
  opened_seq: ['bigint', (lot) => lot.openedSeq],
  kind: ['text', (lot) => lot.kind],
  source: ['text', (lot) => lot.source],
  actor: ['text', (lot) => lot.actor],
  reason: ['text', (lot) => lot.reason],
  notes: ['text', (lot) => lot.notes],
  changed_at_ms: ['double precision', (lot) => lot.changedAtMs],
  rule: ['text', (lot) => lot.rule],
});

export async function insertLots(trx: Trx, lots: readonly NewLot[]): Promise<void> {
  if (lots.length === 0) return;
  await trx.raw(
    `insert into lots (account_id, lot_id, amount, remaining, held, granted_at, expires_at, opened_seq, kind, source,
                       actor, reason, notes, rule, closed_at)
     select account_id, lot_id, amount, remaining, held, ${fromMs('granted_at_ms')}, ${fromMs('expires_at_ms')}, opened_seq,
            kind, source, actor, reason, notes, rule, case when remaining = 0 and held = 0 then ${fromMs('changed_at_ms')} end
       from ${newSource.sql}`,
    newSource.bind(lots),
  );
}

const deltaSource = unnestSource<LotDelta>('d', {
  account_id: ['text', (lot) => lot.accountId],
  lot_id: ['text', (lot) => lot.lotId],
  remaining: ['bigint', (lot) => lot.remaining],
  held: ['bigint', (lot) => lot.held],
  changed_at_ms: ['double precision', (lot) => lot.changedAtMs],
  revoked_at_ms: ['double precision', (lot) => lot.revokedAtMs],
});

/** Changes lots that Postgres has. False: at least one does not exist. */
export async function changeLots(trx: Trx, deltas: readonly LotDelta[]): Promise<boolean> {
  if (deltas.length === 0) return true;
  const { rowCount } = await prepared<{ rowCount: number }>(trx,
    `update lots set
       remaining = lots.remaining + d.remaining,
       held = lots.held + d.held,
       expires_at = coalesce(${fromMs('d.revoked_at_ms')}, lots.expires_at),
       closed_at = case when lots.remaining + d.remaining = 0 and lots.held + d.held = 0 then ${fromMs('d.changed_at_ms')} end
     from ${deltaSource.sql}
     where lots.account_id = d.account_id and lots.lot_id = d.lot_id`,
    deltaSource.bind(deltas),
  );
  return rowCount === deltas.length;
}

/** SQL: lots with credits of accounts that are not frozen, which ended by `:dueBeforeMs`, longest overdue first. */
export const OVERDUE_LOTS = `from lots where remaining > 0 and expires_at <= to_timestamp(:dueBeforeMs::double precision / 1000)
  and not exists (select from accounts a where a.account_id = lots.account_id and a.frozen) order by expires_at`;

/** Accounts with a lot that has credits left and ended before `dueBeforeMs`. Frozen accounts are left out until they are thawed. */
export async function overdueLotAccounts(db: Db, dueBeforeMs: number, limit: number): Promise<string[]> {
  const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
    `select distinct account_id as "accountId" from (
       select account_id ${OVERDUE_LOTS} limit :limit) as due`,
    { dueBeforeMs, limit },
  );
  return rows.map(({ accountId }) => accountId);
}
