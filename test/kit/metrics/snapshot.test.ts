import { expect, test } from '@jest/globals';
import { Histogram, Registry, type Metric } from 'prom-client';
import { METRICS } from '../../../src/kit/metrics/catalogue.js';
import { createHistogram } from '../../../src/kit/metrics/histogram.js';
import { createMetrics } from '../../../src/kit/metrics/metrics.js';
import { combine, takeSnapshot, textOf } from '../../../src/kit/metrics/snapshot.js';
import { shared } from '../../../src/kit/shared.js';
import { slices } from '../../../src/kit/slices.js';

const SERIES = 500;

/** As many series of requests as a gateway has that was asked for everything. */
function busyMetrics() {
  const metrics = createMetrics({ version: '1' });
  for (let route = 0; route < SERIES; route += 1) metrics.http.route('GET', `/route/${route}`)('200', 0.003);
  return metrics;
}

test('the text is what prom-client would write, whatever a label holds', async () => {
  const metrics = createMetrics({ version: 'a"b\\c\nd', defaults: false });
  metrics.http.route('GET', '/x')('200', 0.003);
  metrics.observe('jobSeconds', { job_name: 'drain', status: 'ok' }, 0.02);
  metrics.set('lagSeconds', {}, Infinity);
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  expect(lines(await metrics.text())).toEqual(lines(await metrics.registry.metrics()));
  expect(await metrics.text()).toContain('version="a\\"b\\\\c\\nd"');
});

test('a histogram is written as prom-client writes its own, and takes only numbers', async () => {
  const { name, help, buckets } = METRICS.jobSeconds;
  const [reference, registry] = [new Registry(), new Registry()];
  const theirs = new Histogram({ name, help, buckets: [...buckets], labelNames: ['job_name', 'status'], registers: [reference] });
  const ours = createHistogram(registry, METRICS.jobSeconds);
  for (const [job, seconds] of [['drain', 0.005], ['drain', 0.0051], ['a"b', 31], ['drain', 0], ['a"b', 30]] as const) {
    theirs.observe({ job_name: job, status: 'ok' }, seconds);
    ours({ status: 'ok', job_name: job })(seconds);
  }
  const pause = slices();
  const expected = (await reference.metrics()).trim();
  expect((await textOf(await takeSnapshot(registry, pause), pause)).trim()).toBe(expected);
  expect((await registry.metrics()).trim()).toBe(expected);
  expect(() => { ours({ status: 'ok', job_name: 'drain' })(NaN); }).toThrow(TypeError);
});

test('the work of a scrape leaves the event loop to others again and again', async () => {
  const { registry } = busyMetrics();
  let [nowMs, turns, isOver] = [0, 0, false];
  const pause = slices(() => (nowMs += 1)); // each look at the clock finds a millisecond gone
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const snapshot = await takeSnapshot(registry, pause);
  const afterReading = turns;
  await textOf(await combine([snapshot, snapshot], pause), pause);
  isOver = true;
  // 7 000 series, looked at every hundred, a pause at every second look.
  expect(afterReading).toBeGreaterThan(30);
  expect(turns - afterReading).toBeGreaterThan(60);
});

test('a scrape makes no text of labels again, and asks a histogram for its numbers only', async () => {
  const metrics = busyMetrics();
  const pause = slices();
  let labelsRead = 0;
  const labels = { get route() { labelsRead += 1; return '/x'; } };
  const counter = { name: 'cg_x_total', help: 'x', type: 'counter', get: () => Promise.resolve({ values: [{ labels, value: 1 }] }) };
  metrics.registry.registerMetric(counter as unknown as Metric);
  const first = await takeSnapshot(metrics.registry, pause);
  const readOnce = labelsRead;
  const ours = new Set<string>(Object.values(METRICS).flatMap((metric) => ('buckets' in metric ? [metric.name] : [])));
  expect(readOnce).toBeGreaterThan(0);
  const histograms = metrics.registry.getMetricsAsArray().filter(({ name }) => ours.has(name));
  expect(histograms.length).toBeGreaterThan(5);
  for (const each of histograms) Object.assign(each, { get: () => { throw new Error('makes an object for each bucket'); } });
  metrics.http.route('GET', '/route/1')('200', 0.003);
  const second = await takeSnapshot(metrics.registry, pause);
  expect(labelsRead).toBe(readOnce);
  for (const [index, { name, keys }] of first.entries()) if (ours.has(name)) expect(second[index]?.keys).toBe(keys);
});

test('many scrapers cost one text; a later one gets a new one, and a failure is not kept', async () => {
  let [made, nowMs, fails] = [0, 0, false];
  const scrape = shared(async () => {
    made += 1;
    await new Promise((resolve) => { setImmediate(resolve); });
    if (fails) throw new Error('no');
    return made;
  }, 1_000, () => nowMs);
  expect(await Promise.all(Array.from({ length: 20 }, scrape))).toEqual(Array.from({ length: 20 }, () => 1));
  nowMs = 999;
  expect(await scrape()).toBe(1);
  nowMs = 1_000;
  fails = true;
  expect((await Promise.allSettled([scrape(), scrape()])).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect([await scrape(), made]).toEqual([3, 3]);
});
