import { microsFromText, type Micros } from '../kit/money/micros.js';
import type { Reply } from '../stores/redis/script.js';
import { termsFromText } from './account-terms.js';
import type { AccountSnapshot, Lot, OpenHold } from './account-snapshot.js';
import { AMOUNTS, BALANCES, figuresOf, KEPT, TOTALS, type AmountName } from './figures.js';
import type { ExpiryPolicy, HoldOutcome } from './ledger.js';
import type { LeasedHold } from './lease-port.js';
import { legacyHoldKind } from './legacy-facts.js';
import { KEY_LIMIT, type LimitPeriod, type LimitRefusal, type LimitState, type LimitWindow } from './limits.js';

/** Decoders of script replies, one per shape (CONTRIBUTING.md#typescript). An undocumented reply is a bug: RangeError. */

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
export const momentAt = (reply: readonly string[], index: number): number | null => {
  const text = at(reply, index);
  return text === 'inf' ? null : microsFromText(text);
};

/** `id:remaining:resets_at_ms:mode,…` */
export const decodeLimitStates = (text: string): readonly LimitState[] => (text === '' ? [] : text.split(',').map((state) => {
  const [limitId = '', remaining = '', resets = '', mode] = state.split(':');
  return {
    limitId, remaining: microsFromText(remaining), resetsAtMs: resets === 'inf' ? null : microsFromText(resets),
    mode: mode === 'warn' ? 'warn' : 'refuse',
  };
}));

/** `limit_id remaining resets_at_ms period window`, from index `from` on. */
export const decodeRefusal = (reply: readonly string[], from: number): LimitRefusal => ({
  // No limit of an account begins with a colon.
  limitId: at(reply, from) === ':key' ? KEY_LIMIT : at(reply, from),
  remaining: amountAt(reply, from + 1),
  resetsAtMs: momentAt(reply, from + 2),
  period: at(reply, from + 3) as LimitPeriod,
  window: at(reply, from + 4) as LimitWindow,
});

/** `amount reported expires_at_ms available final price placed_at_ms about usage lease_ms policy`, from index `from` on. */
export const decodeLeased = (reply: Reply, from: number): LeasedHold => ({
  amount: amountAt(reply, from),
  reported: amountAt(reply, from + 1),
  expiresAtMs: amountAt(reply, from + 2),
  available: amountAt(reply, from + 3),
  final: at(reply, from + 4) === '1',
  price: at(reply, from + 5),
  placedAtMs: amountAt(reply, from + 6),
  about: at(reply, from + 7),
  reportedUsage: at(reply, from + 8),
  leaseMs: amountAt(reply, from + 9),
  expiryPolicy: at(reply, from + 10) as ExpiryPolicy,
  limits: decodeLimitStates(at(reply, from + 11)),
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

export type StoredFigures = Readonly<Record<AmountName, Micros>> & { readonly seq: number; readonly frozen: boolean };

/** An account's figures begin the answers about it, in the order of the list; `FIGURES_END` is where they end. */
export const FIGURES_END = 1 + KEPT.length;

export const decodeFigures = (reply: Reply): StoredFigures => ({
  ...figuresOf(AMOUNTS, (name) => amountAt(reply, 1 + KEPT.indexOf(name))),
  seq: amountAt(reply, 1 + KEPT.indexOf('seq')),
  frozen: at(reply, 1 + KEPT.indexOf('frozen')) === '1',
});

/** The whole of read-account's answer: of `full`, or of `funds`, which lists no holds. */
export function decodeAccount(reply: Reply): AccountSnapshot {
  const figures = decodeFigures(reply);
  const lotCount = amountAt(reply, FIGURES_END);
  const lotsFrom = FIGURES_END + 1;
  const lots = Array.from({ length: lotCount }, (_, index) => decodeLot(reply, lotsFrom + LOT_VALUES * index));
  const holdsFrom = lotsFrom + LOT_VALUES * lotCount;
  const holdCount = amountAt(reply, holdsFrom);
  const holds = Array.from({ length: holdCount }, (_, index) => decodeHold(reply, holdsFrom + 1 + HOLD_VALUES * index));
  return {
    ...figuresOf(BALANCES, (name) => figures[name]),
    seq: figures.seq,
    totals: figuresOf(TOTALS, (name) => figures[name]),
    frozen: figures.frozen,
    lots,
    holds,
    terms: termsFromText(at(reply, holdsFrom + 1 + HOLD_VALUES * holdCount)),
  };
}

/** Of one lot: `id remaining held amount expires_at_ms granted_at_ms rule` */
const LOT_VALUES = 7;

const decodeLot = (reply: Reply, from: number): Lot => ({
  lotId: at(reply, from),
  remaining: amountAt(reply, from + 1),
  held: amountAt(reply, from + 2),
  amount: amountAt(reply, from + 3),
  expiresAtMs: momentAt(reply, from + 4),
  grantedAtMs: amountAt(reply, from + 5),
  rule: at(reply, from + 6),
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
