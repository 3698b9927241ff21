import type { AmountName } from '../../ledger/figures.js';

/** What is compared; see docs/runbook.md. */
export const DRIFT_CHECKS = ['balance', 'lots', 'holds', 'sequence', 'running_balance', 'conservation', 'unknown_account'] as const;
export type DriftCheck = (typeof DRIFT_CHECKS)[number];

/** One difference. `expected` is Postgres' value, `actual` is Redis'. */
export type Difference = {
  readonly check: DriftCheck;
  readonly expected: string;
  readonly actual: string;
  /** The amount of money concerned; 0 where there is none, such as for a missing number. */
  readonly micros: number;
};

/**
 * The result of comparing one account.
 *
 * - `ok`, `drift`: compared completely, at the same seq
 * - `busy`: written to all the time; its balances were compared at an earlier seq and were equal
 * - `failed`: could not be compared, see `reason`; this says nothing about the account
 */
export type Comparison = {
  readonly accountId: string;
  readonly shard: number;
  /** The entry at which it was compared, or null when Redis does not have the account: then only Postgres was checked. */
  readonly seq: number | null;
  readonly result: 'ok' | 'drift' | 'busy' | 'failed';
  readonly reason: string | null;
  readonly differences: readonly Difference[];
};

/** The amounts of an account, which Redis and Postgres both keep. */
export type Figures = Readonly<Record<AmountName, number>>;

/** Merges differences of the same check: there is one finding per account and check. */
export function mergeDifferences(differences: readonly Difference[]): Difference[] {
  const merged = new Map<string, Difference>();
  for (const each of differences) {
    const known = merged.get(each.check);
    merged.set(each.check, known === undefined ? each : {
      check: each.check, expected: `${known.expected}; ${each.expected}`, actual: `${known.actual}; ${each.actual}`,
      micros: Math.max(known.micros, each.micros),
    });
  }
  return [...merged.values()];
}

/** Compares named figures. Only the largest difference counts, because one wrong movement shows in several figures. */
export function compareFigures<Name extends string>(
  check: DriftCheck, names: readonly Name[], expected: Readonly<Record<Name, number>>, actual: Readonly<Record<Name, number>>,
): Difference[] {
  const wrong = names.filter((name) => expected[name] !== actual[name]);
  if (wrong.length === 0) return [];
  const text = (of: Readonly<Record<Name, number>>): string => wrong.map((name) => `${name} ${of[name]}`).join(', ');
  return [{
    check, expected: text(expected), actual: text(actual),
    micros: Math.max(...wrong.map((name) => Math.abs(expected[name] - actual[name]))),
  }];
}

const SHOWN_MAX = 5;

/** Compares named items, such as lots. `amountOf` returns an item's money; the differences add up. */
export function compareNamed<Thing>(
  check: DriftCheck, expected: ReadonlyMap<string, Thing>, actual: ReadonlyMap<string, Thing>,
  describe: (thing: Thing) => string, differ: (expected: Thing | undefined, actual: Thing | undefined) => number,
): Difference[] {
  const text = (of: ReadonlyMap<string, Thing>, name: string): string => {
    const thing = of.get(name);
    return `${name} ${thing === undefined ? 'absent' : describe(thing)}`;
  };
  const names = [...new Set([...expected.keys(), ...actual.keys()])];
  const wrong = names.filter((name) => text(expected, name) !== text(actual, name));
  if (wrong.length === 0) return [];
  const list = (of: ReadonlyMap<string, Thing>): string =>
    [
      ...wrong.slice(0, SHOWN_MAX).map((name) => text(of, name)),
      ...(wrong.length > SHOWN_MAX ? [`and ${wrong.length - SHOWN_MAX} more`] : []),
    ].join(', ');
  const amount = wrong.reduce((sum, name) => sum + differ(expected.get(name), actual.get(name)), 0);
  return [{ check, expected: list(expected), actual: list(actual), micros: Math.min(amount, Number.MAX_SAFE_INTEGER) }];
}
