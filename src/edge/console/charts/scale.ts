/** The plane in which charts are drawn. A browser stretches it to the width of its place; labels are text beside it. */
export const WIDTH = 600;
export const HEIGHT = 120;

const STEPS = [1, 2, 2.5, 5, 10];

/** The smallest round number that is not below `value`: the top of an axis. 1 for nothing. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = STEPS.find((each) => each * power >= value) ?? 10;
  return Number((step * power).toPrecision(3));
}

/** A coordinate with the digits that can be seen. */
export const at = (coordinate: number): string => String(Number(coordinate.toFixed(1)));

/** From 0 to 1: where a moment is between two others. */
export const shareOf = (atMs: number, fromMs: number, toMs: number): number =>
  (toMs <= fromMs ? 0 : Math.min(1, Math.max(0, (atMs - fromMs) / (toMs - fromMs))));
