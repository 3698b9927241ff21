import { addUsageMinutes, type UsageMinute, type UsageNames, type UsageSums } from '../../books/usage-minutes.table.js';
import { UNKNOWN_MODEL } from '../../books/model-hours.table.js';
import type { HoldRow } from '../../books/hold.table.js';
import { fingerprint, joined } from '../../kit/ids.js';
import type { EntryKind, JournalEntry } from '../../ledger/entry.js';
import { readFacts, type Facts } from '../../ledger/facts.js';
import type { PlacedEntry } from '../fold-accounts.js';
import { modelUses, type CorrectedEnd, type ModelUse } from '../model-uses.js';
import { correctedEnds, holdsOf } from './holds.js';
import type { EntryName, Projection } from './projection.js';

export const usageMinutes: Projection<readonly UsageMinute[]> = {
  name: 'usage minutes',
  fold: async (batch, trx) => {
    const { found } = await holdsOf(batch, trx);
    return foldUsageMinutes(batch.fresh, {
      factsOf: batch.factsOf, correctedBy: await correctedEnds(batch, trx), holdOf: (entry) => found.get(entry),
      entryName: batch.entryName,
    });
  },
  write: addUsageMinutes,
};

type Context = {
  readonly factsOf: (entry: JournalEntry) => Facts;
  readonly correctedBy: (entry: JournalEntry) => CorrectedEnd | null;
  /** The hold that an entry ends, as it was before. */
  readonly holdOf: (entry: JournalEntry) => Pick<HoldRow, 'about'> | undefined;
  readonly entryName: EntryName;
};

/** Entries that take credits for usage, or tell of usage. A refund is none: usage is what was used. */
const KINDS: ReadonlySet<EntryKind> = new Set<EntryKind>([
  'charge', 'settle', 'void', 'expire_hold', 'late_settle', 'correct', 'give_back', 'attribute', 'refuse_usage',
]);
const MINUTE_MS = 60_000;
/** Names are cut to this many characters; the digest of a line is that of the whole names. */
const NAME_LENGTH_MAX = 200;

/**
 * What a batch adds to the minutes of accounts, one row per account, minute and line. Only fresh entries count, so a
 * redelivered entry counts once. The captured credits of all rows add up to those of the entries: an entry without a model
 * counts under ''.
 */
export function foldUsageMinutes(fresh: readonly PlacedEntry[], context: Context): UsageMinute[] {
  const rows = new Map<string, Omit<UsageMinute, keyof UsageSums> & { -readonly [Name in keyof UsageSums]: UsageSums[Name] }>();
  const lineOf = lineDigests();
  for (const { entry } of fresh) {
    if (!KINDS.has(entry.kind)) continue;
    for (const more of linesOf(entry, context)) {
      const { names } = more;
      const minuteMs = Math.floor(entry.atMs / MINUTE_MS) * MINUTE_MS;
      const line = lineOf(names);
      const key = joined(entry.accountId, minuteMs, line);
      let row = rows.get(key);
      if (row === undefined) {
        row = { accountId: entry.accountId, minuteMs, line, ...cut(names), ...NONE };
        rows.set(key, row);
      }
      for (const name of SUMS) if (more[name] !== 0) row[name] += BigInt(more[name]);
    }
  }
  return [...rows.values()].filter((row) => SUMS.some((name) => row[name] !== 0n));
}

/** Digests of names. A batch has few combinations of them. */
function lineDigests(): (names: UsageNames) => string {
  const known = new Map<string, string>();
  return ({ model, feature, spender, apiKey, reason }) => {
    const names = [model, feature, spender, apiKey, reason];
    const text = JSON.stringify(names);
    let line = known.get(text);
    if (line === undefined) known.set(text, line = fingerprint(...names));
    return line;
  };
}

const SUMS = ['uses', 'tokens', 'inputTokens', 'outputTokens', 'captured', 'uncollected'] as const;
const NONE: UsageSums = { uses: 0n, tokens: 0n, inputTokens: 0n, outputTokens: 0n, captured: 0n, uncollected: 0n };

type Line = Readonly<Record<(typeof SUMS)[number], number>> & { readonly names: UsageNames };

function linesOf(entry: JournalEntry, { factsOf, correctedBy, holdOf, entryName }: Context): Line[] {
  const facts = factsOf(entry);
  const names = namesOf(entry, facts, holdOf(entry));
  const isRefused = entry.kind === 'refuse_usage';
  // Refused usage names its model like a charge, and is counted when it is charged after all.
  const found = modelUses({ entry: isRefused ? { ...entry, kind: 'charge' } : entry, facts, corrected: correctedBy(entry) });
  const uses = found.length === 0 ? [ofNoModel(entry, facts)] : found;
  const lines = uses.map(({ model, messages, tokens, inputTokens, outputTokens, captured }, index): Line => ({
    names: namesFor(names, model === '' ? '' : entryName(model) ?? UNKNOWN_MODEL),
    captured, uncollected: index === 0 ? entry.uncollected : 0,
    uses: isRefused ? 0 : messages, tokens: isRefused ? 0 : tokens, inputTokens: isRefused ? 0 : inputTokens,
    outputTokens: isRefused ? 0 : outputTokens,
  }));
  if (entry.kind !== 'attribute') return lines;
  // A deduction was counted without a model when it was taken; this entry tells which model it was for.
  const told = lines.reduce((sum, { captured }) => sum + captured, 0);
  return [...lines, { names: NAMELESS, ...NOT_USED, captured: entry.captured - told, uncollected: 0 }];
}

const namesFor = ({ feature, spender, apiKey, reason }: Omit<UsageNames, 'model'>, model: string): UsageNames =>
  ({ model, feature, spender, apiKey, reason });
const NOT_USED = { uses: 0, tokens: 0, inputTokens: 0, outputTokens: 0 };
const NAMELESS: UsageNames = { model: '', feature: '', spender: '', apiKey: '', reason: '' };

/** Kinds that end a hold without a use of it, or add to a use that is counted. */
const NO_USES: ReadonlySet<EntryKind> = new Set<EntryKind>(['void', 'expire_hold', 'correct']);

/** The use that a deduction pays for is counted when it is recorded. */
const ofNoModel = ({ kind, captured }: JournalEntry, { type }: Facts): Omit<ModelUse, 'held'> => ({
  model: '', messages: NO_USES.has(kind) || type === 'deduction' ? 0 : 1, tokens: 0, inputTokens: 0, outputTokens: 0, captured,
});

/** Who used it and what for. The end of a hold has that from its place. */
function namesOf({ accountId, kind }: JournalEntry, facts: Facts, hold: Pick<HoldRow, 'about'> | undefined): Omit<UsageNames, 'model'> {
  const placed = hold === undefined ? {} : readFacts(hold.about).spending;
  const { spender = facts.spending.spender, feature = facts.spending.feature, key = facts.spending.key } = placed;
  const service = facts.type === 'use' ? facts.usage?.service : undefined;
  return {
    spender: spender === undefined || spender === accountId ? '' : spender, feature: feature ?? service ?? '', apiKey: key ?? '',
    reason: facts.reason ?? ('end' in facts ? facts.end : null) ?? (kind === 'expire_hold' ? 'expired' : ''),
  };
}

const cut = ({ model, feature, spender, apiKey, reason }: UsageNames): UsageNames =>
  ({ model: short(model), feature: short(feature), spender, apiKey: short(apiKey), reason: short(reason) });
/** By code points, so that no character is cut in two. */
const short = (text: string): string => (text.length <= NAME_LENGTH_MAX ? text : Array.from(text).slice(0, NAME_LENGTH_MAX).join(''));
