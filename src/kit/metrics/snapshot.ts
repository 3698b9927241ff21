import type { Registry } from 'prom-client';
import type { Pause } from '../slices.js';
import { labelsText, type Labels } from './label-text.js';

/**
 * The values of one metric. `keys` are series as the text format writes them, such as `cg_x_total{a="b"}`, so that adding up
 * processes and writing the text need no labels; `values` has one number for each.
 */
export type MetricSnapshot = {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the values of processes are combined (catalogue.ts). prom-client's own metrics have theirs. */
  readonly aggregator: string;
  readonly keys: readonly string[];
  readonly values: readonly number[];
};
export type Snapshot = readonly MetricSnapshot[];

/** The series of a metric, as in a snapshot. */
export type SeriesValues = Pick<MetricSnapshot, 'keys' | 'values'>;
/** A metric that keeps the text of its series, so that a scrape only reads its values. */
export type KeepsKeys = { readSeries(): SeriesValues };

type Values = readonly { readonly metricName?: string; readonly labels?: Labels; readonly value: number }[];
type Facts = Omit<MetricSnapshot, 'keys' | 'values' | 'aggregator'> & { readonly aggregator?: string };
type ReadableMetric = Facts & { get(): Promise<Facts & { readonly values: Values }> } & Partial<KeepsKeys>;

/** When a process was started, in seconds since 1970. */
export const START_TIME = 'process_start_time_seconds';

/**
 * Rules in place of prom-client's, which leaves the start time out of a combined text and averages the delay of event loops.
 * The latest start changes whenever a process is started; one process that is late makes its requests late.
 */
const RULES: Readonly<Record<string, string>> = { [START_TIME]: 'max', nodejs_eventloop_lag_p99_seconds: 'max' };

/**
 * Reads every metric of a registry. `pause` is awaited between parts of the work (`slices`), so that a scrape of ten thousand
 * series blocks no request for longer than a few milliseconds.
 */
export async function takeSnapshot(registry: Registry, pause: Pause): Promise<Snapshot> {
  const snapshot: MetricSnapshot[] = [];
  for (const metric of registry.getMetricsAsArray() as unknown as readonly ReadableMetric[]) {
    const { name, help, type, aggregator = 'sum' } = metric;
    const series = metric.readSeries?.() ?? await seriesOf(name, (await metric.get()).values, pause);
    snapshot.push({ name, help, type, aggregator: RULES[name] ?? aggregator, ...series });
    await pause();
  }
  return snapshot;
}

/** Asking the time for every series would cost more than the series. */
const PAUSE_EVERY = 100;

async function seriesOf(name: string, samples: Values, pause: Pause): Promise<SeriesValues> {
  const [keys, values]: [string[], number[]] = [[], []];
  for (const { metricName = name, labels, value } of samples) {
    keys.push(labels === undefined ? metricName : metricName + keptText(labels));
    values.push(value);
    if (keys.length % PAUSE_EVERY === 0) await pause();
  }
  return { keys, values };
}

/** The text of labels that a metric keeps between scrapes, as most do. */
const texts = new WeakMap<Labels, string>();

function keptText(labels: Labels): string {
  let text = texts.get(labels);
  if (text === undefined) texts.set(labels, text = labelsText(labels));
  return text;
}

/** The snapshot of several processes together: each series by its metric's rule. */
export async function combine(snapshots: readonly Snapshot[], pause: Pause): Promise<Snapshot> {
  const metrics = new Map<string, { readonly metric: MetricSnapshot; readonly series: Map<string, number[]> }>();
  for (const snapshot of snapshots) {
    for (const metric of snapshot) {
      let found = metrics.get(metric.name);
      if (found === undefined) metrics.set(metric.name, found = { metric, series: new Map() });
      for (const [index, key] of metric.keys.entries()) {
        const all = found.series.get(key);
        const value = metric.values[index] ?? 0;
        if (all === undefined) found.series.set(key, [value]);
        else all.push(value);
        if (index % PAUSE_EVERY === 0) await pause();
      }
    }
  }
  const combined: MetricSnapshot[] = [];
  for (const { metric, series } of metrics.values()) {
    if (metric.aggregator === 'omit') continue;
    const how = COMBINED[metric.aggregator] ?? add;
    combined.push({ ...metric, keys: [...series.keys()], values: [...series.values()].map(how) });
    await pause();
  }
  return combined;
}

const add = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const COMBINED: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum: add,
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
  first: ([value = 0]) => value,
  average: (values) => add(values) / values.length,
};

/** Prometheus' text format. */
export async function textOf(snapshot: Snapshot, pause: Pause): Promise<string> {
  const parts: string[] = [];
  for (const { name, help, type, keys, values } of snapshot) {
    let part = `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
    for (const [index, key] of keys.entries()) {
      part += `${key} ${numberText(values[index] ?? 0)}\n`;
      if (index % PAUSE_EVERY === 0) await pause();
    }
    parts.push(part);
    await pause();
  }
  return parts.join('\n');
}

function numberText(value: number): string {
  const text = `${value}`;
  if (text === 'Infinity') return '+Inf';
  return text === '-Infinity' ? '-Inf' : text;
}
