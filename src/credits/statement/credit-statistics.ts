import { TransactionType, type TransactionReason } from '../../books/transaction.js';
import type { Freshen } from '../../journal/freshen.js';
import type { SumOfMicros } from '../../kit/money/credits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { freshenIfPossible } from './list-transactions.js';
import { readCountsUntil, readKinds, type CountsUntil, type Kind } from './transaction-page.table.js';

export type CreditStatisticsDeps = {
  readonly db: Db;
  readonly ledger: Pick<Ledger, 'readBalance'>;
  readonly freshen: Pick<Freshen, 'account'>;
};

export type CreditStatistics = {
  /** Of the whole life of the account. */
  readonly used: Micros;
  readonly purchased: Micros;
  readonly balance: Micros;
  /** Of the period. Amounts are absolute: what came and what went add up, and may pass what any balance can be. */
  readonly count: number;
  readonly byType: ReadonlyMap<TransactionType, SumOfMicros>;
  readonly byReason: ReadonlyMap<TransactionReason, SumOfMicros>;
};

/** Half-open, and the last moment in it that a caller is told. */
export type StatisticsPeriod = { readonly fromMs: number; readonly toMs: number; readonly shownEndMs: number };

const DEFAULT_PERIOD_MS = 30 * 86_400_000;
/** Until the end of time: what Redis stamped a moment ago may be ahead of our clock, and still belongs to "until now". */
const END_MS = Date.UTC(2100, 0, 1);

/** A period of which an end may not be said (null): what is not said ends now, and begins 30 days before its end. */
export function statisticsPeriod(fromMs: number | null, toMs: number | null, nowMs: number): StatisticsPeriod {
  const shownEndMs = toMs === null ? nowMs : toMs - 1;
  return { fromMs: fromMs ?? Math.max(0, shownEndMs - DEFAULT_PERIOD_MS), toMs: toMs ?? END_MS, shownEndMs };
}

/**
 * What happened to an account's credits from `fromMs` to `toMs` (half-open), by type and by reason. Reads two running
 * counts per kind, however long the period is.
 *
 * @throws GatewayError ledger_unavailable.
 */
export async function creditStatistics(
  { db, ledger, freshen }: CreditStatisticsDeps,
  { accountId, fromMs, toMs }: { readonly accountId: string } & Pick<StatisticsPeriod, 'fromMs' | 'toMs'>,
): Promise<CreditStatistics> {
  const [{ available: balance }] = await Promise.all([ledger.readBalance(accountId), freshenIfPossible(freshen, accountId)]);
  try {
    const kinds = await readKinds(db, accountId);
    const [early, late] = kinds.length === 0
      ? [[], []]
      : await Promise.all([readCountsUntil(db, accountId, kinds, fromMs - 1), readCountsUntil(db, accountId, kinds, toMs - 1)]);
    const made = late.map((counts) => difference(counts, early.find((each) => isSameKind(each, counts))));
    return {
      used: micros(sumOf(kinds.filter(({ type }) => type === TransactionType.USAGE), ({ debited }) => debited)),
      purchased: micros(sumOf(kinds.filter(({ type }) => type === TransactionType.PURCHASE), ({ credited }) => credited)),
      balance,
      count: sumOf(made, ({ count }) => count),
      byType: grouped(made, ({ type }) => type),
      byReason: grouped(made, ({ reason }) => reason),
    };
  } catch (error) {
    throw toGatewayError(error);
  }
}

type Made = Kind & { readonly count: number; readonly amount: bigint };

const difference = (late: CountsUntil, early: CountsUntil | undefined): Made => ({
  type: late.type,
  reason: late.reason,
  count: late.count - (early?.count ?? 0),
  amount: BigInt(late.credited - (early?.credited ?? 0)) + BigInt(late.debited - (early?.debited ?? 0)),
});

const isSameKind = (a: Kind, b: Kind): boolean => a.type === b.type && a.reason === b.reason;

const sumOf = <Row>(rows: readonly Row[], valueOf: (row: Row) => number): number => rows.reduce((sum, row) => sum + valueOf(row), 0);

function grouped<Name>(made: readonly Made[], nameOf: (each: Made) => Name): Map<Name, SumOfMicros> {
  const sums = new Map<Name, SumOfMicros>();
  for (const each of made) {
    if (each.count > 0) sums.set(nameOf(each), (sums.get(nameOf(each)) ?? 0n) + each.amount);
  }
  return sums;
}
