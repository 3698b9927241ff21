import type { Freshen } from '../journal/freshen.js';
import type { Ledger } from '../ledger/ledger.js';
import { micros, type Micros } from '../money/micros.js';
import type { Db } from '../postgres/connect.js';
import { toGatewayError } from '../postgres/errors.js';
import { freshenIfPossible } from './list-transactions.js';
import { TransactionType, type TransactionReason } from './transaction.js';
import { readCountsUntil, readKinds, type CountsUntil, type Kind } from './transaction-page.table.js';

export type CreditStatisticsDeps = { readonly db: Db; readonly ledger: Pick<Ledger, 'readBalance'>; readonly freshen: Pick<Freshen, 'account'> };

export type CreditStatistics = {
  /** Of the whole life of the account. */
  readonly used: Micros;
  readonly purchased: Micros;
  readonly balance: Micros;
  /** Of the period. Amounts are absolute: what came and what went add up. */
  readonly count: number;
  readonly byType: ReadonlyMap<TransactionType, Micros>;
  readonly byReason: ReadonlyMap<TransactionReason, Micros>;
};

/**
 * What happened to an account's credits from `fromMs` to `toMs` (half-open), by type and by reason. Reads two running
 * counts per kind, however long the period is.
 *
 * @throws GatewayError ledger_unavailable.
 */
export async function creditStatistics(
  { db, ledger, freshen }: CreditStatisticsDeps,
  { accountId, fromMs, toMs }: { readonly accountId: string; readonly fromMs: number; readonly toMs: number },
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

type Made = Kind & { readonly count: number; readonly amount: number };

const difference = (late: CountsUntil, early: CountsUntil | undefined): Made => ({
  type: late.type,
  reason: late.reason,
  count: late.count - (early?.count ?? 0),
  amount: late.credited - (early?.credited ?? 0) + late.debited - (early?.debited ?? 0),
});

const isSameKind = (a: Kind, b: Kind): boolean => a.type === b.type && a.reason === b.reason;

const sumOf = <Row>(rows: readonly Row[], valueOf: (row: Row) => number): number => rows.reduce((sum, row) => sum + valueOf(row), 0);

function grouped<Name>(made: readonly Made[], nameOf: (each: Made) => Name): Map<Name, Micros> {
  const sums = new Map<Name, Micros>();
  for (const each of made) {
    if (each.count > 0) sums.set(nameOf(each), micros((sums.get(nameOf(each)) ?? 0) + each.amount));
  }
  return sums;
}
