import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { busyHistogram } from './busy-histogram.js';
import {
  METRICS, type CounterKey, type GaugeKey, type HistogramKey, type Labels, type LabelsOf, type MetricKey, type MetricSpec,
} from './catalogue.js';

/** States of the breaker before Redis, as numbers that draw well: higher is worse. */
const BREAKER_STATES = { closed: 0, half_open: 1, open: 2 } as const;

/** What the guard in front of Redis can say about itself when somebody looks. */
export type RedisState = { readonly breaker: keyof typeof BREAKER_STATES; readonly inFlight: number };

/** Observes one finished thing by how it ended. Bound once per route or job: the hot path only looks it up. */
export type Observe = (status: string, seconds: number) => void;

/** The ones that requests and scripts observe by themselves, through `http` and `script`. */
type BusyKey = 'requestSeconds' | 'scriptSeconds';

/** What domains report to: one of the three, by the name in the catalogue. Tests give their own. */
export interface Meter {
  /** Adds to a counter; by default one. */
  count<K extends CounterKey>(key: K, labels: LabelsOf<K>, by?: number): void;
  set<K extends GaugeKey>(key: K, labels: LabelsOf<K>, value: number): void;
  observe<K extends Exclude<HistogramKey, BusyKey>>(key: K, labels: LabelsOf<K>, value: number): void;
}

/** What watches something that may not be there to be looked at. */
export interface Gauges extends Pick<Meter, 'set'> {
  /** Says nothing any more until it is set again: a number of before an outage must not look like one of now. */
  forget(...keys: readonly GaugeKey[]): void;
  /** Reads a gauge whenever somebody scrapes, for what is at hand and would be old by then. */
  onScrape<K extends GaugeKey>(key: K, read: (set: (labels: LabelsOf<K>, value: number) => void) => void): void;
}

/** All metrics of one process. Passed around by hand: there is no global registry to collide in. */
export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Makes every metric of the catalogue. Series with closed labels are there from the start, at zero, so that a rate of
 * them is a number before the first event and a dashboard is never empty for want of bad news.
 */
export function createMetrics({ version, defaults = true }: { readonly version: string; readonly defaults?: boolean }) {
  const registry = new Registry();
  if (defaults) collectDefaultMetrics({ register: registry });

  const busy = (key: BusyKey) => busyHistogram(registry, METRICS[key]);
  const requests = busy('requestSeconds');
  const scripts = busy('scriptSeconds');

  let redisState = (): RedisState => ({ breaker: 'closed', inFlight: 0 });
  let inFlight = 0;
  const readers = new Map<MetricKey, () => void>();

  const { counters, gauges, histograms } = makeSeries(registry, readers);
  const meter: Meter = {
    count: (key, labels, by = 1) => { counters.get(key)?.inc(text(labels), by); },
    set: (key, labels, value) => { gauges.get(key)?.set(text(labels), value); },
    observe: (key, labels, value) => { histograms.get(key)?.observe(text(labels), value); },
  };
  const gaugesOf: Gauges = {
    set: (key, labels, value) => { meter.set(key, labels, value); },
    forget: (...keys) => {
      for (const key of keys) {
        const gauge = gauges.get(key);
        if (gauge !== undefined) silence(gauge, METRICS[key]);
      }
    },
    onScrape: (key, read) => { readers.set(key, () => { read((labels, value) => { meter.set(key, labels, value); }); }); },
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
    text: (): Promise<string> => registry.metrics(),
    contentType: registry.contentType,
    http: {
      begin: (): void => { inFlight += 1; },
      end: (): void => { inFlight -= 1; },
      route: (method: string, route: string): Observe => bound((status) => requests({ method, route, status })),
    },
    /** One call of a script: its reply's status word, or `error`. */
    script: (script: string, status: string, seconds: number, isReplay: boolean): void => {
      let observe = observeScript.get(script);
      if (observe === undefined) {
        observe = bound((each) => scripts({ script, status: each }));
        observeScript.set(script, observe);
      }
      observe(status, seconds);
      if (isReplay) meter.count('replays', { operation: script });
    },
    /** Where to look for the guard's state; it is read when somebody scrapes, not when it changes. */
    watchRedis: (read: () => RedisState): void => { redisState = read; },
  };
}

/** Every metric of the catalogue but the two busy ones. `readers` are asked for a gauge's value whenever it is scraped. */
function makeSeries(registry: Registry, readers: ReadonlyMap<MetricKey, () => void>) {
  const counters = new Map<MetricKey, Counter>();
  const gauges = new Map<MetricKey, Gauge>();
  const histograms = new Map<MetricKey, Histogram>();
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
      silence(gauge, spec); // prom-client starts at 0; a gauge that nobody measures in this process must say nothing instead
      gauges.set(key, gauge);
    } else {
      const histogram = new Histogram({ ...config, buckets: [...(spec.buckets ?? [])] });
      for (const labels of closedSeries(spec.labels)) histogram.zero(labels);
      histograms.set(key, histogram);
    }
  }
  return { counters, gauges, histograms };
}

/** Takes every series of a gauge away. `reset` alone would leave one without labels at 0. */
function silence(gauge: Gauge, { labels }: MetricSpec): void {
  if (Object.keys(labels).length === 0) gauge.remove();
  else gauge.reset();
}

/** The compiler cannot see through a generic key that every label's value is text. */
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
