type Details = {
  /** The candidates or actions that were tried, in order, each with its outcome. */
  readonly tried?: readonly string[];
  /** What the reader can do about it, most likely first. */
  readonly advice?: readonly string[];
  readonly cause?: unknown;
};

/** An embedded server could not be started. The message states the failed step, what was tried and what to do. */
export class EmbeddedError extends Error {
  readonly step: string;
  readonly tried: readonly string[];
  readonly advice: readonly string[];

  constructor(step: string, problem: string, { tried = [], advice = [], cause }: Details = {}) {
    super([`${step}: ${problem}`, ...listed('tried', tried), ...listed('what to do', advice)].join('\n'), { cause });
    this.name = 'EmbeddedError';
    this.step = step;
    this.tried = tried;
    this.advice = advice;
  }
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function listed(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`  ${title}:`, ...lines.map((line) => `    - ${line}`)];
}
