import { html, type Html } from '../../http/html.js';
import { emptyFrame, frame, type Frame } from './frame.js';
import { at, HEIGHT, roundUp, shareOf, WIDTH } from './scale.js';

/** A value at a moment. Null: not known, and the line has a gap. */
export type Point = { readonly atMs: number; readonly value: number | null };
type KnownPoint = { readonly atMs: number; readonly value: number };

export type LineChart = Pick<Frame, 'title' | 'note' | 'fromMs' | 'toMs' | 'isBad'> & {
  readonly points: readonly Point[];
  /** A value in words, with its unit. */
  readonly say: (value: number) => string;
  /** The value stays what it was until the next point, as a balance does. */
  readonly isStepped?: boolean;
  /** Shown while nothing is known yet. */
  readonly empty: string;
};

/** How a value changed over time: the last one as a figure, and all of them as a line. A dash: the last one is not known. */
export function lineChart({ points, say, isStepped = false, empty, ...rest }: LineChart): Html {
  const known = points.filter((point): point is KnownPoint => point.value !== null);
  const [first] = known;
  if (first === undefined) return emptyFrame(rest.title, '–', empty);
  const highest = known.reduce((most, point) => (point.value > most.value ? point : most), first);
  const last = points.at(-1)?.value ?? null;
  const figure = last === null ? '–' : say(last);
  const top = roundUp(highest.value);
  const x = (point: KnownPoint): number => shareOf(point.atMs, rest.fromMs, rest.toMs) * WIDTH;
  const y = (point: KnownPoint): number => HEIGHT - Math.max(0, point.value) / top * HEIGHT;
  const runs = runsOf(points);
  const lines = runs.map((run) => lineOf(run, x, y, isStepped));
  const areas = runs.map((run, index) => {
    const [begin] = run;
    return begin === undefined ? '' : `${lines[index] ?? ''}V${HEIGHT}H${at(x(begin))}Z`;
  });
  return frame({
    ...rest, figure, top: say(top),
    says: `${rest.title}: ${last === null ? 'nothing' : figure} at the end, at most ${say(highest.value)} at ${
      new Date(highest.atMs).toISOString()}`,
  }, html`<path class="area" d="${areas.join('')}"/><path class="line" d="${lines.join('')}"/>`);
}

/** The points between gaps. */
function runsOf(points: readonly Point[]): KnownPoint[][] {
  const runs: KnownPoint[][] = [[]];
  for (const { atMs, value } of points) {
    if (value === null) runs.push([]);
    else runs.at(-1)?.push({ atMs, value });
  }
  return runs.filter((run) => run.length > 0);
}

type Coordinate = (point: KnownPoint) => number;

/** One point alone is a short stroke, so that it can be seen. */
function lineOf(run: readonly KnownPoint[], x: Coordinate, y: Coordinate, isStepped: boolean): string {
  const path = run.map((point, index) => {
    const [across, down] = [at(x(point)), at(y(point))];
    if (index === 0) return `M${across} ${down}`;
    return isStepped ? `H${across}V${down}` : `L${across} ${down}`;
  }).join('');
  return run.length === 1 ? `${path}h2` : path;
}
