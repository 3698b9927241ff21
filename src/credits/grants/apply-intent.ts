import { intentKey, lotIdOf, lotIdsOf, type IntentRow } from '../../books/money-in.table.js';
import { REFUND_GRACE_DAYS } from '../../kit/limits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { Ledger } from '../../ledger/ledger.js';
import { withRequest } from '../../ledger/request-fact.js';
import type { RefundPart } from '../../ledger/return-commands.js';

/** The result of an applied request. `lotId` and `remaining` describe the lot it opened; null when it opened none. */
export type AppliedMoney = {
  readonly lotId: number | null;
  readonly remaining: Micros | null;
  readonly expiresAtMs: number | null;
  readonly previous: Micros;
  readonly available: Micros;
  readonly debtPaid: Micros;
};

export type RefusedMoney =
  | { readonly reason: 'insufficient_credits'; readonly available: Micros }
  | { readonly reason: 'too_many_lots' | 'balance_limit' | 'account_frozen' | 'lot_not_found' | 'not_captured' };

export type AppliedIntentReply =
  | ({ readonly status: 'applied'; readonly replayed: boolean } & AppliedMoney)
  | ({ readonly status: 'refused' } & RefusedMoney)
  /** Cannot be applied now, and must not be refused: the other half of it has happened, or is counted on. */
  | { readonly status: 'waiting' };

/** Applies an intent in the ledger, under the permanent key of the intent. */
export async function applyIntent(ledger: Ledger, intent: IntentRow): Promise<AppliedIntentReply> {
  switch (intent.kind) {
    case 'grant': return grant(ledger, intent, 'grant');
    case 'set': return set(ledger, intent);
    case 'remove':
    case 'transfer_out': return remove(ledger, intent, intent.kind);
    case 'adjust': return intent.amount > 0 ? grant(ledger, intent, 'adjust') : remove(ledger, intent, 'adjust');
    case 'revoke': return revoke(ledger, intent);
    case 'refund': return refund(ledger, intent);
    case 'transfer_in': return receive(ledger, intent);
  }
}

const lotOf = (intent: IntentRow) => ({
  accountId: intent.accountId,
  lotId: lotIdOf(intent.intentId),
  amount: intent.amount,
  expiresAtMs: intent.expiresAtMs,
  key: intentKey(intent.intentId),
  about: aboutOf(intent),
});

/** The entry tells the whole request: a Postgres that has gone back in time gets it back from the journal. */
const aboutOf = ({
  about, kind, amount, expiresAtMs, revokedLotId, parts, refundOf, graceMs, rule, scope, key, fingerprint,
}: IntentRow): string =>
  withRequest(about, { kind, amount, expiresAtMs, revokedLotId, parts, refundOf, graceMs, rule, scope, key, fingerprint });

async function grant(ledger: Ledger, intent: IntentRow, kind: 'grant' | 'adjust'): Promise<AppliedIntentReply> {
  const reply = await ledger.grantLot({ ...lotOf(intent), kind, rule: intent.rule });
  switch (reply.status) {
    case 'granted':
      return {
        status: 'applied', replayed: reply.replayed, lotId: intent.intentId, remaining: reply.remaining,
        expiresAtMs: intent.expiresAtMs, previous: reply.previous, available: reply.available, debtPaid: reply.debtPaid,
      };
    case 'too_many_lots':
    case 'balance_limit':
    case 'account_frozen':
      return { status: 'refused', reason: reply.status };
  }
}

async function set(ledger: Ledger, intent: IntentRow): Promise<AppliedIntentReply> {
  const reply = await ledger.setBalance(lotOf(intent));
  switch (reply.status) {
    case 'set':
      return {
        status: 'applied', replayed: reply.replayed, lotId: intent.intentId, remaining: intent.amount,
        expiresAtMs: intent.expiresAtMs, previous: reply.previous, available: reply.available, debtPaid: micros(0),
      };
    case 'balance_limit':
    case 'account_frozen':
      return { status: 'refused', reason: reply.status };
  }
}

async function remove(ledger: Ledger, intent: IntentRow, kind: 'remove' | 'adjust' | 'transfer_out'): Promise<AppliedIntentReply> {
  const reply = await ledger.remove({
    accountId: intent.accountId,
    amount: micros(Math.abs(intent.amount)),
    key: intentKey(intent.intentId),
    kind,
    about: aboutOf(intent),
  });
  switch (reply.status) {
    case 'removed':
      return {
        status: 'applied', replayed: reply.replayed, lotId: null, remaining: null, expiresAtMs: null,
        previous: reply.previous, available: reply.available, debtPaid: micros(0),
      };
    case 'insufficient_credits':
      return { status: 'refused', reason: 'insufficient_credits', available: reply.available };
    case 'account_frozen':
      return { status: 'refused', reason: reply.status };
  }
}

async function revoke(ledger: Ledger, intent: IntentRow): Promise<AppliedIntentReply> {
  const { intentId, accountId, revokedLotId } = intent;
  if (revokedLotId === null) throw new Error(`intent ${intentId} revokes no lot`);
  const reply = await ledger.revokeLot({ accountId, lotId: revokedLotId, key: intentKey(intentId), about: aboutOf(intent) });
  switch (reply.status) {
    case 'revoked':
      return {
        status: 'applied', replayed: reply.replayed, lotId: null, remaining: null, expiresAtMs: null,
        previous: reply.previous, available: reply.available, debtPaid: micros(0),
      };
    case 'lot_not_found':
    case 'account_frozen':
      return { status: 'refused', reason: reply.status };
  }
}

const DAY_MS = 86_400_000;

/** The lots of a transfer as an intent keeps them. */
export type MovedLot = { readonly amount: Micros; readonly expiresAtMs: number | null; readonly rule?: string };

/** What a refund's intent keeps of it. */
export type RefundTerms = { readonly holdId: string; readonly parts: readonly RefundPart[] };

/**
 * Never refused for a frozen account: the amount counts against what was captured, and an attempt that was refused might
 * race with one that is applied. It waits for the thaw.
 */
async function refund(ledger: Ledger, intent: IntentRow): Promise<AppliedIntentReply> {
  const { holdId, parts } = JSON.parse(intent.parts ?? '') as RefundTerms;
  const { lotId, ...request } = lotOf(intent);
  const reply = await ledger.refund({ ...request, lotId, parts, graceMs: intent.graceMs, debtGraceMs: REFUND_GRACE_DAYS * DAY_MS, holdId });
  switch (reply.status) {
    case 'refunded':
      return {
        status: 'applied', replayed: reply.replayed, lotId: null, remaining: null, expiresAtMs: null,
        previous: reply.previous, available: reply.available, debtPaid: reply.debtPaid,
      };
    case 'not_captured':
      return { status: 'refused', reason: reply.status };
    case 'account_frozen':
      return { status: 'waiting' };
  }
}

/** The credits have left the other account, so this is never refused: it waits until the account can receive them. */
async function receive(ledger: Ledger, intent: IntentRow): Promise<AppliedIntentReply> {
  const moved = JSON.parse(intent.parts ?? '') as readonly MovedLot[];
  const ids = lotIdsOf(intent.intentId, moved.length);
  const { accountId, key, about } = lotOf(intent);
  const reply = await ledger.receiveLots({ accountId, key, about, lots: moved.map((lot, index) => ({ ...lot, lotId: ids[index] ?? '' })) });
  switch (reply.status) {
    case 'received':
      return {
        status: 'applied', replayed: reply.replayed, lotId: null, remaining: null, expiresAtMs: null,
        previous: reply.previous, available: reply.available, debtPaid: reply.debtPaid,
      };
    case 'too_many_lots':
    case 'balance_limit':
    case 'account_frozen':
      return { status: 'waiting' };
  }
}
