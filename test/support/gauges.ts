import { createMetrics, type Metrics } from '../../src/kit/metrics/metrics.js';

export type TestMetrics = Metrics & {
  /**
   * The scraped value of one series, such as `cg_holds_open` or `cg_queue_jobs{queue="ledger",state="waiting"}`; undefined
   * when it is not reported.
   */
  gauge(series: string): Promise<number | undefined>;
};

/** A registry for what one test watches. */
export function testMetrics(): TestMetrics {
  const metrics = createMetrics({ version: 'test', defaults: false });
  return { ...metrics, gauge: async (series) => seriesOf(await metrics.text()).get(series) };
}

/** The values of a scrape, by series. */
export const seriesOf = (text: string): ReadonlyMap<string, number> => new Map(
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
    const space = line.lastIndexOf(' ');
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }),
);
