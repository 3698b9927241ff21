import type { Clock } from '../kit/clock.js';
import { DEDUCTION_TTL_SECONDS, EXPIRED_HOLD_TTL_SECONDS, MONEY_IN_RECEIPT_TTL_SECONDS, RECEIPT_TTL_SECONDS } from '../kit/limits.js';
import { micros, microsFromText, ZERO, type Micros } from '../kit/money/micros.js';
import type {
  AccountImage, AccountSource, DeductionImage, EndedHoldImage, HoldPart, OpenHoldImage, ReceiptImage,
} from '../ledger/account-image.js';
import type { Lot } from '../ledger/account-snapshot.js';
import { readFacts } from '../ledger/facts.js';
import { BALANCES, figuresOf, TOTALS, type AmountName } from '../ledger/figures.js';
import type { ExpiryPolicy } from '../ledger/ledger.js';
import type { LimitCount } from '../ledger/limits.js';
import type { Db } from '../stores/postgres/connect.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import { breaker } from '../stores/redis/breaker.js';
import {
  readEndedHolds, readImages, type DeductionColumns, type HoldColumns, type ImageRow, type ImageWindow, type LimitCountColumns,
  type LotColumns, type ReceiptColumns,
} from './account-image.table.js';
import { toLimit } from './account-limit.table.js';
import { toTermsOfAccount } from './account-terms.table.js';
import { earlierCharges } from './earlier-charges.js';
import { recallHolds } from './recall-hold.js';

/** `clock`: the time by which Redis stamps entries, so that receipts expire here when they would in Redis. */
export type LoadAccountDeps = { readonly db: Db; readonly clock: Clock };

const WINDOW: ImageWindow = {
  receiptSeconds: RECEIPT_TTL_SECONDS,
  moneyInSeconds: MONEY_IN_RECEIPT_TTL_SECONDS,
  expiredHoldSeconds: EXPIRED_HOLD_TTL_SECONDS,
  deductionSeconds: DEDUCTION_TTL_SECONDS,
};

/**
 * Loads accounts from Postgres. Before the load the caller must have drained the account's entries from the journal, or
 * have moved the shard to a new epoch: an image older than the stream would restore spent credits.
 */
export function accountSource({ db, clock }: LoadAccountDeps): AccountSource {
  const recall = recallHolds({ readEndedHolds: (names) => readEndedHolds(db, names), gate: breaker() });
  return {
    loadCharge: earlierCharges({ db, clock }),
    loadAccount: (accountId) => asked(async () => {
      const [image] = await loadImages({ db, clock }, [accountId]);
      if (image === undefined) throw new Error('the image of an account is always one row');
      return image;
    }),
    loadEndedHold: (accountId, holdId) => asked(async () => {
      const [hold = null] = await readEndedHolds(db, [{ accountId, holdId }]);
      return hold === null ? null : toEndedHold(hold);
    }),
    recallEndedHold: async (accountId, holdId) => {
      const [hold = null] = await recall([{ accountId, holdId }]);
      return hold === null ? null : toEndedHold(hold);
    },
    recallEndedHolds: async (names) => (await recall(names)).map((hold) => (hold === null ? null : toEndedHold(hold))),
  };
}

/** Loads some accounts at once, in the order of their ids, which are all different. @throws what Postgres throws. */
export async function loadImages({ db, clock }: LoadAccountDeps, accountIds: readonly string[]): Promise<AccountImage[]> {
  const nowMs = clock();
  return (await readImages(db, accountIds, nowMs, WINDOW)).map((row) => toImage(row, nowMs));
}

async function asked<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw toGatewayError(error);
  }
}

function toImage(
  { account, lots, open_holds, ended_holds, receipts, deductions, limits, limit_counts, terms }: ImageRow, nowMs: number,
): AccountImage {
  const amount = (name: AmountName): Micros => micros(account?.[name] ?? ZERO);
  return {
    seq: account?.seq ?? 0,
    ...figuresOf(BALANCES, amount),
    totals: figuresOf(TOTALS, amount),
    frozen: account?.frozen ?? false,
    lots: (lots ?? []).map(toLot),
    openHolds: (open_holds ?? []).map(toOpenHold),
    endedHolds: (ended_holds ?? []).map(toEndedHold),
    receipts: (receipts ?? []).map(toReceipt),
    deductions: toDeductions(deductions ?? []),
    limits: limits === null ? null : { version: limits.version, limits: (limits.limits ?? []).map(toLimit), readAtMs: nowMs },
    limitCounts: (limit_counts ?? []).map(toCount),
    terms: terms === null ? null : toTermsOfAccount(terms),
  };
}

const toLot = (row: LotColumns): Lot => ({
  lotId: row.lot_id,
  amount: micros(row.amount),
  remaining: micros(row.remaining),
  held: micros(row.held),
  grantedAtMs: row.granted_at_ms,
  expiresAtMs: row.expires_at_ms,
  rule: row.rule,
});

const toOpenHold = (row: HoldColumns): OpenHoldImage => ({
  holdId: row.hold_id,
  kind: row.kind,
  seq: row.placed_seq,
  amount: micros(row.amount),
  parts: toParts(row.parts),
  expiresAtMs: row.expires_at_ms,
  placedAtMs: row.placed_at_ms,
  placedAmount: micros(row.placed_amount),
  placedExpiresAtMs: row.placed_expires_at_ms,
  placedAvailable: micros(row.placed_available),
  policy: row.policy as ExpiryPolicy,
  price: row.price,
  fingerprint: row.fingerprint,
  about: row.about,
  placedBy: row.placed_by,
  limitParts: row.limit_parts,
  spentOn: row.spent_on,
  spending: row.spending,
  terms: toTerms(row),
  reported: micros(row.reported),
  reportedUsage: row.reported_usage,
  reportedAtMs: row.reported_at_ms,
});

const toCount = (row: LimitCountColumns): LimitCount => ({
  counter: row.counter, spender: row.spender, fromMs: row.from_ms, endsAtMs: row.ends_at_ms, used: micros(row.used), open: row.open,
  crossed: row.crossed,
});

const toTerms = ({ over_capture, debt_limit, input_cost, lease_ms }: HoldColumns): OpenHoldImage['terms'] =>
  (over_capture === null ? null : {
    overCapture: over_capture, debtLimit: debt_limit === null ? null : micros(debt_limit), inputCost: micros(input_cost ?? ZERO),
    leaseMs: lease_ms ?? 0,
  });

/** `lot:amount,lot:amount` */
export function toParts(text: string): HoldPart[] {
  if (text === '') return [];
  return text.split(',').map((part) => {
    const [lotId = '', amount = ''] = part.split(':');
    return { lotId, amount: microsFromText(amount) };
  });
}

function toEndedHold(row: HoldColumns): EndedHoldImage {
  if (row.state === 'open') throw new RangeError(`hold ${row.hold_id} is open`);
  return {
    holdId: row.hold_id,
    kind: row.kind,
    placedSeq: row.placed_seq,
    placedAvailable: micros(row.placed_available),
    fingerprint: row.fingerprint,
    endFingerprint: row.end_fingerprint ?? '',
    about: row.about,
    price: row.price,
    expiresAtMs: row.expires_at_ms,
    placedBy: row.placed_by,
    limitParts: row.limit_parts,
    spending: row.spending,
    spentOn: row.spent_on,
    closedAtMs: row.closed_at_ms ?? 0,
    policy: row.policy as ExpiryPolicy,
    terms: toTerms(row),
    reported: micros(row.reported),
    reportedUsage: row.reported_usage,
    spent: row.spent,
    outcome: {
      state: row.state,
      seq: row.ended_seq ?? 0,
      amount: micros(row.amount),
      captured: micros(row.captured),
      released: micros(row.released),
      expired: micros(row.expired),
      overage: micros(row.overage),
      debt: micros(row.debt),
      uncollected: micros(row.uncollected),
      available: micros(row.available_after ?? 0),
      endedAtMs: row.ended_at_ms ?? 0,
      placedAtMs: row.placed_at_ms,
      late: row.late,
      about: row.end_about ?? '',
    },
  };
}

/** The deductions among these entries that none of them claims. */
function toDeductions(entries: readonly DeductionColumns[]): DeductionImage[] {
  const told = entries.map((entry) => ({ ...entry, facts: readFacts(entry.about) }));
  const claimed = new Set(told.map(({ kind, facts }) => (kind === 'attribute' ? facts.deduction?.seq : undefined)));
  return told.filter(({ kind, facts, seq }) => kind === 'charge' && facts.type === 'deduction' && !claimed.has(seq))
    .map(({ seq, at_ms: atMs, amount }) => ({ seq, atMs, amount: micros(amount) }));
}

const toReceipt = (row: ReceiptColumns): ReceiptImage => ({
  key: row.key,
  kind: row.kind,
  fingerprint: row.fingerprint,
  seq: row.seq,
  atMs: row.at_ms,
  available: micros(row.available),
  debt: micros(row.debt),
  availableAfter: micros(row.available_after),
  uncollected: micros(row.uncollected),
});
