import { html, type Html } from '../../http/html.js';
import { HEIGHT, WIDTH } from './scale.js';

/** What is around a drawing: its title, the figure that it is about, and the labels of its axes. */
export type Frame = {
  readonly title: string;
  /** The figure to be seen at a glance. */
  readonly figure: string;
  readonly note: string;
  /** What the drawing shows, in words, for those who do not see it. */
  readonly says: string;
  /** The label of the upper edge; the lower one is 0. */
  readonly top: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly isBad?: boolean;
};

export const frame = (
  { title, figure, note, says, top, fromMs, toMs, isBad = false }: Frame, drawing: Html, legend: Html = html``,
): Html => html`<figure class="chart${isBad ? ' bad' : ''}">
<figcaption><h3>${title}</h3><p class="value">${figure}</p><p>${note}</p></figcaption>
<div class="plot"><span class="top" aria-hidden="true">${top}</span>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${says}">
<path class="grid" d="M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}"/>
${drawing}</svg></div>
<p class="axis" aria-hidden="true"><span>${clockOf(fromMs, toMs - fromMs)}</span>
<span>${clockOf(toMs, toMs - fromMs)} UTC</span></p>${legend}</figure>
`;

/** In place of a drawing when there is nothing to draw. */
export const emptyFrame = (title: string, figure: string, note: string): Html =>
  html`<figure class="chart"><figcaption><h3>${title}</h3><p class="value">${figure}</p><p>${note}</p></figcaption></figure>
`;

const DAY_MS = 86_400_000;
const SHORT_MS = 600_000;

/** The time of day; of a chart longer than a day the date as well, of a short one the seconds. */
function clockOf(atMs: number, spanMs: number): string {
  const iso = new Date(atMs).toISOString();
  if (spanMs >= DAY_MS) return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
  return iso.slice(11, spanMs < SHORT_MS ? 19 : 16);
}
