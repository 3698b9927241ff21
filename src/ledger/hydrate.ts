import { randomUUID } from 'node:crypto';
import {
  DEDUCTION_TTL_SECONDS, EXPIRED_HOLD_TTL_SECONDS, EXTENSION_RECEIPT_TTL_SECONDS, MONEY_IN_RECEIPT_TTL_SECONDS, RECEIPT_TTL_SECONDS,
} from '../kit/limits.js';
import { microsToText, type Micros } from '../kit/money/micros.js';
import type { ScriptClient } from '../stores/redis/script.js';
import type { AccountImage, ChargeImage, DeductionImage, EndedHoldImage, OpenHoldImage, ReceiptImage } from './account-image.js';
import type { Epoch } from './fence.js';
import { readFacts } from './facts.js';
import { FIGURES } from './figures.js';
import type { AccountKeys } from './keys.js';
import { termsToText } from './account-terms.js';
import { encodeLimits, indexLimits, limitStatesText, type LimitCount } from './limits.js';
import { beginLoadScript, loadAccountScript, restoreHoldScript } from './scripts.js';

/** A hash to be written, as the load script takes it. */
export type LoadedRecord = {
  readonly key: string;
  readonly ttlSeconds: number | null;
  /** The hold id and lease end, for a hold that is still open. */
  readonly open: { readonly holdId: string; readonly leaseEndsAtMs: number } | null;
  readonly fields: readonly string[];
};

/** Records of one call: keeps a script's run, and its list of keys, short. */
const RECORDS_PER_CALL = 200;

/** How long a ticket lives: far longer than Postgres takes. */
const TICKET_TTL_MS = 60_000;

export type BegunLoad = { readonly status: 'fenced' | 'already_loaded' } | { readonly status: 'ticket'; readonly ticket: string };

/** Begins to load an account: to be called before its image is read. */
export async function beginLoad(client: ScriptClient, keys: AccountKeys, epoch: Epoch): Promise<BegunLoad> {
  const [status, ticket = ''] = await beginLoadScript.run(client, { fence: keys.fence, account: keys.account, ticket: keys.ticket }, {
    epoch: epoch.fence, ticket: randomUUID(), ttl_ms: TICKET_TTL_MS,
  });
  return status === 'ticket' ? { status, ticket } : { status: status as 'fenced' | 'already_loaded' };
}

/**
 * - `loaded`, `already_loaded`: Redis has the account now, or had it.
 * - `stale`: the ticket has ended, because the account has left Redis since it was given, or because it was too old.
 * - `fenced`: the fence has changed, so the written keys belong to an ended epoch and do not count.
 */
export type WrittenAccount = 'loaded' | 'already_loaded' | 'stale' | 'fenced';

/** Writes an account from Postgres into Redis, unless Redis has it by now. `image` was read after `ticket` was given. */
export async function writeAccount(
  client: ScriptClient, keys: AccountKeys, epoch: Epoch, ticket: string, accountId: string, image: AccountImage,
): Promise<WrittenAccount> {
  const records = [
    ...image.openHolds.map((hold) => openHoldRecord(keys, hold)),
    ...image.endedHolds.map((hold) => endedHoldRecord(keys, hold)),
    ...image.receipts.map((receipt) => receiptRecord(keys, receipt)),
    ...deductionRecords(keys, image.deductions),
    ...limitRecords(keys, image),
  ];
  const { figures: all, lots, nextExpiry } = accountArgs(image);
  const figures = withoutUsual(all);
  const named = {
    epoch: epoch.fence,
    account_id: accountId,
    next_expiry_ms: nextExpiry,
    figure_count: figures.length / 2,
  };
  const scriptKeys = {
    fence: keys.fence, account: keys.account, lots: keys.lots, lot: keys.lot,
    lots_due: keys.lotsDue, open: keys.open, holds_due: keys.holdsDue, ticket: keys.ticket,
  };

  const lastChunk = Math.max(0, Math.ceil(records.length / RECORDS_PER_CALL) - 1);
  for (let chunk = 0; chunk <= lastChunk; chunk += 1) {
    const part = records.slice(chunk * RECORDS_PER_CALL, (chunk + 1) * RECORDS_PER_CALL);
    const commits = chunk === lastChunk;
    const [status] = await loadAccountScript.run(
      client,
      scriptKeys,
      { ...named, ticket, is_new: image.seq === 0 ? 1 : 0, commit: commits ? 1 : 0, lot_count: commits ? image.lots.length : 0 },
      { keys: part.map(({ key }) => key), args: [...figures, ...(commits ? lots : []), ...part.flatMap(recordArgs)] },
    );
    if (status !== 'loaded') return status as WrittenAccount;
  }
  return 'loaded';
}

/** Flags and counts that scripts take as 0 where an account has no such field. Figures always have one. */
const ZERO_IF_MISSING: ReadonlySet<string> = new Set(['frozen', 'limited', 'ruled']);

function withoutUsual(fields: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [name = '', value = ''] = fields.slice(i, i + 2);
    if (value !== '0' || !ZERO_IF_MISSING.has(name)) kept.push(name, value);
  }
  return kept;
}

export type AccountArgs = {
  /** Names and values of the account's hash. */
  readonly figures: readonly string[];
  /** Per lot: id, expiry or '' when nothing remains, facts. */
  readonly lots: readonly string[];
  readonly nextExpiry: string;
};

/** An account as scripts take it, with this many entries. */
export function accountArgs(image: AccountImage, seq = image.seq): AccountArgs {
  const nextExpiry = expiryText(Math.min(...image.lots.filter((lot) => lot.remaining > 0).map((lot) => lot.expiresAtMs ?? Infinity)));
  const figures = FIGURES.flatMap((figure): string[] => {
    switch (figure.kind) {
      case 'balance': return [figure.name, microsToText(image[figure.name])];
      case 'total': return [figure.name, microsToText(image.totals[figure.name])];
      case 'sequence': return [figure.name, seq.toString()];
      case 'index': return [figure.name, nextExpiry];
      case 'flag': return [figure.name, image.frozen ? '1' : '0'];
    }
  });
  // No figures: see lua/includes/account.lua.
  figures.push('limited', (image.limits?.limits.length ?? 0) > 0 ? '1' : '0');
  figures.push('ruled', image.lots.filter(({ rule }) => rule !== '').length.toString());
  if (image.terms !== null) {
    const text = termsToText(image.terms.terms);
    figures.push('terms_version', image.terms.version.toString(), ...(text === '' ? [] : ['terms', text]));
  }
  const lots = image.lots.flatMap((lot) => [
    lot.lotId,
    lot.remaining > 0 ? expiryText(lot.expiresAtMs ?? Infinity) : '',
    [
      ...[lot.remaining, lot.held, lot.amount].map(microsToText), expiryText(lot.expiresAtMs ?? Infinity), lot.grantedAtMs,
      ...(lot.rule === '' ? [] : [lot.rule]),
    ].join(':'),
  ]);
  return { figures, lots, nextExpiry };
}

/**
 * Restores one ended hold that Redis has deleted, for as long as it stays after a load of its account. False: it was corrected
 * after it was read from Postgres, and nothing was written.
 */
export async function writeEndedHold(client: ScriptClient, keys: AccountKeys, epoch: Epoch, hold: EndedHoldImage): Promise<boolean> {
  const { key, ttlSeconds, fields } = endedHoldRecord(keys, hold);
  const [status] = await restoreHoldScript.run(client, { fence: keys.fence, hold: key, ended: keys.ended(hold.holdId) }, {
    epoch: epoch.fence, ttl_seconds: ttlSeconds ?? EXPIRED_HOLD_TTL_SECONDS, end_seq: hold.outcome.seq,
  }, { keys: [], args: fields });
  return status !== 'stale';
}

/** Restores the receipt of an operation on a hold that Redis has deleted. */
export async function writeReceipt(
  client: ScriptClient, keys: AccountKeys, epoch: Epoch, key: string, { fingerprint, seq, atMs, availableAfter }: ChargeImage,
): Promise<void> {
  await restoreHoldScript.run(client, { fence: keys.fence, hold: keys.receipt(key), ended: keys.receipt(key) }, {
    epoch: epoch.fence, ttl_seconds: RECEIPT_TTL_SECONDS, end_seq: '',
  }, {
    keys: [], args: [
      'fingerprint', fingerprint, 'seq', seq.toString(), 'at_ms', atMs.toString(), 'available', microsToText(availableAfter),
    ],
  });
}

const recordArgs = ({ ttlSeconds, open, fields }: LoadedRecord): string[] => [
  ttlSeconds === null ? '' : ttlSeconds.toString(),
  open === null ? '' : open.holdId,
  open === null ? '' : open.leaseEndsAtMs.toString(),
  (fields.length / 2).toString(),
  ...fields,
];

/** `inf` stands for "never". */
const expiryText = (ms: number): string => (Number.isFinite(ms) ? ms.toString() : 'inf');

/** Amounts as alternating names and values. */
const amounts = (values: Readonly<Record<string, Micros>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => [name, microsToText(value)]);

export function openHoldRecord(keys: AccountKeys, hold: OpenHoldImage): LoadedRecord {
  const parts = hold.parts.map((part) => `${part.lotId}:${microsToText(part.amount)}`).join(',');
  return {
    key: keys.hold(hold.holdId),
    ttlSeconds: null,
    open: { holdId: hold.holdId, leaseEndsAtMs: hold.expiresAtMs },
    fields: [
      'state', 'open', 'kind', hold.kind, 'parts', parts, 'expires_at_ms', hold.expiresAtMs.toString(),
      'placed_seq', hold.seq.toString(), 'placed_at_ms', hold.placedAtMs.toString(),
      'placed_expires_at_ms', hold.placedExpiresAtMs.toString(),
      'policy', hold.policy, 'price', hold.price, 'fingerprint', hold.fingerprint, 'about', hold.about,
      ...unusualFields(hold), ...(hold.spending === '' ? [] : ['spending', hold.spending]),
      ...(hold.limitParts === '' ? [] : ['limit_parts', hold.limitParts, 'placed_limits', limitStatesText(readFacts(hold.about).limits)]),
      ...termFields(hold.terms), ...reportFields(hold), ...(hold.reportedAtMs === null ? [] : [
        'journaled', microsToText(hold.reported), 'journaled_at_ms', hold.reportedAtMs.toString(),
      ]),
      ...amounts({ amount: hold.amount, placed_amount: hold.placedAmount, placed_available: hold.placedAvailable }),
    ],
  };
}

function endedHoldRecord(keys: AccountKeys, { outcome, ...hold }: EndedHoldImage): LoadedRecord {
  return {
    key: keys.hold(hold.holdId),
    ttlSeconds: outcome.state === 'expired' || outcome.late ? EXPIRED_HOLD_TTL_SECONDS : RECEIPT_TTL_SECONDS,
    open: null,
    fields: [
      'state', outcome.state, 'kind', hold.kind, 'parts', '', 'placed_seq', hold.placedSeq.toString(),
      'placed_at_ms', outcome.placedAtMs.toString(),
      'expires_at_ms', hold.expiresAtMs.toString(), 'policy', hold.policy, 'price', hold.price, 'fingerprint', hold.fingerprint,
      'about', hold.about, ...unusualFields(hold), 'closed_at_ms', hold.closedAtMs.toString(),
      'end_fingerprint', hold.endFingerprint, 'end_seq', outcome.seq.toString(), 'ended_at_ms', outcome.endedAtMs.toString(),
      'late', outcome.late ? '1' : '0', 'end_about', outcome.about, ...termFields(hold.terms), ...reportFields(hold), 'spent', hold.spent,
      ...(hold.limitParts === '' ? [] : ['limit_parts', hold.limitParts]), ...(hold.spending === '' ? [] : ['spending', hold.spending]),
      ...amounts({
        amount: outcome.amount, placed_available: hold.placedAvailable, captured: outcome.captured, released: outcome.released,
        expired: outcome.expired,
        overage: outcome.overage, debt: outcome.debt, uncollected: outcome.uncollected, end_available: outcome.available,
      }),
    ],
  };
}

/** What a hold has no field for when it is as usual; as lua/place-hold.lua writes it. */
const unusualFields = ({ placedBy, spentOn }: Pick<OpenHoldImage, 'placedBy' | 'spentOn'>): string[] => [
  ...(placedBy === 'service' ? ['placed_by', placedBy] : []), ...(spentOn === '' ? [] : ['spent_on', spentOn]),
];

const termFields = (terms: OpenHoldImage['terms']): string[] => (terms === null ? [] : [
  'over_capture', terms.overCapture, 'lease_ms', terms.leaseMs.toString(),
  ...(terms.debtLimit === null ? [] : ['debt_limit', microsToText(terms.debtLimit)]),
  ...(terms.inputCost === 0 ? [] : ['input_cost', microsToText(terms.inputCost)]),
]);

const reportFields = ({ reported, reportedUsage }: Pick<OpenHoldImage, 'reported' | 'reportedUsage'>): string[] => [
  ...(reported === 0 ? [] : ['reported', microsToText(reported)]), ...(reportedUsage === '' ? [] : ['reported_usage', reportedUsage]),
];

function receiptRecord(keys: AccountKeys, receipt: ReceiptImage): LoadedRecord {
  const isMoneyIn = receipt.key.startsWith('intent:');
  return {
    key: keys.receipt(receipt.key),
    ttlSeconds: isMoneyIn ? MONEY_IN_RECEIPT_TTL_SECONDS : receipt.kind === 'extend' ? EXTENSION_RECEIPT_TTL_SECONDS : RECEIPT_TTL_SECONDS,
    open: null,
    fields: receipt.kind === 'refuse_usage' ? [
      'refused_fingerprint', receipt.fingerprint, 'refused_seq', receipt.seq.toString(),
      ...amounts({ refused_amount: receipt.uncollected }),
    ] : [
      'fingerprint', receipt.fingerprint, 'seq', receipt.seq.toString(), 'at_ms', receipt.atMs.toString(),
      ...amounts({
        previous: (receipt.availableAfter - receipt.available) as Micros,
        available: receipt.availableAfter,
        debt_paid: (0 - receipt.debt) as Micros,
      }),
    ],
  };
}

/** Counters per record: keeps the arguments of one HSET far below what Lua can pass. */
const COUNTERS_PER_RECORD = 1_000;

/** The hash of the account's limits, in parts. */
function limitRecords(keys: AccountKeys, { limits, limitCounts }: AccountImage): LoadedRecord[] {
  if (limits === null) return [];
  const record = (fields: readonly string[]): LoadedRecord => ({ key: keys.limits, ttlSeconds: null, open: null, fields });
  const version = ['version', limits.version.toString()];
  if (limits.limits.length === 0) return [record(version)];
  const definitions = encodeLimits(limits, limits.readAtMs);
  const records = [record([...version, '=', definitions, '#', indexLimits(limits.version, definitions)])];
  for (let at = 0; at < limitCounts.length; at += COUNTERS_PER_RECORD) {
    records.push(record(limitCounts.slice(at, at + COUNTERS_PER_RECORD).flatMap(counterField)));
  }
  return records;
}

const counterField = ({ counter, fromMs, spender, used, open, crossed, endsAtMs }: LimitCount): [string, string] => [
  `${counter}:${fromMs}:${spender}`,
  [microsToText(used), Math.max(0, open), crossed ? 1 : 0, expiryText(endsAtMs ?? Infinity)].join(':'),
];

/** One record per amount; see lua/includes/deductions.lua. */
function deductionRecords(keys: AccountKeys, deductions: readonly DeductionImage[]): LoadedRecord[] {
  const byAmount = new Map<string, string[]>();
  for (const { seq, atMs, amount } of deductions) {
    const text = microsToText(amount);
    byAmount.set(text, [...(byAmount.get(text) ?? []), seq.toString(), atMs.toString()]);
  }
  return [...byAmount].map(([amount, fields]) => ({ key: keys.deductions(amount), ttlSeconds: DEDUCTION_TTL_SECONDS, open: null, fields }));
}
