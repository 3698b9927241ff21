import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import {
  METRICS, type CounterKey, type GaugeKey, type HistogramKey, type LabelsOf, type MetricKey,
} from './catalogue.js';
import { createHistogram } from './histogram.js';
import type { Labels, MetricSpec } from './metric-spec.js';
import { takeSnapshot, textOf } from './snapshot.js';
import { slices } from '../slices.js';

/** States of the breaker in front of Redis as numbers for charts: higher is worse. */
const BREAKER_STATES = { closed: 0, half_open: 1, open: 2 } as const;

/** The state of the guard in front of Redis, read on each scrape. */
export type RedisState = { readonly breaker: keyof typeof BREAKER_STATES; readonly inFlight: number };

/** Observes one finished operation by its status. Bound once per route or job, so the hot path only looks it up. */
export type Observe = (status: string, seconds: number) => void;

/** Metrics of requests and scripts, which are observed through `http` and `script`. */
type BusyKey = 'requestSeconds' | 'scriptSeconds';

/** What domain code reports to, by the metric's name in the catalogue. Tests pass their own. */
export interface Meter {
  /** Adds to a counter; one by default. */
  count<K extends CounterKey>(key: K, labels: LabelsOf<K>, by?: number): void;
  set<K extends GaugeKey>(key: K, labels: LabelsOf<K>, value: number): void;
  observe<K extends Exclude<HistogramKey, BusyKey>>(key: K, labels: LabelsOf<K>, value: number): void;
}

/** For watchers of something that may be unavailable. */
export interface Gauges extends Pick<Meter, 'set'> {
  /** Removes the gauges until they are set again: a value from before an outage must not look current. */
  forget(...keys: readonly GaugeKey[]): void;
  /**
   * Reads a gauge on each scrape, for values that are in memory and change all the time. A series that `read` does not set ends
   * with that scrape.
   */
  onScrape<K extends GaugeKey>(key: K, read: (set: (labels: LabelsOf<K>, value: number) => void) => void): void;
}

/** All metrics of one process. Passed as an argument: there is no global registry. */
export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Between two measurements of the event loop's delay; part of what they tell (grafana/src/promql.ts). With prom-client's 10 ms an idle
 * process wakes a hundred times a second for them.
 */
export const LOOP_RESOLUTION_MS = 100;

/**
 * Creates every metric of the catalogue. Series with closed labels start at zero, so that their rate is defined before
 * the first event and dashboards show 0 instead of no data.
 */
export function createMetrics({ version, defaults = true }: { readonly version: string; readonly defaults?: boolean }) {
  const registry = new Registry();
  if (defaults) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_RESOLUTION_MS });

  const requests = createHistogram(registry, METRICS.requestSeconds);
  const scripts = createHistogram(registry, METRICS.scriptSeconds);

  let redisState = (): RedisState => ({ breaker: 'closed', inFlight: 0 });
  let inFlight = 0;
  const readers = new Map<MetricKey, () => void>();

  const { counters, gauges, histograms } = makeSeries(registry, readers);
  const meter: Meter = {
    count: (key, labels, by = 1) => { counters.get(key)?.inc(text(labels), by); },
    set: (key, labels, value) => { gauges.get(key)?.set(text(labels), value); },
    observe: (key, labels, value) => { histograms.get(key)?.(text(labels))(value); },
  };
  const gaugesOf: Gauges = {
    set: (key, labels, value) => { meter.set(key, labels, value); },
    forget: (...keys) => {
      for (const key of keys) {
        const gauge = gauges.get(key);
        if (gauge !== undefined) silence(gauge, METRICS[key]);
      }
    },
    onScrape: (key, read) => {
      readers.set(key, () => {
        gaugesOf.forget(key);
        read((labels, value) => { meter.set(key, labels, value); });
      });
    },
  };
  gaugesOf.onScrape('requestsInFlight', (set) => { set({}, inFlight); });
  gaugesOf.onScrape('breakerState', (set) => { set({}, BREAKER_STATES[redisState().breaker]); });
  gaugesOf.onScrape('redisInFlight', (set) => { set({}, redisState().inFlight); });
  meter.set('build', { version, node: process.version }, 1);

  const observeScript = new Map<string, Observe>();
  return {
    ...meter,
    ...gaugesOf,
    registry,
    text: async (): Promise<string> => {
      const pause = slices();
      return textOf(await takeSnapshot(registry, pause), pause);
    },
    http: {
      begin: (): void => { inFlight += 1; },
      end: (): void => { inFlight -= 1; },
      route: (method: string, route: string): Observe => bound((status) => requests({ method, route, status })),
    },
    /** One call of a script: the status word of its reply, or `error`. */
    script: (script: string, status: string, seconds: number, isReplay: boolean): void => {
      let observe = observeScript.get(script);
      if (observe === undefined) {
        observe = bound((each) => scripts({ script, status: each }));
        observeScript.set(script, observe);
      }
      observe(status, seconds);
      if (isReplay) meter.count('replays', { operation: script });
    },
    /** Sets the reader of the guard's state; it is called on each scrape. */
    watchRedis: (read: () => RedisState): void => { redisState = read; },
  };
}

/** Every metric of the catalogue except the two busy ones. `readers` are called for a gauge's value on each scrape. */
function makeSeries(registry: Registry, readers: ReadonlyMap<MetricKey, () => void>) {
  const counters = new Map<MetricKey, Counter>();
  const gauges = new Map<MetricKey, Gauge>();
  const histograms = new Map<MetricKey, ReturnType<typeof createHistogram>>();
  for (const [key, spec] of Object.entries(METRICS) as [MetricKey, MetricSpec][]) {
    const { name, help, aggregator = 'sum' } = spec;
    const config = { name, help, aggregator, labelNames: Object.keys(spec.labels), registers: [registry] };
    if (key === 'requestSeconds' || key === 'scriptSeconds') continue;
    if (spec.type === 'counter') {
      const counter = new Counter(config);
      for (const labels of closedSeries(spec.labels)) counter.inc(labels, 0);
      counters.set(key, counter);
    } else if (spec.type === 'gauge') {
      const gauge = new Gauge({ ...config, collect: () => { readers.get(key)?.(); } });
      silence(gauge, spec); // prom-client starts at 0; a gauge that this process does not measure must not be reported
      gauges.set(key, gauge);
    } else {
      const histogram = createHistogram(registry, { ...spec, buckets: spec.buckets ?? [] });
      for (const labels of closedSeries(spec.labels)) histogram(labels);
      histograms.set(key, histogram);
    }
  }
  return { counters, gauges, histograms };
}

/** Removes every series of a gauge. `reset` alone would leave one without labels at 0. */
function silence(gauge: Gauge, { labels }: MetricSpec): void {
  if (Object.keys(labels).length === 0) gauge.remove();
  else gauge.reset();
}

/** With a generic key the compiler cannot infer that every label's value is text. */
const text = (labels: object): Readonly<Record<string, string>> => labels as Readonly<Record<string, string>>;

/** All combinations of closed label values; none when a label is open. */
function closedSeries(labels: Labels): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (series, [name, values]) => series.flatMap((each) => (values ?? []).map((value) => ({ ...each, [name]: value }))), [{}]);
}

/** Looks up the series of each status once and keeps it: a handful per route, so a Map is enough. */
function bound(seriesOf: (status: string) => (seconds: number) => void): Observe {
  const byStatus = new Map<string, (seconds: number) => void>();
  return (status, seconds) => {
    let series = byStatus.get(status);
    if (series === undefined) {
      series = seriesOf(status);
      byStatus.set(status, series);
    }
    series(seconds);
  };
}
