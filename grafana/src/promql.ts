import { METRICS, type CounterKey, type HistogramKey, type LabelsOf, type MetricKey } from '../../src/kit/metrics/catalogue.js';
import { LOOP_RESOLUTION_MS } from '../../src/kit/metrics/metrics.js';

/**
 * PromQL over the catalogue of metrics: a renamed metric, a removed label or an unknown value of a closed label is a
 * compile error here and not an empty panel later.
 */

/** A condition for a label: one value, one of several, or not a value. */
type Match<V extends string> = V | readonly V[] | { readonly not: V | readonly V[] } | { readonly regex: string } | { readonly notRegex: string };
export type Matchers<K extends MetricKey> = { readonly [L in keyof LabelsOf<K>]?: Match<LabelsOf<K>[L]> };
type LabelNames<K extends MetricKey> = readonly (keyof LabelsOf<K> & string)[];

/** Metrics of prom-client that the dashboards use. */
export const PROCESS_METRICS = [
  'nodejs_eventloop_lag_p50_seconds', 'nodejs_eventloop_lag_p99_seconds', 'nodejs_heap_size_used_bytes', 'nodejs_active_handles_total',
  'process_resident_memory_bytes', 'process_cpu_seconds_total', 'process_start_time_seconds', 'process_open_fds', 'nodejs_gc_duration_seconds_sum',
] as const;
export type ProcessMetric = (typeof PROCESS_METRICS)[number];

/** The job label of every target (grafana/prometheus.yml). `instance` names the process. */
export const JOB = 'credit-gateway';

/** Set while a dashboard is written: the `instance` variable; rules look at all instances. */
export type Scope = { readonly instance?: string };

/** `name{labels}`. */
export function series<K extends MetricKey>(key: K, matchers: Matchers<K> = {}, scope: Scope = {}): string {
  return selector(METRICS[key].name, matchers, scope);
}

/** `name_bucket{labels}`, `name_sum`, `name_count` of a histogram. */
export function part<K extends HistogramKey>(key: K, suffix: 'bucket' | 'sum' | 'count', matchers: Matchers<K> = {}, scope: Scope = {}): string {
  return selector(`${METRICS[key].name}_${suffix}`, matchers, scope);
}

/** A metric of the process itself. */
export const processSeries = (name: ProcessMetric, scope: Scope = {}): string => selector(name, {}, scope);

/** How late turns of the event loop were, p99, in seconds: without the time between two measurements, which the metric contains. */
export const loopDelay = (scope: Scope = {}): string =>
  `clamp_min(${processSeries('nodejs_eventloop_lag_p99_seconds', scope)} - ${LOOP_RESOLUTION_MS / 1_000}, 0)`;

/** Per second, added up over processes; `by` keeps labels. */
export const rate = <K extends CounterKey>(key: K, window: string, { where, by, scope }: { readonly where?: Matchers<K>; readonly by?: LabelNames<K>; readonly scope?: Scope } = {}): string =>
  `sum${byClause(by)} (rate(${series(key, where, scope)}[${window}]))`;

/** How much it grew in the window, added up over processes. */
export const increase = <K extends CounterKey>(key: K, window: string, { where, by, scope }: { readonly where?: Matchers<K>; readonly by?: LabelNames<K>; readonly scope?: Scope } = {}): string =>
  `sum${byClause(by)} (increase(${series(key, where, scope)}[${window}]))`;

/** Observations of a histogram per second. */
export const countRate = <K extends HistogramKey>(key: K, window: string, { where, by, scope }: { readonly where?: Matchers<K>; readonly by?: LabelNames<K>; readonly scope?: Scope } = {}): string =>
  `sum${byClause(by)} (rate(${part(key, 'count', where, scope)}[${window}]))`;

/** The quantile `q` of a histogram over all processes. */
export const quantile = <K extends HistogramKey>(q: number, key: K, window: string, { where, by = [], scope }: { readonly where?: Matchers<K>; readonly by?: LabelNames<K>; readonly scope?: Scope } = {}): string =>
  `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (rate(${part(key, 'bucket', where, scope)}[${window}])))`;

/** A gauge that every process reads from the same place: its worst, or its only, value. */
export const worst = <K extends MetricKey>(key: K, { where, by, scope }: { readonly where?: Matchers<K>; readonly by?: LabelNames<K>; readonly scope?: Scope } = {}): string =>
  `max${byClause(by)} (${series(key, where, scope)})`;

/** A gauge of which each process has its own part. */
export const total = <K extends MetricKey>(key: K, { where, by, scope }: { readonly where?: Matchers<K>; readonly by?: LabelNames<K>; readonly scope?: Scope } = {}): string =>
  `sum${byClause(by)} (${series(key, where, scope)})`;

const byClause = (by: readonly string[] | undefined): string => (by === undefined || by.length === 0 ? '' : ` by (${by.join(', ')})`);

function selector(name: string, matchers: Readonly<Record<string, Match<string> | undefined>>, { instance }: Scope): string {
  const all = Object.entries(matchers).flatMap(([label, match]) => (match === undefined ? [] : [matcher(label, match)]));
  return `${name}{${[`job="${JOB}"`, ...(instance === undefined ? [] : [`instance=~"${instance}"`]), ...all].join(',')}}`;
}

function matcher(label: string, match: Match<string>): string {
  if (typeof match === 'string') return `${label}="${match}"`;
  if (isList(match)) return `${label}=~"${match.join('|')}"`;
  if ('regex' in match) return `${label}=~"${match.regex}"`;
  if ('notRegex' in match) return `${label}!~"${match.notRegex}"`;
  return typeof match.not === 'string' ? `${label}!="${match.not}"` : `${label}!~"${match.not.join('|')}"`;
}

const isList = (match: Match<string>): match is readonly string[] => Array.isArray(match);
