import { TransactionReason, TransactionType, readReason, readType, type Transaction } from '../books/transaction.js';
import { micros } from '../kit/money/micros.js';
import type { JournalEntry } from '../ledger/entry.js';
import type { CommonFacts } from '../ledger/facts.js';

/** The parts of an entry that decide its transactions. */
export type TransactionEntry = Pick<JournalEntry,
  | 'seq' | 'atMs' | 'kind' | 'granted' | 'captured' | 'removed' | 'expired' | 'availableAfter'>;

type Line = Pick<Transaction, 'type' | 'reason' | 'description' | 'metadata'>;

/** What a grant was, by its `source`, where nothing more is told. Any other source makes an adjustment. */
const GRANT_SOURCES: ReadonlyMap<string, Pick<Line, 'type' | 'reason'>> = new Map([
  ['purchase', { type: TransactionType.PURCHASE, reason: TransactionReason.MANUAL_ADJUSTMENT }],
  ['refund', { type: TransactionType.REFUND, reason: TransactionReason.MANUAL_ADJUSTMENT }],
  ['bonus', { type: TransactionType.BONUS, reason: TransactionReason.MANUAL_ADJUSTMENT }],
  ['initial', { type: TransactionType.BONUS, reason: TransactionReason.WELCOME_BONUS }],
]);

const CHAT = /^(chat|ai[_-]chat)/i;
const VOICE = /voice|speech|tts/i;
const PODCAST = /podcast/i;

/**
 * The statement lines of one entry: at most one for its operation, and one for what expired with it. An entry that moves
 * no credits in or out, such as a placed hold, has none. Their amounts add up to the change of available + held − debt
 * (I1). Migration 0005 does the same in SQL for older entries.
 */
export function transactionsOf(accountId: string, entry: TransactionEntry, facts: CommonFacts): Transaction[] {
  const { seq, atMs, granted, captured, removed, expired, availableAfter } = entry;
  const made: Transaction[] = [];
  const amount = micros(granted - captured - removed);
  if (amount !== 0) {
    const { type, reason, description, metadata } = whatItWas(entry, facts);
    made.push({ accountId, atMs, balanceAfter: availableAfter, type, reason, description, metadata, id: 2 * seq, amount });
  }
  if (expired > 0) {
    made.push({
      accountId, atMs, balanceAfter: availableAfter, type: TransactionType.ADJUSTMENT, reason: TransactionReason.EXPIRATION,
      description: 'Credits expired', metadata: null, id: 2 * seq + 1, amount: micros(0 - expired),
    });
  }
  return made;
}

function whatItWas(entry: TransactionEntry, facts: CommonFacts): Line {
  const { transaction } = facts;
  const line = defaultLine(entry, facts);
  if (transaction === null) return line;
  const type = readType(transaction.type ?? '');
  const reason = readReason(transaction.reason ?? '');
  const metadata = transaction.metadata ?? line.metadata;
  // Words that this version does not know, or none: the line is what the entry makes of itself.
  if (type === undefined || reason === undefined) return { ...line, description: transaction.description ?? line.description, metadata };
  return { type, reason, description: transaction.description, metadata };
}

/** The line of an entry that names none. */
function defaultLine({ kind }: TransactionEntry, { usage, source, notes, reason }: CommonFacts): Line {
  const metadata = usage?.metadata ?? null;
  switch (kind) {
    case 'charge':
    case 'settle':
    case 'late_settle':
    case 'give_back':
    case 'correct':
    case 'expire_hold':
    case 'void':
      return {
        type: TransactionType.USAGE, reason: usage === null ? TransactionReason.MODEL_USAGE : reasonOf(usage.service),
        description: usage === null ? null : `${usage.service}: ${usage.operation}`, metadata,
      };
    case 'grant': {
      const known = GRANT_SOURCES.get(source ?? '');
      return { type: TransactionType.ADJUSTMENT, reason: TransactionReason.MANUAL_ADJUSTMENT, ...known, description: notes, metadata };
    }
    case 'refund':
      return { type: TransactionType.REFUND, reason: TransactionReason.MANUAL_ADJUSTMENT, description: reason, metadata };
    case 'transfer_out':
    case 'transfer_in':
      return {
        type: TransactionType.ADJUSTMENT, reason: TransactionReason.MANUAL_ADJUSTMENT, description: notes ?? reason, metadata,
      };
    case 'adjust':
    case 'set':
    case 'remove':
    case 'revoke':
    case 'place':
    case 'extend':
    case 'progress':
    case 'expire_lots':
    case 'freeze':
    case 'thaw':
    case 'repair':
    case 'attribute':
    case 'refuse_usage':
      return { type: TransactionType.ADJUSTMENT, reason: TransactionReason.MANUAL_ADJUSTMENT, description: notes, metadata };
  }
}

/** The reason for the use of a service. A service may also have the name of a reason. */
function reasonOf(service: string): TransactionReason {
  const named = readReason(service);
  if (named !== undefined) return named;
  if (CHAT.test(service)) return TransactionReason.AI_CHAT;
  if (PODCAST.test(service)) return TransactionReason.PODCAST_GENERATION;
  if (VOICE.test(service)) return TransactionReason.VOICE_SYNTHESIS;
  return TransactionReason.MODEL_USAGE;
}
