import { microsFromText, type Micros } from '../kit/money/micros.js';
import { afterOf, AMOUNTS, BALANCES, figuresOf, type AfterName, type AmountName, type BalanceName } from './figures.js';
import { legacyHoldKind, legacyTrace, withoutLegacyTrace } from './legacy-facts.js';
import type { HoldTerms, OverCapture, Principal } from './ledger.js';

/**
 * One fact of the ledger as a script wrote it (docs/architecture.md#from-redis-to-postgres). Each field of a stream costs Redis time, so
 * the facts that are one word are lines of one field, `entry`, in this order; lua/includes/journal.lua writes exactly these. A later
 * release adds a fact as a field of its own: then a worker of the version before passes over it.
 */
export const ENTRY_LINES = [
  'kind', 'seq', 'at_ms',
  'available', 'held', 'debt', 'granted', 'captured', 'expired', 'removed', 'uncollected', 'overage',
  'available_after', 'held_after', 'debt_after', 'lease_ends_at_ms',
  'lots', 'hold', 'policy', 'fingerprint', 'principal', 'corrects', 'hold_kind', 'trace', 'terms', 'reported', 'reported_usage',
  'spent', 'spent_on', 'spending',
] as const;

/** Facts that can be any text, and so are fields of their own, behind `entry`. */
export const ENTRY_TEXTS = ['account', 'key', 'price', 'about'] as const;

/** Every fact of an entry. The version before wrote a field for each. */
export const ENTRY_FIELDS = [...ENTRY_LINES, ...ENTRY_TEXTS] as const;

export type EntryField = (typeof ENTRY_FIELDS)[number];

export const ENTRY_KINDS = [
  'grant', 'adjust', 'set', 'remove', 'revoke', 'charge',
  'place', 'extend', 'progress', 'settle', 'void', 'expire_hold', 'late_settle', 'correct', 'expire_lots',
  // A late settle of less than the expiry charged by report: its captured amount is negative.
  'give_back',
  'freeze', 'thaw',
  // Redis differed from the books, and has their values again: nothing moves.
  'repair',
  'refund', 'transfer_out', 'transfer_in',
  // Usage that a deduction has paid for, and usage that was refused: no balance changes.
  'attribute', 'refuse_usage',
] as const;

export type EntryKind = (typeof ENTRY_KINDS)[number];

/**
 * How one entry changed one lot. `remaining` and `held` are deltas. A lot's first mention carries its facts
 * (`opened`); afterwards only the deltas.
 */
export type LotChange = {
  readonly lotId: string;
  readonly remaining: Micros;
  readonly held: Micros;
  readonly opened: { readonly amount: Micros; readonly expiresAtMs: number | null; readonly rule: string } | null;
};

/** All amounts but the `…After` ones are deltas of this entry; I1 holds for every single entry. */
export type JournalEntry = Readonly<Record<AmountName | AfterName, Micros>> & {
  /** Id in the shard's stream: the drain cursor's unit. */
  readonly streamId: string;
  readonly accountId: string;
  /** 1, 2, 3 … per account, without gaps (I7). */
  readonly seq: number;
  readonly atMs: number;
  readonly kind: EntryKind;
  readonly overage: Micros;
  readonly lots: readonly LotChange[];
  /** The hold this entry is about, or ''. */
  readonly holdId: string;
  /** End of the lease in ms since 1970 for `place`, `extend` and `progress`, otherwise 0. */
  readonly leaseEndsAtMs: number;
  readonly policy: string;
  /** The idempotency key that named the operation, or ''. Money-in: `intent:<id>`. */
  readonly key: string;
  readonly fingerprint: string;
  readonly price: string;
  readonly about: string;
  /** Who placed or ended the hold; '' for every other entry, and for an expiry. */
  readonly principal: Principal | '';
  /** `late_settle`, `give_back` and `correct`: the entry whose end of the hold this one corrects. Otherwise 0. */
  readonly corrects: number;
  /** What the hold is for; '' where there is none, and at the end of a hold from before kinds were known. */
  readonly holdKind: string;
  /** What a placed hold has of its own; null for any other entry, and for a hold without terms. */
  readonly terms: HoldTerms | null;
  /** What the usage of the hold that was reported so far costs, and that usage; 0 and '' where there is none. */
  readonly reported: Micros;
  readonly reportedUsage: string;
  /** What an expiry by report took, `lot:amount:expires_at_ms[:rule],…`; '' for any other entry. */
  readonly spent: string;
  /** What a placed hold is for, `model;feature` as in rules of lots; '' for neither, and for any other entry. */
  readonly spentOn: string;
  /** What limits a placed hold counts against as long as it is open (lua/includes/limits.lua); '' for any other entry. */
  readonly spending: string;
  /** The traceparent of what wrote it, if that was traced. Not stored. */
  readonly trace?: string | undefined;
};

const KINDS: ReadonlySet<string> = new Set(ENTRY_KINDS);

/** The balances after an entry, under the names of a decoded one. */
export function balancesAfter<Value>(valueOf: (name: BalanceName) => Value): Record<AfterName, Value> {
  const values: Partial<Record<AfterName, Value>> = {};
  for (const name of BALANCES) values[afterOf(name)] = valueOf(name);
  return values as Record<AfterName, Value>;
}

type FactOf = (field: string) => string | undefined;

const LINE_NUMBERS: Readonly<Record<string, number | undefined>> =
  Object.fromEntries(ENTRY_LINES.map((field, index) => [field, index]));

/** The facts of a stream entry by name, of this version or of the one before, which wrote a field for each. */
function factsOf(streamId: string, flat: readonly string[]): FactOf {
  const lines = fieldOf(flat, 'entry')?.split('\n');
  if (lines === undefined) {
    const facts = new Map<string, string>();
    for (let i = 0; i + 1 < flat.length; i += 2) facts.set(flat[i] ?? '', flat[i + 1] ?? '');
    return (field) => facts.get(field);
  }
  if (lines.length !== ENTRY_LINES.length) throw new RangeError(`journal entry ${streamId} has ${lines.length} lines`);
  return (field) => {
    const number = LINE_NUMBERS[field];
    return number === undefined ? fieldOf(flat, field) : lines[number];
  };
}

function fieldOf(flat: readonly string[], field: string): string | undefined {
  for (let i = 0; i + 1 < flat.length; i += 2) if (flat[i] === field) return flat[i + 1];
  return undefined;
}

/** Decodes one stream entry. Throws RangeError when it is not what the scripts write: then the shard must stop. */
export function decodeEntry(streamId: string, flat: readonly string[]): JournalEntry {
  const value = factsOf(streamId, flat);
  const text = (field: EntryField): string => {
    const found = value(field);
    if (found === undefined) throw new RangeError(`journal entry ${streamId} has no field ${field}`);
    return found;
  };
  const amount = (field: EntryField): Micros => microsFromText(text(field));
  const kind = text('kind');
  if (!KINDS.has(kind)) throw new RangeError(`journal entry ${streamId} has unknown kind ${kind}`);
  const isLegacy = value('trace') === undefined;
  return {
    streamId,
    accountId: text('account'),
    seq: amount('seq'),
    atMs: amount('at_ms'),
    kind: kind as EntryKind,
    ...figuresOf(AMOUNTS, amount),
    overage: amount('overage'),
    ...balancesAfter((name) => amount(`${name}_after`)),
    lots: decodeLotChanges(text('lots')),
    holdId: text('hold'),
    leaseEndsAtMs: microsFromText(value('lease_ends_at_ms') ?? value('lease_ms') ?? text('lease_ends_at_ms')),
    policy: text('policy'),
    key: text('key'),
    fingerprint: text('fingerprint'),
    price: text('price'),
    about: isLegacy ? withoutLegacyTrace(text('about')) : text('about'),
    principal: principalOf(streamId, value('principal') ?? ''),
    // Entries of the version before have none of the last fields: the trace and the kind were parts of `about`.
    corrects: microsFromText(value('corrects') ?? '0'),
    holdKind: value('hold_kind') ?? (kind === 'place' ? legacyHoldKind(text('about')) : ''),
    // Entries of the version before have none of these.
    terms: decodeTerms(value('terms') ?? ''),
    reported: microsFromText(value('reported') ?? '0'),
    reportedUsage: value('reported_usage') ?? '',
    spent: value('spent') ?? '',
    spentOn: value('spent_on') ?? '',
    spending: value('spending') ?? '',
    trace: isLegacy ? legacyTrace(text('about')) : text('trace') || undefined,
  };
}

/** `over_capture:debt_limit:input_cost:lease_ms` */
function decodeTerms(text: string): HoldTerms | null {
  if (text === '') return null;
  const [overCapture = '', debtLimit = '', inputCost = '', leaseMs = ''] = text.split(':');
  return {
    overCapture: overCapture as OverCapture, debtLimit: debtLimit === '' ? null : microsFromText(debtLimit),
    inputCost: microsFromText(inputCost), leaseMs: microsFromText(leaseMs),
  };
}

const PRINCIPALS = ['', 'user', 'service', 'operator'] as const;

function principalOf(streamId: string, text: string): Principal | '' {
  const found = PRINCIPALS.find((each) => each === text);
  if (found === undefined) throw new RangeError(`journal entry ${streamId} has unknown principal ${text}`);
  return found;
}

/** How one entry changed one lot, as Postgres has it: without the facts of a lot that it opened. */
export type LotDelta = Pick<LotChange, 'lotId' | 'remaining' | 'held'>;

/** `lot:remaining:held,…`: how entries in Postgres tell their changes of lots. */
export const decodeLotDeltas = (text: string): LotDelta[] => decodeLotChanges(text);

/** `lot:remaining:held` or, when the entry opened the lot, `lot:remaining:held:amount:expires_at_ms[:rule]` (`inf` = never). */
export function decodeLotChanges(text: string): LotChange[] {
  if (text === '') return [];
  return text.split(',').map((part) => {
    const [lotId, remaining, held, amount, expires, rule = ''] = part.split(':');
    if (lotId === undefined || remaining === undefined || held === undefined) throw new RangeError(`bad lot change ${part}`);
    return {
      lotId,
      remaining: microsFromText(remaining),
      held: microsFromText(held),
      opened: amount === undefined || expires === undefined
        ? null
        : { amount: microsFromText(amount), expiresAtMs: expires === 'inf' ? null : Number(expires), rule },
    };
  });
}
