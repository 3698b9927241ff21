import type { Missing } from './writers.js';

/** A way to lose what Redis has acknowledged. */
export type Case = {
  readonly setup: string;
  readonly fault: string;
  /** Breaks it so often, and tells each time what is missing. */
  readonly measure: (rounds: number) => Promise<readonly Missing[]>;
};
