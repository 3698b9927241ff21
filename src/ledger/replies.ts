import { microsFromText, type Micros } from '../kit/money/micros.js';
import type { Reply } from '../stores/redis/script.js';
import type { AccountSnapshot, Lot, OpenHold } from './account-snapshot.js';
import type { HoldOutcome, PlacedHold } from './ledger.js';
import { legacyHoldKind } from './legacy-facts.js';

/** Decoders of script replies, one per shape (style R7). An undocumented reply is a bug: RangeError. */

const at = (reply: readonly string[], index: number): string => {
  const value = reply[index];
  if (value === undefined) throw new RangeError(`script reply ${reply[0] ?? ''} ends before value ${index}`);
  return value;
};

export const textAt = at;
export const amountAt = (reply: readonly string[], index: number): Micros => microsFromText(at(reply, index));
export const undocumented = (script: string, reply: Reply): Error =>
  new Error(`${script} answered ${reply[0]}, which its header does not allow here`);
export const isReplayed = (reply: Reply): boolean => at(reply, 1) === '1';

/** An expiry as the scripts write it: milliseconds since 1970, or `inf` for never. */
const expiryAt = (reply: readonly string[], index: number): number | null => {
  const text = at(reply, index);
  return text === 'inf' ? null : microsFromText(text);
};

/** `placed replayed seq amount expires_at_ms placed_at_ms available` */
export const decodePlaced = (reply: Reply): PlacedHold => ({
  seq: amountAt(reply, 2),
  amount: amountAt(reply, 3),
  expiresAtMs: amountAt(reply, 4),
  placedAtMs: amountAt(reply, 5),
  available: amountAt(reply, 6),
});

const STATES = ['settled', 'voided', 'expired'] as const;

/** An outcome in a reply of settle-hold, from index `from` on. */
export function decodeOutcome(reply: readonly string[], from: number): HoldOutcome {
  const state = STATES.find((each) => each === at(reply, from));
  if (state === undefined) throw new RangeError(`unknown state of a hold: ${at(reply, from)}`);
  return {
    state,
    seq: amountAt(reply, from + 1),
    amount: amountAt(reply, from + 2),
    captured: amountAt(reply, from + 3),
    released: amountAt(reply, from + 4),
    expired: amountAt(reply, from + 5),
    overage: amountAt(reply, from + 6),
    debt: amountAt(reply, from + 7),
    uncollected: amountAt(reply, from + 8),
    available: amountAt(reply, from + 9),
    endedAtMs: amountAt(reply, from + 10),
    placedAtMs: amountAt(reply, from + 11),
    late: at(reply, from + 12) === '1',
    about: at(reply, from + 13),
  };
}

/** The whole of read-account's answer. */
export function decodeAccount(reply: Reply): AccountSnapshot {
  const lotCount = amountAt(reply, 11);
  const lotsFrom = 12;
  const lots = Array.from({ length: lotCount }, (_, index) => decodeLot(reply, lotsFrom + 6 * index));
  const holdsFrom = lotsFrom + 6 * lotCount;
  const holds = Array.from({ length: amountAt(reply, holdsFrom) }, (_, index) => decodeHold(reply, holdsFrom + 1 + HOLD_VALUES * index));
  return {
    available: amountAt(reply, 1),
    held: amountAt(reply, 2),
    debt: amountAt(reply, 3),
    seq: amountAt(reply, 4),
    totals: {
      granted: amountAt(reply, 5),
      captured: amountAt(reply, 6),
      expired: amountAt(reply, 7),
      removed: amountAt(reply, 8),
      uncollected: amountAt(reply, 9),
    },
    frozen: at(reply, 10) === '1',
    lots,
    holds,
  };
}

const decodeLot = (reply: Reply, from: number): Lot => ({
  lotId: at(reply, from),
  remaining: amountAt(reply, from + 1),
  held: amountAt(reply, from + 2),
  amount: amountAt(reply, from + 3),
  expiresAtMs: expiryAt(reply, from + 4),
  grantedAtMs: amountAt(reply, from + 5),
});

/** Of one hold: `id placed_seq amount placed_at_ms expires_at_ms price about kind` */
const HOLD_VALUES = 8;

const decodeHold = (reply: Reply, from: number): OpenHold => ({
  holdId: at(reply, from),
  kind: at(reply, from + 7) || legacyHoldKind(at(reply, from + 6)),
  seq: amountAt(reply, from + 1),
  amount: amountAt(reply, from + 2),
  placedAtMs: amountAt(reply, from + 3),
  expiresAtMs: amountAt(reply, from + 4),
  price: at(reply, from + 5),
  about: at(reply, from + 6),
});
