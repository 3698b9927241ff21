import { createMetrics, type Metrics } from '../../src/kit/metrics/metrics.js';

export type TestMetrics = Metrics & {
  /**
   * What a scrape says of one series, such as `cg_holds_open` or `cg_queue_jobs{queue="ledger",state="waiting"}`;
   * undefined when it says nothing.
   */
  gauge(series: string): Promise<number | undefined>;
};

/** Metrics of their own for what a test watches. */
export function testMetrics(): TestMetrics {
  const metrics = createMetrics({ version: 'test', defaults: false });
  return { ...metrics, gauge: async (series) => seriesOf(await metrics.text()).get(series) };
}

/** A scrape, by series. */
export const seriesOf = (text: string): ReadonlyMap<string, number> => new Map(
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
    const space = line.lastIndexOf(' ');
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }),
);
