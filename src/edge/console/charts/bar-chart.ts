import { html, type Html } from '../../http/html.js';
import { emptyFrame, frame, type Frame } from './frame.js';
import { at, HEIGHT, roundUp, shareOf, WIDTH } from './scale.js';

/** One value of a bar: whose it is, when its bar begins, and how much. */
export type Part = { readonly name: string; readonly atMs: number; readonly value: number };

export type BarChart = Pick<Frame, 'title' | 'note' | 'fromMs' | 'toMs'> & {
  readonly parts: readonly Part[];
  /** The length of one bar. */
  readonly stepMs: number;
  readonly say: (value: number) => string;
  /** What the parts without a colour of their own are together. */
  readonly others: string;
  readonly empty: string;
};

/** Names with a colour of their own. More colours cannot be told apart. */
const COLOURS = 5;
/** The part of the step that a bar fills. */
const BAR_SHARE = 0.8;

/** Sums over time as stacked bars, with a legend that tells the sum of each name. The largest names have colours. */
export function barChart({ parts, stepMs, say, others, empty, ...rest }: BarChart): Html {
  const sums = sumBy(parts, ({ name }) => name);
  const names = [...sums].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([name]) => name);
  if (names.length === 0) return emptyFrame(rest.title, '0', empty);
  const own = names.slice(0, COLOURS);
  const colourOf = (name: string): number => (own.includes(name) ? own.indexOf(name) : COLOURS);
  const bars = sumBy(parts, ({ atMs }) => atMs);
  const highest = Math.max(...bars.values());
  const top = roundUp(highest);
  const total = [...sums.values()].reduce((sum, each) => sum + each, 0);
  const stacks = [...bars.keys()].map((atMs) => {
    const ofBar = sumBy(parts.filter((part) => part.atMs === atMs), ({ name }) => colourOf(name));
    return stackOf(ofBar, shareOf(atMs, rest.fromMs, rest.toMs) * WIDTH, stepMs / (rest.toMs - rest.fromMs) * WIDTH, top);
  });
  const left = names.slice(COLOURS).reduce((sum, name) => sum + (sums.get(name) ?? 0), 0);
  const legend = [...own.map((name) => [name, sums.get(name) ?? 0] as const), ...(left === 0 ? [] : [[others, left] as const])];
  return frame({
    ...rest, figure: say(total), top: say(top),
    says: `${rest.title}: ${say(total)} in all, at most ${say(highest)} in one bar; `
      + legend.map(([name, sum]) => `${name} ${say(sum)}`).join(', '),
  }, html`${stacks}`, html`<ul class="legend">${legend.map(([name, sum], index) =>
    html`<li><svg class="key" viewBox="0 0 8 8" aria-hidden="true"><rect class="c${index}" width="8" height="8"/></svg><span class="mono">${
      name}</span> ${say(sum)}</li>`)}</ul>`);
}

function stackOf(ofBar: ReadonlyMap<number, number>, left: number, step: number, top: number): Html {
  let below = 0;
  return html`${[...ofBar].sort(([a], [b]) => a - b).map(([colour, value]) => {
    const height = Math.max(0, value) / top * HEIGHT;
    below += height;
    return html`<rect class="c${colour}" x="${at(left + step * (1 - BAR_SHARE) / 2)}" y="${at(HEIGHT - below)}" width="${
      at(step * BAR_SHARE)}" height="${at(height)}"/>`;
  })}`;
}

function sumBy<Key>(parts: readonly Part[], keyOf: (part: Part) => Key): Map<Key, number> {
  const sums = new Map<Key, number>();
  for (const part of parts) sums.set(keyOf(part), (sums.get(keyOf(part)) ?? 0) + part.value);
  return sums;
}
