import { insertIntent, readIntentOfKey, type IntentRow } from '../../books/money-in.table.js';
import { toParts } from '../../books/load-account.js';
import type { Freshen } from '../../journal/freshen.js';
import type { CallerKey } from '../../kit/caller.js';
import { accountFrozen, GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import { creditsText } from '../../kit/money/credits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { RefundPart } from '../../ledger/return-commands.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { setOwned } from '../users/provisional.table.js';
import type { RefundTerms } from '../grants/apply-intent.js';
import { keyReused, perform, refuseOutage, repeatIntent, type MoneyInResult } from '../grants/money-in.js';
import { idempotencyOf, refusalOf } from '../grants/money-request.js';
import { findCaptured, type Captured, type RefundOf } from './find-captured.js';
import { planRefund, type CapturedPart } from './plan-refund.js';
import { lockRefunds, readLotFacts, sumRefunds } from './refund.table.js';

export type RefundDeps = {
  /** With the API's timeouts. */
  readonly db: Db;
  readonly ledger: Ledger;
  readonly freshen: Pick<Freshen, 'account'>;
};

export type RefundCommand = {
  readonly accountId: string;
  readonly of: RefundOf;
  /** Above zero; null: all that is left. */
  readonly amount: Micros | null;
  /** How long credits live whose lot has ended, in ms; null: they expire at once. */
  readonly graceMs: number | null;
  readonly reason: string;
  readonly actor: string;
  /** Who asks: `of.charge` is a key of the same caller. */
  readonly caller: string;
  /** The caller's name for this request; null: every request is another refund. */
  readonly key: CallerKey | null;
};

/** `left`: how much of the captured thing can still be refunded after this one. */
export type Refunded = {
  readonly id: number; readonly accountId: string; readonly amount: Micros; readonly left: Micros; readonly replayed: boolean;
} & (
  | { readonly status: 'refunded'; readonly debtPaid: Micros; readonly expired: Micros; readonly available: Micros }
  /** In Postgres, and applied once, as soon as Redis answers and the account is not frozen. */
  | { readonly status: 'pending' }
);

/** What the intent of a refund keeps. `left` is part of the answer, so that a repeat gets the same one. */
type Terms = RefundTerms & { readonly left: Micros };

/**
 * Gives back what a hold or a charge captured, in whole or in part, never more than was captured in all. Refunds of one account wait
 * for each other in Postgres, where each sees the sum of those before it; so neither concurrent requests nor a Redis that
 * lost its data can refund more. The intent of the refund is in Postgres before it is acknowledged (I6).
 *
 * @throws GatewayError hold_not_found, not_found, not_refundable (nothing or too little is left, or the hold is open),
 *   account_frozen, idempotency_mismatch, ledger_unavailable (nothing happened).
 */
export async function refundCredits(deps: RefundDeps, command: RefundCommand): Promise<Refunded> {
  const { accountId, of, amount, graceMs, reason, key } = command;
  const idempotency = idempotencyOf('refund', key);
  const asked = fingerprint('refund', accountId, JSON.stringify(of), amount, graceMs, reason);
  const known = idempotency === null ? null : await readIntentOfKey(deps.db, idempotency).catch(refuseOutage);
  if (known !== null) return repeat(deps, known, accountId, asked);

  const { row, isNew } = await insertRefund(deps, command, asked).catch(async (error: unknown) => {
    // Another try of this request may have gone in meanwhile, and be what leaves nothing to refund.
    const own = idempotency === null ? null : await readIntentOfKey(deps.db, idempotency).catch(refuseOutage);
    if (own === null) throw error;
    return { row: own, isNew: false };
  });
  return isNew ? answer(await perform(deps, row, false), row, false) : repeat(deps, row, accountId, asked);
}

/** Records the intent, if there is as much to refund. */
async function insertRefund(deps: RefundDeps, command: RefundCommand, asked: string): ReturnType<typeof insertIntent> {
  const { accountId, of, amount, graceMs, reason, key } = command;
  const isFresh = await prepare(deps, accountId);
  return deps.db.transaction(async (trx) => {
    await lockRefunds(trx, accountId);
    const captured = await findCaptured(trx, accountId, of, command.caller);
    if (captured === null) throw isFresh ? notFound(of) : notInBooks();
    const terms = await plan(trx, accountId, captured, amount);
    // What was charged was spent by the account's own owner, who no longer can be found by a name only.
    await setOwned(trx, accountId);
    return insertIntent(trx, {
      accountId, kind: 'refund', amount: terms.amount, expiresAtMs: null, idempotency: idempotencyOf('refund', key), fingerprint: asked,
      graceMs,
      refundOf: captured.name, parts: JSON.stringify({ holdId: captured.holdId, parts: terms.parts, left: terms.left } satisfies Terms),
      about: writeFacts({ type: 'change', source: 'refund', actor: command.actor, reason, of: captured.name }),
    });
  }).catch(refuseOutage);
}

/**
 * Brings the books up to date, because what is refunded may have been captured a moment ago. False: Redis is away, and the
 * books may lack the last entries. Throws account_frozen.
 */
async function prepare({ ledger, freshen }: RefundDeps, accountId: string): Promise<boolean> {
  try {
    if ((await ledger.readFunds(accountId)).frozen) throw accountFrozen();
    await freshen.account(accountId);
    return true;
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'ledger_unavailable') return false;
    throw error;
  }
}

type Planned = { readonly amount: Micros; readonly left: Micros; readonly parts: readonly RefundPart[] };

async function plan(trx: Trx, accountId: string, captured: Captured, amount: Micros | null): Promise<Planned> {
  const refunded = await sumRefunds(trx, accountId, captured.name);
  const planned = planRefund({ entries: captured.entries, holdParts: toParts(captured.holdParts), refunded, amount });
  if (planned.status === 'exceeds') throw notRefundable(planned.left);
  const total = captured.entries.reduce((sum, entry) => sum + entry.captured, 0);
  return {
    amount: planned.amount, left: micros(total - refunded - planned.amount), parts: await withFacts(trx, accountId, planned.parts),
  };
}

async function withFacts(trx: Trx, accountId: string, parts: readonly CapturedPart[]): Promise<RefundPart[]> {
  const facts = await readLotFacts(trx, accountId, parts.flatMap(({ lotId }) => (lotId === null ? [] : [lotId])));
  return parts.map(({ lotId, amount }) => {
    if (lotId === null) return { lotId, amount };
    const lot = facts.get(lotId);
    if (lot === undefined) throw new Error(`lot ${lotId} of ${accountId} was spent, and is not in the books`);
    return { ...lot, amount };
  });
}

async function repeat(deps: RefundDeps, row: IntentRow, accountId: string, asked: string): Promise<Refunded> {
  if (row.kind !== 'refund' || row.accountId !== accountId || row.fingerprint !== asked) throw keyReused();
  return answer(await repeatIntent(deps, row), row, true);
}

function answer(result: MoneyInResult, row: IntentRow, replayed: boolean): Refunded {
  const { left } = JSON.parse(row.parts ?? '') as Terms;
  const common = { id: row.intentId, accountId: row.accountId, amount: row.amount, left, replayed };
  switch (result.status) {
    case 'applied': {
      const { debtPaid, previous, available } = result;
      return { ...common, status: 'refunded', debtPaid, available, expired: micros(row.amount - debtPaid - (available - previous)) };
    }
    case 'pending':
      return { ...common, status: 'pending' };
    case 'refused':
      throw refusalOf(result.reason);
  }
}

function notRefundable(left: Micros): GatewayError {
  return new GatewayError(
    'not_refundable', left === 0 ? 'nothing of it is left to refund' : `only ${creditsText(left)} credits of it are left to refund`,
  );
}

const notFound = (of: RefundOf): GatewayError => ('hold' in of
  ? new GatewayError('hold_not_found', 'the account has no such hold')
  : new GatewayError('not_found', 'the account has no such charge'));

const notInBooks = (): GatewayError => new GatewayError(
  'ledger_unavailable', 'what is to be refunded may not be in the ledger database yet; retry shortly', { outcome: 'not_executed' },
);
