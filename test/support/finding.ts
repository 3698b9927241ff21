/** The result of one check of an audit. */
export type Finding = {
  readonly check: string;
  /** How many items were compared: a check that compared nothing has proved nothing. */
  readonly compared: number;
  /** How many were wrong, and the first few of those. */
  readonly wrongCount: number;
  readonly wrong: readonly string[];
};

/** How many wrong items are named; the rest is only counted. */
const NAMED_MAX = 5;

/** Collects a finding item by item. */
export function finding(check: string): { compare: (isRight: boolean, what: () => string) => void; done: () => Finding } {
  let compared = 0;
  let wrongCount = 0;
  const wrong: string[] = [];
  return {
    compare: (isRight, what) => {
      compared += 1;
      if (isRight) return;
      wrongCount += 1;
      if (wrong.length < NAMED_MAX) wrong.push(what());
    },
    done: () => ({ check, compared, wrongCount, wrong }),
  };
}

export const isClean = (findings: readonly Finding[]): boolean => findings.every(({ wrongCount }) => wrongCount === 0);
