import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kit/clock.js';

/** So many requests in each window. Windows begin at multiples of their length, so those of all processes agree. */
export type Quota = { readonly requests: number; readonly windowMs: number };

/** What a subject has left of its window. */
export type Taken = { readonly isAllowed: boolean; readonly remaining: number; readonly resetMs: number };

/** Adds to counters that all processes share, and returns their new values, in order. A counter ends after its `ttlMs`. */
export type AddCounts = (counts: readonly { readonly key: string; readonly by: number; readonly ttlMs: number }[]) => Promise<number[]>;

export type RateWindows = {
  /**
   * Counts `by` requests, 1 by default, against the window of a subject; never waits. What is refused is not counted.
   * More than one are taken whole as long as the window is not full.
   */
  readonly take: (subject: string, quota: Quota, by?: number) => Taken;
  /** Reports what is due to the shared counters now. Never throws. */
  readonly report: () => Promise<void>;
  readonly close: () => void;
};

export type RateWindowsDeps = {
  readonly add: AddCounts;
  readonly clock: Clock;
  /** Windows in memory; the ones that were used last stay. */
  readonly windowsMax?: number;
};

/** Between two reports; each is one round trip, which no request waits for. */
const REPORT_EVERY_MS = 50;
/** After a report that failed, this process decides alone for so long. */
const PAUSE_MS = 1_000;
/**
 * A process reports a subject when it took this share of its quota: an ordinary caller costs Redis nothing. Together with what
 * arrives between two reports it is what each further process may add to a quota.
 */
const UNREPORTED_SHARE = 1 / 16;
const WINDOWS_MAX = 50_000;

type Window = {
  readonly key: string;
  readonly index: number;
  readonly endMs: number;
  /** The shared counter when it was last heard of. */
  shared: number;
  /** Taken here, and not in the shared counter yet. */
  unreported: number;
};

/**
 * Counts requests by subject in windows of fixed length. This process decides at once, by what it counted itself and by what all
 * processes had counted when it last reported. Without Redis it counts on alone.
 */
export function rateWindows({ add, clock, windowsMax = WINDOWS_MAX }: RateWindowsDeps): RateWindows {
  const windows = new LRUCache<string, Window>({ max: windowsMax });
  const due = new Set<Window>();
  let reporting: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const windowOf = (subject: string, windowMs: number): Window => {
    const nowMs = clock();
    const known = windows.get(subject);
    const index = Math.floor(nowMs / windowMs);
    const endMs = (index + 1) * windowMs;
    if (known?.index === index && known.endMs === endMs) return known;
    const opened: Window = { key: `${subject}:${windowMs}:${index}`, index, endMs, shared: 0, unreported: 0 };
    windows.set(subject, opened);
    return opened;
  };
  const plan = (ms: number): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void report();
    }, ms).unref();
  };
  const send = async (): Promise<void> => {
    const nowMs = clock();
    const sent = [...due].filter(({ endMs, unreported }) => endMs > nowMs && unreported > 0)
      .map((window) => ({ window, by: window.unreported }));
    due.clear();
    if (sent.length === 0) return;
    try {
      const totals = await add(sent.map(({ window: { key, endMs }, by }) => ({ key, by, ttlMs: endMs - nowMs })));
      sent.forEach(({ window, by }, index) => {
        window.shared = totals[index] ?? window.shared;
        window.unreported -= by;
      });
    } catch {
      // Redis is away, which others tell of. What was counted here stays counted here.
      for (const { window } of sent) due.add(window);
      plan(PAUSE_MS);
    }
  };
  const report = (): Promise<void> => {
    reporting ??= send().finally(() => { reporting = undefined; });
    return reporting;
  };

  return {
    take: (subject, { requests, windowMs }, by = 1) => {
      const window = windowOf(subject, windowMs);
      const left = requests - window.shared - window.unreported;
      const resetMs = window.endMs - clock();
      if (left < 1) return { isAllowed: false, remaining: 0, resetMs };
      window.unreported += by;
      if (window.unreported >= requests * UNREPORTED_SHARE && !due.has(window)) {
        due.add(window);
        plan(REPORT_EVERY_MS);
      }
      return { isAllowed: true, remaining: Math.max(0, left - by), resetMs };
    },
    report,
    close: () => { clearTimeout(timer); },
  };
}
