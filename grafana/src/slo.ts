import { METRICS } from '../../src/kit/metrics/catalogue.js';
import type { Alert, Recording, Severity } from './alert.js';
import { part, type Matchers } from './promql.js';

/**
 * The two service levels, and how fast their error budgets burn (the multi-window, multi-burn-rate alerts of
 * Google's SRE workbook, chapter 5): a rule fires when the budget burns too fast over a long window, and still does
 * over a short one, so that it ends soon after its cause.
 */

/** 99.9 % of requests are answered, that is, not with 5xx. */
const AVAILABLE_SHARE = 0.999;
/** 99 % of holds, settles and checks are answered within FAST_SECONDS. */
const FAST_SHARE = 0.99;
/** A bucket bound of the request histogram. A chat proxy calls before each message, and users should not notice. */
const FAST_SECONDS = 0.05;

/** Probes, and paths that no route matches: they say nothing about the service for callers. */
export const NOT_COUNTED = ['unmatched', '/livez', '/readyz', '/metrics', '/health', '/api/health', '/docs', '/openapi.json'] as const;

/** What a chat proxy waits for before, and right after, every message. */
export const HOT_ROUTES = [
  '/api/streaming-sessions/initialize', '/api/streaming-sessions/finalize', '/api/streaming-sessions/abort',
  '/api/credits/check', '/api/credits/deduct', '/api/usage/record',
  '/api/credits-process/start', '/api/credits-process/end', '/api/credits-process/end-multimodel',
  '/api/token-process/start', '/api/token-process/end', '/api/token-process/end-multimodel',
] as const;

const rate5m = (selector: string): string => `sum(rate(${selector}[5m]))`;
const requests = (suffix: 'bucket' | 'count', where: Matchers<'requestSeconds'>): string => part('requestSeconds', suffix, where);
const counted = { route: { not: NOT_COUNTED } } as const;
/** A 5xx is counted as unavailable, whether it was fast or not. */
const answeredHot = { route: HOT_ROUTES, status: { notRegex: '5..' } } as const;

/** Requests answered within the bound, which must be the bound of a bucket. */
function within(seconds: number, where: Matchers<'requestSeconds'>): string {
  if (!METRICS.requestSeconds.buckets.includes(seconds)) throw new Error(`${seconds} s is no bucket bound of ${METRICS.requestSeconds.name}`);
  return requests('bucket', where).replace(/\}$/, `,le="${seconds}"}`);
}

const ALL = 'cg:requests:rate5m';
const FAILED = 'cg:requests_failed:rate5m';
const HOT = 'cg:hot_requests:rate5m';
const SLOW = 'cg:hot_requests_slow:rate5m';

export const REQUEST_RATE = ALL;

/** Rates per second over five minutes. Longer windows sum these up, which is cheaper than reading every series again. */
export const sloRecordings: readonly Recording[] = [
  { record: ALL, expr: rate5m(requests('count', counted)) },
  // A series of 5xx exists only after the first one; until then the share of failures is 0, not unknown.
  { record: FAILED, expr: `${rate5m(requests('count', { ...counted, status: { regex: '5..' } }))} or vector(0)` },
  { record: HOT, expr: rate5m(requests('count', answeredHot)) },
  { record: SLOW, expr: `${rate5m(requests('count', answeredHot))} - ${rate5m(within(FAST_SECONDS, answeredHot))}` },
];

/** Bad share of the requests of a window. */
const share = (bad: string, all: string, window: string): string =>
  (window === '5m' ? `${bad} / ${all}` : `sum_over_time(${bad}[${window}]) / sum_over_time(${all}[${window}])`);

/** How many requests were bad in a window; too many while Prometheus itself is younger than the window. */
const badCount = (bad: string, window: string, seconds: number): string => `avg_over_time(${bad}[${window}]) * ${seconds}`;

/** With fewer bad requests a rate means little: one of five at night is 20 %, and no reason to page. */
const BAD_REQUESTS_MIN = 10;

type Burn = {
  readonly severity: Severity; readonly long: string; readonly longSeconds: number; readonly short: string;
  /** Times the speed that would use up the budget of 30 days in exactly 30 days. */
  readonly speed: number; readonly used: string;
};
const BURNS: readonly Burn[] = [
  { severity: 'page', long: '1h', longSeconds: 3_600, short: '5m', speed: 14.4, used: '2 % of the budget of 30 days in one hour' },
  { severity: 'page', long: '6h', longSeconds: 21_600, short: '30m', speed: 6, used: '5 % of the budget of 30 days in six hours' },
  { severity: 'ticket', long: '1d', longSeconds: 86_400, short: '2h', speed: 3, used: '10 % of the budget of 30 days in a day' },
  { severity: 'ticket', long: '3d', longSeconds: 259_200, short: '6h', speed: 1, used: '10 % of the budget of 30 days in three days' },
];

type Promise = { readonly name: string; readonly bad: string; readonly all: string; readonly target: number; readonly what: string; readonly promised: string };

const burnAlerts = ({ name, bad, all, target, what, promised }: Promise): Alert[] => BURNS.map(({ severity, long, longSeconds, short, speed, used }) => {
  const bound = Number((speed * (1 - target)).toPrecision(3));
  return {
    name, severity, labels: { window: long }, holdsFor: '0s',
    when: [
      { value: share(bad, all, long), is: `> ${bound}` },
      { value: share(bad, all, short), is: `> ${bound}` },
      { value: badCount(bad, long, longSeconds), is: `>= ${BAD_REQUESTS_MIN}` },
    ],
    summary: `${what}: more than ${Number((bound * 100).toPrecision(3))} % over ${long}`,
    description: `${what}: {{ $value | humanizePercentage }} over the last ${long}, and over the last ${short} still above ${Number((bound * 100).toPrecision(3))} %. ${promised} At this speed it takes ${used}.`,
  };
});

export const sloAlerts: readonly Alert[] = [
  ...burnAlerts({
    name: 'AvailabilityBurn', bad: FAILED, all: ALL, target: AVAILABLE_SHARE,
    what: 'Requests answered with 5xx', promised: `Promised: ${AVAILABLE_SHARE * 100} % are answered.`,
  }),
  ...burnAlerts({
    name: 'LatencyBurn', bad: SLOW, all: HOT, target: FAST_SHARE,
    what: `Holds, settles and checks slower than ${FAST_SECONDS * 1_000} ms`, promised: `Promised: ${FAST_SHARE * 100} % are faster.`,
  }),
];
