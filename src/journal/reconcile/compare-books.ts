import { AMOUNTS, BALANCES, figuresOf } from '../../ledger/figures.js';
import type { AccountBook } from './account-book.table.js';
import { compareFigures, compareNamed, type Difference, type DriftCheck } from './comparison.js';
import type { StoredAccount } from './inspect-account.js';

const NOTHING = { ...figuresOf(AMOUNTS, () => 0), frozen: false };

/** Compares everything of an account; both sides are at the same seq. */
export function compareBooks(stored: StoredAccount, book: AccountBook): Difference[] {
  const account = book.account ?? NOTHING;
  const differences = compareFigures('balance', AMOUNTS, account, stored);
  if (account.frozen !== stored.frozen) {
    differences.push({
      check: 'balance', expected: `frozen ${String(account.frozen)}`, actual: `frozen ${String(stored.frozen)}`, micros: 0,
    });
  }
  differences.push(...compareLots(stored, book));
  // Where Redis' list is cut, the books' list has those holds at most (holdsToCompare); of the others the number is compared.
  differences.push(...compareNamed('holds', new Map(book.holds.map(({ id, amount }) => [
    id, amount,
  ])), stored.holds, (amount) => amount, (expected, actual) => Math.abs(amountOf(expected) - amountOf(actual))));
  if (book.openHolds !== stored.openHolds) {
    differences.push({ check: 'holds', expected: `${book.openHolds} open`, actual: `${stored.openHolds} open`, micros: 0 });
  }
  return differences;
}

function compareLots({ lots, live }: StoredAccount, book: AccountBook): Difference[] {
  const expected = new Map(book.lots.map(({ id, facts }) => [id, facts]));
  const differences = compareNamed('lots', expected, lots, (facts) => facts, (theirs, ours) => {
    const [was, is] = [contentOf(theirs), contentOf(ours)];
    return Math.abs(was.remaining - is.remaining) + Math.abs(was.held - is.held);
  });
  // Spending uses an index of lots: a lot missing there cannot be spent, one too many would be spent twice.
  const spendable = new Map([...lots].filter(([, facts]) => contentOf(facts).remaining > 0));
  const indexed = new Map([...live].map((id) => [id, lots.get(id) ?? '']));
  const inIndex = (): string => 'spendable';
  differences.push(...compareNamed('lots', spendable, indexed, inIndex, (theirs, ours) => contentOf(theirs ?? ours).remaining));
  return differences;
}

/** Compares only balances, at an entry that is no longer the last in Postgres. */
export const compareBalances = (stored: StoredAccount, entry: NonNullable<AccountBook['entry']>): Difference[] =>
  compareFigures('balance', BALANCES, entry, stored);

/** Postgres has the whole stream but not this entry: entries were lost, or never written. */
export function lostEntries(stored: StoredAccount, book: AccountBook): Difference {
  const check: DriftCheck = book.account === null ? 'unknown_account' : 'sequence';
  const balances = book.account ?? NOTHING;
  return {
    check, expected: book.account === null ? 'no such account' : `entry ${book.account.seq} is the last`,
    actual: `entry ${stored.seq} in Redis`,
    micros: compareFigures(check, BALANCES, balances, stored)[0]?.micros ?? 0,
  };
}

const amountOf = (text: string | undefined): number => (text !== undefined && /^-?\d{1,16}$/.test(text) ? Number(text) : 0);

function contentOf(facts: string | undefined): { readonly remaining: number; readonly held: number } {
  const [remaining, held] = (facts ?? '').split(':');
  return { remaining: amountOf(remaining), held: amountOf(held) };
}
