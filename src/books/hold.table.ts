import type { Micros } from '../kit/money/micros.js';
import type { OverCapture, Principal } from '../ledger/ledger.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { copyInto } from '../stores/postgres/copy.js';
import { prepared } from '../stores/postgres/prepared.js';
import { fromMs, toMs, unnestSource, type Columns } from '../stores/postgres/unnest.js';

export type HoldState = 'open' | 'settled' | 'voided' | 'expired';

/** A hold, from its placing to its end. The fields about the end are null or 0 while it is open. */
export type HoldRow = {
  readonly accountId: string;
  readonly holdId: string;
  readonly placedSeq: number;
  /** What it is for, in the word of the use case that placed it; '' when that said none. */
  readonly kind: string;
  readonly state: HoldState;
  readonly amount: Micros;
  /** `lot:amount,lot:amount` in the order in which they were taken. */
  readonly parts: string;
  readonly policy: string;
  readonly price: string;
  readonly fingerprint: string;
  readonly about: string;
  readonly placedAvailable: Micros;
  readonly placedAtMs: number;
  /** What its place was answered, whatever `amount` and `expiresAtMs` have become. */
  readonly placedAmount: Micros;
  readonly placedExpiresAtMs: number;
  readonly expiresAtMs: number;
  readonly placedBy: Principal;
  /** What it counts in which windows of limits, `counter:from:spender/credits,…` in the order in which it was taken. */
  readonly limitParts: string;
  /** What it is for, `model;feature` as in rules of lots (ledger/lot-rule.ts); '' for neither. */
  readonly spentOn: string;
  /** By what limits match it as long as it is open (ledger/entry.ts); '' for a hold of the version before. */
  readonly spending: string;
  /** The terms that it was placed with; null when it has none of its own. */
  readonly overCapture: OverCapture | null;
  readonly debtLimit: Micros | null;
  readonly inputCost: Micros | null;
  readonly leaseMs: number | null;
  /** What its usage so far was last reported to cost, that usage as text, and when; null: never. */
  readonly reported: Micros;
  readonly reportedUsage: string;
  readonly reportedAtMs: number | null;
  /** What an expiry by report took from lots; otherwise ''. */
  readonly spent: string;
  readonly captured: Micros;
  readonly released: Micros;
  readonly expired: Micros;
  readonly overage: Micros;
  readonly debt: Micros;
  readonly uncollected: Micros;
  readonly late: boolean;
  readonly availableAfter: Micros | null;
  readonly endFingerprint: string | null;
  readonly endAbout: string | null;
  readonly endedAtMs: number | null;
  readonly endedSeq: number | null;
  /** When it ended or was settled late. After a correction `endedAtMs` and `endedSeq` are those of the correction. */
  readonly closedAtMs: number | null;
};

const key: Columns<HoldRow> = {
  account_id: ['text', (hold) => hold.accountId],
  hold_id: ['text', (hold) => hold.holdId],
  placed_seq: ['bigint', (hold) => hold.placedSeq],
};
/** Fixed when the hold is placed. */
const placed: Columns<HoldRow> = {
  kind: ['text', (hold) => hold.kind],
  policy: ['text', (hold) => hold.policy],
  price: ['text', (hold) => hold.price],
  fingerprint: ['text', (hold) => hold.fingerprint],
  about: ['text', (hold) => hold.about],
  placed_available: ['bigint', (hold) => hold.placedAvailable],
  placed_at_ms: ['double precision', (hold) => hold.placedAtMs],
  placed_amount: ['bigint', (hold) => hold.placedAmount],
  placed_expires_at_ms: ['double precision', (hold) => hold.placedExpiresAtMs],
  placed_by: ['text', (hold) => hold.placedBy],
  over_capture: ['text', (hold) => hold.overCapture],
  debt_limit: ['bigint', (hold) => hold.debtLimit],
  input_cost: ['bigint', (hold) => hold.inputCost],
  lease_milliseconds: ['bigint', (hold) => hold.leaseMs],
  spent_on: ['text', (hold) => hold.spentOn],
  spending: ['text', (hold) => hold.spending],
};
const changing: Columns<HoldRow> = {
  amount: ['bigint', (hold) => hold.amount],
  parts: ['text', (hold) => hold.parts],
  limit_parts: ['text', (hold) => hold.limitParts],
  expires_at_ms: ['double precision', (hold) => hold.expiresAtMs],
  reported: ['bigint', (hold) => hold.reported],
  reported_usage: ['text', (hold) => hold.reportedUsage],
  reported_at_ms: ['double precision', (hold) => hold.reportedAtMs],
  spent: ['text', (hold) => hold.spent],
  state: ['text', (hold) => hold.state],
  captured: ['bigint', (hold) => hold.captured],
  released: ['bigint', (hold) => hold.released],
  expired: ['bigint', (hold) => hold.expired],
  overage: ['bigint', (hold) => hold.overage],
  debt: ['bigint', (hold) => hold.debt],
  uncollected: ['bigint', (hold) => hold.uncollected],
  late: ['boolean', (hold) => hold.late],
  available_after: ['bigint', (hold) => hold.availableAfter],
  end_fingerprint: ['text', (hold) => hold.endFingerprint],
  end_about: ['text', (hold) => hold.endAbout],
  ended_at_ms: ['double precision', (hold) => hold.endedAtMs],
  ended_seq: ['bigint', (hold) => hold.endedSeq],
  closed_at_ms: ['double precision', (hold) => hold.closedAtMs],
};
const changeSource = unnestSource<HoldRow>('h', { ...key, ...changing });

const column = (name: string): string => name.replace(/_ms$/, '');
const value = (name: string): string => (name.endsWith('_ms') ? fromMs(`h.${name}`) : `h.${name}`);
const CHANGES = Object.keys(changing).map((name) => `${column(name)} = ${value(name)}`).join(', ');

const whole = { ...key, ...placed, ...changing };
export const insertHolds = copyInto<HoldRow>('holds', whole, Object.keys(whole).filter((name) => name.endsWith('_ms')));

/** Writes what was extended, reported or ended. */
export async function changeHolds(trx: Trx, holds: readonly HoldRow[]): Promise<void> {
  if (holds.length === 0) return;
  await prepared(trx,
    `update holds set ${CHANGES} from ${changeSource.sql}
      where holds.account_id = h.account_id and holds.hold_id = h.hold_id and holds.placed_seq = h.placed_seq`,
    changeSource.bind(holds),
  );
}

type HoldName = { readonly accountId: string; readonly holdId: string };

const nameSource = unnestSource<HoldName>('n', {
  account_id: ['text', (name) => name.accountId],
  hold_id: ['text', (name) => name.holdId],
});

/** All columns of `holds as h`, as a row. */
export const HOLD_ROW = `h.account_id as "accountId", h.hold_id as "holdId", h.placed_seq as "placedSeq", h.kind, h.state,
            h.amount, h.parts,
            h.policy, h.price, h.fingerprint, h.about, h.placed_available as "placedAvailable", ${toMs('h.placed_at')} as "placedAtMs",
            coalesce(h.placed_amount, h.amount) as "placedAmount",
            ${toMs('coalesce(h.placed_expires_at, h.expires_at)')} as "placedExpiresAtMs",
            ${toMs('h.expires_at')} as "expiresAtMs", h.captured, h.released, h.expired, h.overage, h.debt, h.uncollected,
            h.late, h.available_after as "availableAfter", h.end_fingerprint as "endFingerprint", h.end_about as "endAbout",
            ${toMs('h.ended_at')} as "endedAtMs", h.ended_seq as "endedSeq",
            h.placed_by as "placedBy", h.over_capture as "overCapture", h.debt_limit as "debtLimit", h.input_cost as "inputCost",
            h.lease_milliseconds as "leaseMs", h.reported, h.reported_usage as "reportedUsage",
            ${toMs('h.reported_at')} as "reportedAtMs", h.spent, h.limit_parts as "limitParts", h.spent_on as "spentOn", h.spending,
            ${toMs('coalesce(h.closed_at, h.ended_at)')} as "closedAtMs"`;

/** The last hold of each name; names without a hold are left out. */
export async function readLastHolds(trx: Db, names: readonly HoldName[]): Promise<HoldRow[]> {
  if (names.length === 0) return [];
  const { rows } = await prepared<{ rows: HoldRow[] }>(trx,
    `select ${HOLD_ROW}
       from ${nameSource.sql}
      cross join lateral (
        select * from holds where account_id = n.account_id and hold_id = n.hold_id order by placed_seq desc limit 1) as h`,
    nameSource.bind(names),
  );
  return rows;
}

/** SQL: open holds of accounts that are not frozen, whose lease ended by `:dueBeforeMs`, longest overdue first. */
export const OVERDUE_HOLDS = `from holds where state = 'open' and expires_at <= to_timestamp(:dueBeforeMs::double precision / 1000)
  and not exists (select from accounts a where a.account_id = holds.account_id and a.frozen) order by expires_at`;

/** Open holds whose lease ended before `dueBeforeMs`, longest overdue first. Holds of frozen accounts are left out. */
export async function overdueHolds(db: Db, dueBeforeMs: number, limit: number): Promise<HoldName[]> {
  const { rows } = await db.raw<{ rows: HoldName[] }>(
    `select account_id as "accountId", hold_id as "holdId" ${OVERDUE_HOLDS} limit :limit`, { dueBeforeMs, limit },
  );
  return rows;
}

/** The same holds with all columns, for display. */
export async function readOverdueHolds(db: Db, dueBeforeMs: number, limit: number): Promise<HoldRow[]> {
  const { rows } = await db.raw<{ rows: HoldRow[] }>(
    `select ${HOLD_ROW} from holds as h
      where h.state = 'open' and h.expires_at <= to_timestamp(?::double precision / 1000)
        and not exists (select from accounts a where a.account_id = h.account_id and a.frozen)
      order by h.expires_at limit ?::integer`,
    [dueBeforeMs, limit],
  );
  return rows;
}

/** When the oldest open hold was placed, or null when none is open. */
export async function oldestOpenHoldAtMs(db: Db): Promise<number | null> {
  const { rows } = await db.raw<{
    rows: { placedAtMs: number | null }[];
  }>(`select ${toMs('min(placed_at)')} as "placedAtMs" from holds where state = 'open'`);
  return rows[0]?.placedAtMs ?? null;
}
