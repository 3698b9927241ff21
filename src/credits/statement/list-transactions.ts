import type { Transaction, TransactionFilter } from '../../books/transaction.js';
import type { Freshen } from '../../journal/freshen.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import {
  readAround, readCountsUntil, readKinds, readPage, readPageByAmount, readPeriodByAmount,
  type Cursor, type Direction, type KindTotals,
} from './transaction-page.table.js';

export type ListTransactionsDeps = { readonly db: Db; readonly freshen: Pick<Freshen, 'account'> };

export type ListTransactionsQuery = TransactionFilter & {
  readonly accountId: string;
  /** A period, half-open, in milliseconds since 1970; null: no bound. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly orderBy: 'createdAt' | 'amount';
  readonly direction: Direction;
  readonly limit: number;
  /** Transactions to leave out before the page. Any number in order of time, since it is looked up, not walked. */
  readonly offset: number;
  /** Instead of an offset, in order of time: the page after this transaction, whatever is added meanwhile. */
  readonly after: Cursor | null;
};

/** `next`: the `after` of the page that follows; null at the end, and in order of amount. */
export type TransactionPage = { readonly transactions: readonly Transaction[]; readonly total: number; readonly next: Cursor | null };

/** Rows of one page. The original had no limit, and its callers asked for hundreds. */
export const TRANSACTIONS_PAGE_MAX = 1_000;
/** In order of amount an offset is walked: this many index entries take some milliseconds. */
export const AMOUNT_OFFSET_MAX = 10_000;
/** In order of amount a period is read and sorted: this many rows take some tens of milliseconds. */
export const AMOUNT_PERIOD_MAX = 20_000;
/** Transactions that are walked over rather than looked up: fewer than a lookup would cost. */
const WALKED_MAX = 250;

/** Times that Postgres has and a double holds: nothing is before or after. */
const BEGINNING_MS = 0;
const END_MS = 4_102_444_800_000; // 2100

/**
 * A page of an account's statement, and how many transactions the filter matches in all. Costs the same in a statement
 * of ten lines and of millions: kinds come from the totals, counts and offsets from the running counts of two rows.
 *
 * @throws GatewayError invalid_request (an order by amount over too much), ledger_unavailable.
 */
export async function listTransactions({ db, freshen }: ListTransactionsDeps, query: ListTransactionsQuery): Promise<TransactionPage> {
  if (query.orderBy === 'amount' && query.offset > AMOUNT_OFFSET_MAX) {
    throw invalid('query', `offset must be at most ${AMOUNT_OFFSET_MAX} when ordered by amount`);
  }
  await freshenIfPossible(freshen, query.accountId);
  try {
    return await readTransactions(db, query);
  } catch (error) {
    throw toGatewayError(error);
  }
}

/** Drains the journal first, so that the statement is current. While Redis is down it shows what Postgres has. */
export async function freshenIfPossible(freshen: Pick<Freshen, 'account'>, accountId: string): Promise<void> {
  await freshen.account(accountId).catch((error: unknown) => {
    if (!(error instanceof GatewayError)) throw error;
  });
}

export async function readTransactions(db: Db, query: ListTransactionsQuery): Promise<TransactionPage> {
  const { accountId, type, reason, orderBy } = query;
  const kinds = (await readKinds(db, accountId)).filter((kind) =>
    (type === null || kind.type === type) && (reason === null || kind.reason === reason));
  const range = await countRange(db, query, kinds);
  if (range.total === 0) return { transactions: [], total: 0, next: null };
  return orderBy === 'createdAt' ? pageByTime(db, query, range) : pageByAmount(db, query, range);
}

/** The part of the statement that is asked for. `before`: how many transactions of these kinds are older than it. */
type Range = {
  readonly kinds: readonly KindTotals[];
  readonly fromMs: number;
  readonly untilMs: number;
  readonly before: number;
  readonly total: number;
  readonly isWhole: boolean;
};

async function countRange(db: Db, { accountId, fromMs, toMs }: ListTransactionsQuery, kinds: readonly KindTotals[]): Promise<Range> {
  const from = Math.max(fromMs ?? BEGINNING_MS, BEGINNING_MS);
  const until = Math.min(toMs ?? END_MS, END_MS) - 1;
  const all = countOf(kinds);
  const isCutBefore = from > BEGINNING_MS && all > 0;
  const isCutAfter = kinds.some(({ lastAtMs }) => lastAtMs > until);
  const before = isCutBefore ? countOf(await readCountsUntil(db, accountId, kinds, from - 1)) : 0;
  const through = isCutAfter ? countOf(await readCountsUntil(db, accountId, kinds, until)) : all;
  return { kinds, fromMs: from, untilMs: until, before, total: Math.max(0, through - before), isWhole: before === 0 && through === all };
}

const countOf = (counts: readonly { readonly count: number }[]): number => counts.reduce((sum, { count }) => sum + count, 0);

async function pageByTime(db: Db, query: ListTransactionsQuery, range: Range): Promise<TransactionPage> {
  const { accountId, direction, limit, offset, after } = query;
  const { kinds, fromMs, untilMs, before, total } = range;
  const whole = { accountId, kinds, fromMs, untilMs, direction, after, skip: after === null ? offset : 0, limit };
  const transactions = after === null && offset > WALKED_MAX
    ? offset >= total ? [] : await pageFarAway()
    : await readPage(db, whole);
  const last = transactions.at(-1);
  return { transactions, total, next: last === undefined || transactions.length < limit ? null : { atMs: last.atMs, id: last.id } };

  /** The page's first transaction is found by its number, and the page is read from close before it. */
  async function pageFarAway(): Promise<Transaction[]> {
    const first = direction === 'asc' ? before + offset + 1 : before + total - offset;
    const found = await readAround(db, accountId, kinds, first, WALKED_MAX);
    // The stretch may begin before the period, or end after it; the number of the first one counts from the stretch.
    return direction === 'asc'
      ? readPage(db, { ...whole, fromMs: Math.max(fromMs, found.afterMs + 1), skip: first - 1 - Math.max(before, found.before) })
      : readPage(db, { ...whole, untilMs: Math.min(untilMs, found.untilMs), skip: Math.min(before + total, found.until) - first });
  }
}

async function pageByAmount(
  db: Db, query: ListTransactionsQuery, { kinds, fromMs, untilMs, total, isWhole }: Range,
): Promise<TransactionPage> {
  const { accountId, direction, limit, offset: skip } = query;
  if (isWhole) return { transactions: await readPageByAmount(db, { accountId, kinds, direction, skip, limit }), total, next: null };
  if (total > AMOUNT_PERIOD_MAX) {
    throw invalid(
      'query',
      `orderBy amount takes a period of at most ${AMOUNT_PERIOD_MAX} transactions, not ${total}; narrow startDate and endDate`,
    );
  }
  return { transactions: await readPeriodByAmount(db, { accountId, kinds, fromMs, untilMs, direction, skip, limit }), total, next: null };
}
