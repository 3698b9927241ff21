import type { Metric, Registry } from 'prom-client';

type Labels = Readonly<Record<string, string>>;
type Series = {
  readonly labels: Labels;
  readonly counts: number[];
  sum: number;
};
type Sample = { readonly metricName: string; readonly labels: Readonly<Record<string, string | number>>; readonly value: number };

/**
 * A histogram for events of every request. prom-client's own hashes the labels of each observation, which under load
 * costs 3 µs (measured; a whole request costs 90 µs); here the observer looks up its series once, and an observation is
 * two additions. It is registered as a prom-client metric, so scraping and cluster aggregation work unchanged.
 *
 * @returns Gives the series of one set of labels; call it once per set and keep the result.
 */
export function busyHistogram(
  registry: Registry,
  { name, help, buckets }: { readonly name: string; readonly help: string; readonly buckets: readonly number[] },
): (labels: Labels) => (value: number) => void {
  const allSeries: Series[] = [];
  const metric = {
    name, help, type: 'histogram', aggregator: 'sum',
    get: () => Promise.resolve({
      name, help, type: 'histogram', aggregator: 'sum', values: allSeries.flatMap((series) => samplesOf(name, buckets, series)),
    }),
    reset: () => { for (const series of allSeries) { series.counts.fill(0); series.sum = 0; } },
  };
  registry.registerMetric(metric as unknown as Metric);
  return (labels) => {
    const counts = Array.from({ length: buckets.length + 1 }, () => 0);
    const series: Series = { labels, counts, sum: 0 };
    allSeries.push(series);
    return (value) => {
      let bucket = 0;
      while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket += 1;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      series.sum += value;
    };
  };
}

/** Prometheus' buckets are cumulative: each includes the observations of all lower ones. */
function samplesOf(name: string, buckets: readonly number[], { labels, counts, sum }: Series): Sample[] {
  let count = 0;
  const samples: Sample[] = counts.map((inBucket, index) => {
    count += inBucket;
    return { metricName: `${name}_bucket`, labels: { le: buckets[index] ?? '+Inf', ...labels }, value: count };
  });
  return [...samples, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count }];
}
