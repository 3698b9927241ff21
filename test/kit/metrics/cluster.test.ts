import { beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PROCESS_METRICS } from '../../../grafana/src/promql.js';
import { seriesOf } from '../../support/gauges.js';

type Series = ReadonlyMap<string, number>;
type Scrapes = Readonly<Record<'all' | 'hanging' | 'killed' | 'replaced', string>>;

let text: Scrapes;
let all: Series;
let hanging: Series;
let killed: Series;
let replaced: Series;
beforeAll(async () => {
  const fixture = new URL('./cluster-fixture.js', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [fixture], { timeout: 60_000 });
  text = JSON.parse(stdout) as Scrapes;
  [all, hanging, killed, replaced] = [seriesOf(text.all), seriesOf(text.hanging), seriesOf(text.killed), seriesOf(text.replaced)];
});

const REPLAYS = 'cg_replays_total{operation="grant"}';
const REQUESTS = 'cg_http_request_duration_seconds_count{method="GET",route="/x",status="200"}';

test('a scrape of one process sees all of them and the first: counts are added, gauges follow their rule', () => {
  expect(all.get(REPLAYS)).toBe(12);
  expect(all.get('cg_journal_lag_entries')).toBe(7);
  expect(all.get('cg_redis_up')).toBe(0);
  expect(all.get('cg_http_requests_in_flight')).toBe(2);
  expect(all.get('cg_postgres_pool_max{pool="api"}')).toBe(30);
  expect(text.all.split('\n').filter((line) => line.startsWith('cg_build_info'))).toEqual([
    `cg_build_info{version="1",node="${process.version}"} 1`,
  ]);
});

test('histograms are added bucket by bucket, those of requests and those of jobs', () => {
  const bucket = (le: string) => all.get(`cg_http_request_duration_seconds_bucket{le="${le}",method="GET",route="/x",status="200"}`);
  expect([bucket('0.002'), bucket('0.005'), bucket('+Inf'), all.get(REQUESTS)]).toEqual([0, 2, 2, 2]);
  expect(all.get('cg_job_duration_seconds_count{job_name="drain",status="ok"}')).toBe(1);
});

test('events that never happened are zero once, and unmeasured gauges are missing', () => {
  expect(text.all.split('\n').filter((line) => line.startsWith('cg_holds_ended_total{ending="voided"}'))).toEqual([
    'cg_holds_ended_total{ending="voided"} 0',
  ]);
  expect(all.has('cg_holds_open')).toBe(false);
  expect(text.all.split('\n').filter((line) => line.startsWith('process_cpu_seconds_total'))).toHaveLength(1);
  expect(text.all.split('\n').filter((line) => line.startsWith('nodejs_version_info'))).toHaveLength(1);
});

test('a process that hangs does not fail the scrape: its counts stay, its gauges do not', () => {
  expect([hanging.get(REPLAYS), hanging.get(REQUESTS), hanging.get('cg_http_requests_in_flight'), hanging.get('cg_redis_up')]).toEqual([
    12, 2, 1, 1,
  ]);
});

test('no count decreases when a process ends: Prometheus would count all of it again', () => {
  expect([killed.get(REPLAYS), killed.get(REQUESTS), killed.get('cg_http_requests_in_flight')]).toEqual([12, 2, 1]);
  expect([replaced.get(REPLAYS), replaced.get(REQUESTS), replaced.get('cg_http_requests_in_flight')]).toEqual([13, 3, 2]);
});

test('the start time is that of the process that was started last, also while one hangs and after it has ended', () => {
  const [first = 0, stopped, ended, then = 0] = [all, hanging, killed, replaced].map((each) => each.get('process_start_time_seconds'));
  expect(first).toBeGreaterThan(0);
  expect([stopped, ended]).toEqual([first, first]);
  expect(then).toBeGreaterThan(first);
});

test('every metric of a process that dashboards and rules ask for is in the text of several processes', () => {
  // The times of collections of garbage are there after the first one.
  const names = new Set([...all.keys()].map((key) => key.replace(/\{.*/, '')));
  expect(PROCESS_METRICS.filter((name) => name !== 'nodejs_gc_duration_seconds_sum' && !names.has(name))).toEqual([]);
});
