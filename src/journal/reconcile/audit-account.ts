import { AMOUNTS, type AmountName } from '../../ledger/figures.js';
import type { AuditRow, GlobalSums } from './audit.table.js';
import { compareFigures, type Difference } from './comparison.js';

/** Contradictions of an account within Postgres. `newest`: how many entries were read back, null for all. */
export function auditDifferences(row: AuditRow, newest: number | null): Difference[] {
  const differences: Difference[] = [];
  const { seq, lastSeq, firstSeq, entries } = row;
  if (lastSeq !== seq) {
    differences.push({ check: 'sequence', expected: `account at entry ${seq}`, actual: `newest entry is ${lastSeq ?? 'none'}`, micros: 0 });
  }
  // Fewer entries than the limit: these are all.
  const isComplete = newest === null || entries < newest;
  if (isComplete && firstSeq !== null && firstSeq !== 1) {
    differences.push({ check: 'sequence', expected: 'entry 1 is the first', actual: `entry ${firstSeq} is the first`, micros: 0 });
  }
  if (row.gaps > 0) differences.push({
    check: 'sequence', expected: 'entries without a gap', actual: `${row.gaps} gaps, the first before entry ${row.firstGap ?? 0}`,
    micros: 0,
  });
  if (row.jumps > 0) {
    differences.push({
      check: 'running_balance', expected: 'each balance follows from the one before',
      actual: `${row.jumps} do not, the first at entry ${row.firstJump ?? 0}`, micros: row.jumpMicros,
    });
  }
  if (lastSeq === seq) {
    differences.push(...compareFigures(
      'running_balance', ['available', 'held', 'debt'], { available: row.lastAvailable, held: row.lastHeld, debt: row.lastDebt },
      row,
    ));
  }
  if (row.sums !== null) differences.push(...compareFigures('running_balance', AMOUNTS, row.sums, row));
  differences.push(...compareFigures('lots', ['remaining', 'held'], { remaining: row.available, held: row.held }, {
    remaining: row.lotsRemaining, held: row.lotsHeld,
  }));
  if (row.lotsAmount !== null) differences.push(...compareFigures('lots', ['granted'], row, { granted: row.lotsAmount }));
  differences.push(...compareFigures('holds', ['held'], row, { held: row.holdsAmount }));
  return differences;
}

/** I1 over all accounts: granted credits must be accounted for. Exact, because the sums may exceed a double. */
export function conservationDifferences(accounts: GlobalSums, entries: GlobalSums | null): Difference[] {
  const of = (sums: GlobalSums, name: AmountName): bigint => BigInt(sums[name]);
  const there = of(accounts, 'available') + of(accounts, 'held') + of(accounts, 'captured') + of(accounts, 'expired') + of(
    accounts, 'removed',
  ) - of(accounts, 'debt');
  const differences: Difference[] = [];
  if (there !== of(accounts, 'granted')) {
    differences.push({
      check: 'conservation', expected: `granted ${accounts.granted}`, actual: `accounted for ${there}`,
      micros: absolute(there - of(accounts, 'granted')),
    });
  }
  const wrong = entries === null ? [] : AMOUNTS.filter((name) => entries[name] !== accounts[name]);
  if (entries !== null && wrong.length > 0) {
    const text = (sums: GlobalSums): string => wrong.map((name) => `${name} ${sums[name]}`).join(', ');
    differences.push({
      check: 'conservation', expected: `entries: ${text(entries)}`, actual: `accounts: ${text(accounts)}`,
      micros: Math.max(...wrong.map((name) => absolute(of(entries, name) - of(accounts, name)))),
    });
  }
  return differences;
}

const absolute = (difference: bigint): number => Number(difference < 0n ? -difference : difference);
