import { intentKey, lotIdOf, type IntentRow } from '../../books/money-in.table.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { Ledger } from '../../ledger/ledger.js';

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
  | { readonly reason: 'too_many_lots' | 'balance_limit' | 'account_frozen' | 'lot_not_found' };

export type AppliedIntentReply =
  | ({ readonly status: 'applied'; readonly replayed: boolean } & AppliedMoney)
  | ({ readonly status: 'refused' } & RefusedMoney);

/** Applies an intent in the ledger, under the permanent key of the intent. */
export async function applyIntent(ledger: Ledger, intent: IntentRow): Promise<AppliedIntentReply> {
  switch (intent.kind) {
    case 'grant': return grant(ledger, intent, 'grant');
    case 'set': return set(ledger, intent);
    case 'remove': return remove(ledger, intent, 'remove');
    case 'adjust': return intent.amount > 0 ? grant(ledger, intent, 'adjust') : remove(ledger, intent, 'adjust');
    case 'revoke': return revoke(ledger, intent);
  }
}

const lotOf = (intent: IntentRow) => ({
  accountId: intent.accountId,
  lotId: lotIdOf(intent.intentId),
  amount: intent.amount,
  expiresAtMs: intent.expiresAtMs,
  key: intentKey(intent.intentId),
  about: intent.about,
});

async function grant(ledger: Ledger, intent: IntentRow, kind: 'grant' | 'adjust'): Promise<AppliedIntentReply> {
  const reply = await ledger.grantLot({ ...lotOf(intent), kind });
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

async function remove(ledger: Ledger, intent: IntentRow, kind: 'remove' | 'adjust'): Promise<AppliedIntentReply> {
  const reply = await ledger.remove({
    accountId: intent.accountId,
    amount: micros(Math.abs(intent.amount)),
    key: intentKey(intent.intentId),
    kind,
    about: intent.about,
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

async function revoke(ledger: Ledger, { intentId, accountId, revokedLotId, about }: IntentRow): Promise<AppliedIntentReply> {
  if (revokedLotId === null) throw new Error(`intent ${intentId} revokes no lot`);
  const reply = await ledger.revokeLot({ accountId, lotId: revokedLotId, key: intentKey(intentId), about });
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
