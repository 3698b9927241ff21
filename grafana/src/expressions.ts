import { METRICS, type GaugeKey, type HistogramKey, type LabelsOf } from '../../src/kit/metrics/catalogue.js';
import { JOB, part, series, worst, type Matchers, type Scope } from './promql.js';

/** Expressions that the dashboards build from `promql.ts`: shares, ages and rankings. */

/** Series that Prometheus writes itself. */
export const PROMETHEUS_METRICS = ['up', 'ALERTS'] as const;

/** The window of single values: long enough to be smooth, short enough to be current. */
export const NOW = '5m';
/** The window of graphs, from Grafana: at least four scrapes. */
export const STEP = '$__rate_interval';
/** The time range that the reader chose. */
export const RANGE = '$__range';
/** The processes that the reader chose. */
export const CHOSEN: Scope = { instance: '$instance' };

/** One for each process that answers Prometheus, zero for each that does not. */
export const UP = `up{job="${JOB}"}`;

/** A part of a whole, both without labels. A missing part counts as 0; a missing whole gives NaN. */
export const share = (some: string, whole: string): string => `(${some} or vector(0)) / ${whole}`;

/** Seconds since the time in a gauge, which is in seconds since 1970. */
export const secondsSince = (key: GaugeKey): string => `time() - ${worst(key)}`;

/** The lowest value of any process, for a gauge where lower is worse. `by`: for each value of this label. */
export const lowest = <K extends GaugeKey>(key: K, by?: keyof LabelsOf<K> & string): string =>
  `min${by === undefined ? '' : ` by (${by})`} (${series(key)})`;

/** How much a gauge of a shared place grew: exact, where `delta` extrapolates. */
export const growth = (key: GaugeKey, window: string): string => `${worst(key)} - max (${series(key)} offset ${window})`;

/** Rate per second of a total that another server counts. It is a gauge, and every process reads the same value. */
export const gaugeRate = (key: GaugeKey, window: string): string => `max (rate(${series(key)}[${window}]))`;

/** What a histogram added up, per second; of times: how many seconds of each second. */
export const sumRate = <K extends HistogramKey>(key: K, window: string, label?: keyof LabelsOf<K> & string): string =>
  `sum${label === undefined ? '' : ` by (${label})`} (rate(${part(key, 'sum')}[${window}]))`;

/** The share of observations that took no longer than `seconds`, which must be a bound of a bucket. */
export function within<K extends HistogramKey>(key: K, seconds: number, window: string, where: Matchers<K> = {}): string {
  if (!METRICS[key].buckets.includes(seconds)) throw new Error(`${METRICS[key].name} has no bucket of ${seconds} s`);
  const bucket = part(key, 'bucket', where).replace(/\}$/, `,le="${seconds}"}`);
  return share(`sum (rate(${bucket}[${window}]))`, `sum (rate(${part(key, 'count', where)}[${window}]))`);
}

/** The largest first. */
export const ranking = (most: number, expr: string): string => `sort_desc(topk(${most}, ${expr}))`;

/** One counter as a share of another, by a label that both have. Series with a whole of 0 are left out. */
export const growthShare = (some: string, whole: string): string => `${some} / (${whole} > 0)`;
