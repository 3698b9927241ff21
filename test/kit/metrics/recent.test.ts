import { expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/kit/metrics/metrics.js';
import { ratesOf, totalsIn } from '../../../src/kit/metrics/recent.js';

/** What the charts of the console are made of. */

test('the counts are those of the text of the metrics, without the console and probes', async () => {
  const metrics = createMetrics({ version: '1', defaults: false });
  const before = totalsIn(await metrics.text());
  const route = (path: string) => metrics.http.route('POST', path);
  for (let call = 0; call < 98; call += 1) route('/v1/holds')('201', 0.0015);
  route('/v1/charges')('503', 0.3);
  route('/v1/charges')('503', 9);
  for (const path of ['/console', '/console/holds', '/readyz', '/metrics']) route(path)('200', 3);
  metrics.count('refusals', { reason: 'insufficient_credits' }, 3);
  metrics.count('refusals', { reason: 'rate_limited' }, 4);
  const after = totalsIn(await metrics.text());
  expect([after.refused - before.refused, after.buckets.at(-1)]).toEqual([7, 100]);
  // 98 of 100 are below 2 ms, the 99th is in the bucket from 0.25 to 0.5 s.
  expect(ratesOf(before, after, 10)).toEqual({ requestsPerSecond: 10, refusedPerMinute: 42, p99Seconds: 0.5 });
  expect(totalsIn('')).toEqual({ buckets: after.buckets.map(() => 0), refused: 0 });
});

test('nothing is known at the first reading, and when processes were replaced', () => {
  const unknown = { requestsPerSecond: null, refusedPerMinute: null, p99Seconds: null };
  const totals = (buckets: number[], refused: number) => ({ buckets, refused });
  expect(ratesOf(undefined, totals([1, 2], 0), 0)).toEqual(unknown);
  expect(ratesOf(totals([5, 9], 1), totals([0, 1], 1), 10)).toEqual(unknown);
  expect(ratesOf(totals([5, 9], 9), totals([5, 9], 1), 10)).toEqual(unknown);
  expect(ratesOf(totals([5, 9], 1), totals([5, 9], 1), 10)).toEqual({ requestsPerSecond: 0, refusedPerMinute: 0, p99Seconds: null });
});
