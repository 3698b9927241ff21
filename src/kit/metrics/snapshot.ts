import type { Registry } from 'prom-client';
import type { Pause } from '../slices.js';

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

type Labels = Readonly<Record<string, string | number>>;
type Values = readonly { readonly metricName?: string; readonly labels?: Labels; readonly value: number }[];
type Read = { readonly name: string; readonly help: string; readonly type: string; readonly aggregator?: string; readonly values: Values };

/**
 * Reads every metric of a registry. `pause` is awaited between parts of the work (`slices`), so that a scrape of ten thousand
 * series blocks no request for longer than a few milliseconds.
 */
export async function takeSnapshot(registry: Registry, pause: Pause): Promise<Snapshot> {
  const snapshot: MetricSnapshot[] = [];
  for (const metric of registry.getMetricsAsArray()) {
    const { name, help, type, aggregator = 'sum', values } = await (metric as unknown as { get(): Promise<Read> | Read }).get();
    const [keys, numbers]: [string[], number[]] = [[], []];
    for (const { metricName = name, labels, value } of values) {
      keys.push(labels === undefined ? metricName : metricName + labelsText(labels));
      numbers.push(value);
      if (keys.length % PAUSE_EVERY === 0) await pause();
    }
    snapshot.push({ name, help, type, aggregator, keys, values: numbers });
    await pause();
  }
  return snapshot;
}

/** Asking the time for every series would cost more than the series. */
const PAUSE_EVERY = 100;

/** The text of labels that a metric keeps between scrapes, as most do: to escape them takes longer than all else. */
const texts = new WeakMap<Labels, string>();

function labelsText(labels: Labels): string {
  let text = texts.get(labels);
  if (text === undefined) {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(String(value)).replaceAll('"', '\\"')}"`);
    text = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
    texts.set(labels, text);
  }
  return text;
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

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
    let part = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;
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
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
