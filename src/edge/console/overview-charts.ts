import { HOUR_MS } from '../../books/usage-rollup.js';
import type { HoursOfDay } from '../../credits/usage/model-costs.js';
import type { RecentPoint } from '../../kit/metrics/recent.js';
import { sumToCredits } from '../../kit/money/credits.js';
import { html, type Html } from '../http/html.js';
import { barChart } from './charts/bar-chart.js';
import { emptyFrame } from './charts/frame.js';
import { lineChart } from './charts/line-chart.js';
import type { Known, Overview } from './overview.js';
import { amount } from './parts.js';
import { LAG_BAD_SECONDS } from './signs.js';

/** The objective of routes that a chat waits for (docs/runbook.md#latency-burn). */
const SLOW_SECONDS = 0.05;
const MS_PER_SECOND = 1_000;
/** A gateway that has just started has charts of that length. */
const SPAN_MIN_MS = 300_000;
const EMPTY = 'The first point is there twenty seconds after a start.';

type Line = {
  readonly title: string; readonly note: string; readonly of: (point: RecentPoint) => number | null;
  readonly say: (value: number) => string; readonly badFrom?: number;
};

const short = (value: number): string => value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
const seconds = (value: number): string => (value < 1 ? `${short(value * MS_PER_SECOND)} ms` : `${short(value)} s`);

const LINES: readonly Line[] = [
  {
    title: 'Requests', note: 'per second, without the console', of: (point) => point.requestsPerSecond,
    say: (value) => `${short(value)}/s`,
  },
  { title: 'p99', note: '99 of 100 requests are faster', of: (point) => point.p99Seconds, say: seconds, badFrom: SLOW_SECONDS },
  {
    title: 'Journal lag', note: 'age of what waits for Postgres', of: (point) => point.lagSeconds, say: seconds,
    badFrom: LAG_BAD_SECONDS,
  },
  { title: 'Refusals', note: 'per minute, of all reasons', of: (point) => point.refusedPerMinute, say: (value) => `${short(value)}/min` },
];

/** Pictures of the last hour, and of what models cost in the last day. */
export function overviewCharts({ recent, hours, readAtMs }: Pick<Overview, 'recent' | 'hours' | 'readAtMs'>): Html {
  const fromMs = Math.max(readAtMs - HOUR_MS, Math.min(recent[0]?.atMs ?? 0, readAtMs - SPAN_MIN_MS));
  return html`<div class="charts">${LINES.map(({ title, note, of, say, badFrom = Infinity }) => {
    const points = recent.map((point) => ({ atMs: point.atMs, value: of(point) }));
    return lineChart({ title, note, say, fromMs, toMs: readAtMs, empty: EMPTY, points, isBad: (points.at(-1)?.value ?? 0) >= badFrom });
  })}</div>
<div class="charts one">${capturedChart(hours)}</div>`;
}

function capturedChart(hours: Known<HoursOfDay>): Html {
  const title = 'Credits captured';
  if ('missing' in hours) return emptyFrame(title, '–', 'Could not be read.');
  const { fromMs, toMs, hours: rows } = hours.value;
  return barChart({
    title, note: 'per hour and model, the last 24 hours', fromMs, toMs, stepMs: HOUR_MS, others: 'other models',
    parts: rows.filter(({ captured }) => captured > 0n).map(({ hourMs, model, captured }) => ({
      name: model, atMs: hourMs, value: sumToCredits(captured),
    })),
    say: amount, empty: 'No usage of models was charged in the last 24 hours.',
  });
}
