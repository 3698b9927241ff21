import { GatewayError } from '../../kit/errors.js';
import { chargeKeyText, KEYED_OPERATIONS } from '../../ledger/charge-key.js';
import { readFacts } from '../../ledger/facts.js';
import type { Trx } from '../../stores/postgres/connect.js';
import {
  readCaptures, readChargeOfKey, readRefundableEntry, readRefundableHold, type RefundableEntry, type RefundableHold,
} from './refund.table.js';

/** What a refund is of: a hold by its id, an entry by its number, or a charge by the caller's key, of this spender if one is named. */
export type RefundOf =
  | { readonly hold: string } | { readonly entry: number } | { readonly charge: string; readonly spender?: string | undefined };

/** Something that captured credits. */
export type Captured = {
  /** Unique within the account; all refunds of it have it. */
  readonly name: string;
  /** '' for a charge. */
  readonly holdId: string;
  /** `lot:amount,…` in the order in which they were taken; '' for a charge. */
  readonly holdParts: string;
  /** The entries that captured, oldest first. */
  readonly entries: readonly RefundableEntry[];
};

/**
 * Finds what a refund is of, as far as Postgres has the journal; null when there is no such thing.
 *
 * @throws GatewayError not_refundable: the hold is open, or the entry captures nothing.
 */
export async function findCaptured(trx: Trx, accountId: string, of: RefundOf, caller: string): Promise<Captured | null> {
  if ('hold' in of) return ofHold(trx, accountId, await readRefundableHold(trx, accountId, of.hold));
  if ('entry' in of) return ofEntry(trx, accountId, await readRefundableEntry(trx, accountId, of.entry));
  const keys = KEYED_OPERATIONS.map((operation) => chargeKeyText({ operation, caller, key: of.charge }));
  const charge = await readChargeOfKey(trx, accountId, keys);
  if (charge !== null && of.spender !== undefined && readFacts(charge.about).spending.spender !== of.spender) return null;
  return ofEntry(trx, accountId, charge);
}

async function ofHold(trx: Trx, accountId: string, hold: RefundableHold | null): Promise<Captured | null> {
  if (hold === null) return null;
  if (hold.endedSeq === null) throw notRefundable('the hold is open: settle it for what was used');
  // Both would give the same credits back.
  if (hold.isProvisional) throw notRefundable('its lease ended and its charge may still change: settle it for what was used');
  return {
    name: `hold:${hold.placedSeq}`, holdId: hold.holdId, holdParts: hold.parts, entries: await readCaptures(trx, accountId, hold),
  };
}

async function ofEntry(trx: Trx, accountId: string, entry: RefundableEntry | null): Promise<Captured | null> {
  if (entry === null) return null;
  if (entry.kind === 'charge') return { name: `entry:${entry.seq}`, holdId: '', holdParts: '', entries: [entry] };
  if (entry.kind === 'attribute') {
    const { deduction } = readFacts(entry.about);
    return deduction === null ? null : ofEntry(trx, accountId, await readRefundableEntry(trx, accountId, deduction.seq));
  }
  if (entry.holdId !== '' && entry.kind !== 'refund') {
    return ofHold(trx, accountId, await readRefundableHold(trx, accountId, entry.holdId, entry.seq));
  }
  throw notRefundable(`an entry of kind ${entry.kind} charges nothing`);
}

const notRefundable = (message: string): GatewayError => new GatewayError('not_refundable', message);
