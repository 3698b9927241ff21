import type { Plot } from './plot.js';

/** What a part of the benchmark measures and reports. */

/** A figure with a target (docs/performance.md), measured once per round. */
export type Figure = {
  /** Such as `P1`. */
  readonly id: string;
  readonly name: string;
  /** Absent: shown for comparison. */
  readonly target?: { readonly atMost: number } | { readonly atLeast: number };
  /** One per round. What is not finite counts as not measured; with none the figure was not measured. */
  readonly values: readonly number[];
  /** Why it was not, where the part knows. */
  readonly unmeasured?: string;
  readonly unit?: string;
  /** What keeps it from being better. */
  readonly limitedBy?: string;
};

/** Rows of numbers and texts behind the figures. */
export type Table = {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
};

export type PartResult = {
  readonly figures: readonly Figure[];
  readonly tables: readonly Table[];
  /** What is wrong with answers or books: the benchmark fails. */
  readonly problems: readonly string[];
  readonly plots?: readonly Plot[];
  /** What replaces the marked block of a page, by its path. */
  readonly blocks?: Readonly<Record<string, string>>;
  /** Why something was not measured, and other remarks. */
  readonly notes?: readonly string[];
};

export type PartOptions = {
  /** Few requests and rounds: checks correctness, and its figures mean little. */
  readonly quick: boolean;
  readonly say: (line: string) => void;
};

export type Part = {
  readonly name: string;
  readonly about: string;
  /** False: it is left out by `--quick`, because it checks nothing or takes long to start. */
  readonly isQuick?: boolean;
  readonly run: (options: PartOptions) => Promise<PartResult>;
};
