import type { Clock } from '../clock.js';
import { repeat } from '../repeat.js';
import { METRICS } from './catalogue.js';

/** Counts since the processes started: of all routes but probes and the console, by the buckets of the duration, cumulative. */
export type Totals = { readonly buckets: readonly number[]; readonly refused: number };

/** What happened between two readings. Null: not known, such as before the second reading. */
export type RecentPoint = {
  readonly atMs: number;
  readonly requestsPerSecond: number | null;
  readonly p99Seconds: number | null;
  readonly refusedPerMinute: number | null;
  readonly lagSeconds: number | null;
};

/** The last hour, oldest first. */
export type Recent = { readonly points: () => readonly RecentPoint[]; readonly close: () => void };

export type RecentDeps = {
  /** The metrics of all processes in Prometheus' text format. */
  readonly text: () => Promise<string | Buffer>;
  /** The age of the oldest entry that Postgres does not have. */
  readonly lagSeconds: () => Promise<number>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
};

const EVERY_MS = 10_000;
const HOUR_MS = 3_600_000;
const MS_PER_SECOND = 1_000;
const SECONDS_PER_MINUTE = 60;
const QUANTILE = 0.99;
const BOUNDS_SECONDS = METRICS.requestSeconds.buckets;
/** Requests that no customer makes: the console itself, and what watches the gateway. */
const NOT_COUNTED = /,route="\/(?:console|livez|readyz|health|metrics)/;
const BUCKET = new RegExp(`^${METRICS.requestSeconds.name}_bucket\\{le="([^"]+)"`);

/** Reads the metrics of the gateway every ten seconds and keeps an hour of them in memory. It starts empty with the process. */
export function recentMetrics({ text, lagSeconds, clock, onError }: RecentDeps): Recent {
  let points: RecentPoint[] = [];
  let last: { readonly atMs: number; readonly totals: Totals } | undefined;
  const stop = repeat(EVERY_MS, async () => {
    const lag = await lagSeconds().catch((error: unknown) => {
      onError(error);
      return null;
    });
    const totals = totalsIn(String(await text()));
    const atMs = clock();
    points = [
      ...points.filter((point) => point.atMs > atMs - HOUR_MS && point.atMs < atMs),
      { atMs, ...ratesOf(last?.totals, totals, (atMs - (last?.atMs ?? atMs)) / MS_PER_SECOND), lagSeconds: lag },
    ];
    last = { atMs, totals };
  }, onError);
  return { points: () => points, close: stop };
}

/** The counts in a text of metrics. Reads only the two sections that it needs: the whole may be a megabyte. */
export function totalsIn(text: string): Totals {
  const buckets = Array.from({ length: BOUNDS_SECONDS.length + 1 }, () => 0);
  for (const line of sectionOf(text, METRICS.requestSeconds.name)) {
    const bound = BUCKET.exec(line)?.[1];
    if (bound === undefined || NOT_COUNTED.test(line)) continue;
    const index = bound === '+Inf' ? BOUNDS_SECONDS.length : BOUNDS_SECONDS.indexOf(Number(bound));
    if (index >= 0) buckets[index] = (buckets[index] ?? 0) + valueOf(line);
  }
  return { buckets, refused: sectionOf(text, METRICS.refusals.name).reduce((sum, line) => sum + valueOf(line), 0) };
}

/** The lines of a metric. */
function sectionOf(text: string, name: string): string[] {
  const from = text.indexOf(`# TYPE ${name} `);
  if (from < 0) return [];
  const to = text.indexOf('\n# HELP ', from);
  return text.slice(from, to < 0 ? undefined : to).split('\n').slice(1).filter((line) => line !== '');
}

const valueOf = (line: string): number => Number(line.slice(line.lastIndexOf(' ') + 1));

/** What happened in between. Counts that have decreased belong to processes that were replaced: nothing is known then. */
export function ratesOf(
  before: Totals | undefined, after: Totals, seconds: number,
): Pick<RecentPoint, 'requestsPerSecond' | 'p99Seconds' | 'refusedPerMinute'> {
  const unknown = { requestsPerSecond: null, p99Seconds: null, refusedPerMinute: null };
  if (before === undefined || seconds <= 0) return unknown;
  const buckets = after.buckets.map((count, index) => count - (before.buckets[index] ?? 0));
  const refused = after.refused - before.refused;
  const requests = buckets.at(-1) ?? 0;
  if (refused < 0 || buckets.some((count) => count < 0)) return unknown;
  return {
    requestsPerSecond: requests / seconds, refusedPerMinute: refused / seconds * SECONDS_PER_MINUTE,
    p99Seconds: requests === 0 ? null : quantile(buckets, requests * QUANTILE),
  };
}

/** Like Prometheus' histogram_quantile: between the bounds of the bucket in proportion; beyond the last bound, that bound. */
function quantile(buckets: readonly number[], rank: number): number {
  const index = buckets.findIndex((count) => count >= rank);
  const upper = BOUNDS_SECONDS[index];
  if (upper === undefined) return BOUNDS_SECONDS.at(-1) ?? 0;
  const lower = BOUNDS_SECONDS[index - 1] ?? 0;
  const below = buckets[index - 1] ?? 0;
  return lower + (upper - lower) * (rank - below) / ((buckets[index] ?? 0) - below);
}
