import type { GaugeKey } from '../../kit/metrics/catalogue.js';
import type { Gauges, Meter } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import type { Db } from './connect.js';
import { troubleIn } from './errors.js';
import { isReadOnly } from './server-stats.table.js';
import { TROUBLE_WORDS, type Trouble } from './trouble.js';
import { watchErrors } from './watch-errors.js';

export type WatchPostgresDeps = {
  /** A pool of its own with a short deadline (connect.ts, `watchProfile`). */
  readonly db: Db;
  /** The pools whose errors are counted. */
  readonly pools: readonly Db[];
  readonly metrics: Gauges & Pick<Meter, 'count'>;
  readonly onError: (error: unknown) => void;
  /** Called when the server begins to refuse everybody, and when it no longer does (null). */
  readonly onTrouble: (trouble: Trouble | null) => void;
  readonly everyMs?: number;
  readonly troubleMs?: number;
};

export type PostgresWatch = {
  /** Whether the server can be used. Before the first look it can: the start has just used it. */
  readonly check: () => { readonly ok: boolean; readonly detail: string };
  readonly stop: () => void;
};

const EVERY_MS = 5_000;
/** How long an error counts after it was seen. A full disk shows only in statements that need more of it. */
const TROUBLE_MS = 15_000;

const MEASURED = ['postgresPing'] as const satisfies readonly GaugeKey[];

/**
 * Looks every five seconds whether Postgres answers and can be written to, and counts why it refuses statements and
 * connections of this process. Every process does, because a pooler or a network may treat each in another way.
 */
export function watchPostgres(deps: WatchPostgresDeps): PostgresWatch {
  const { db, pools, metrics, onError, onTrouble, everyMs = EVERY_MS, troubleMs = TROUBLE_MS } = deps;
  let answers = true;
  let readOnly = false;
  let last: { readonly trouble: Trouble; readonly atMs: number } | undefined;
  let told: Trouble | null = null;

  const seen = (error: unknown): void => {
    const trouble = troubleIn(error);
    if (trouble === null) return;
    last = { trouble, atMs: performance.now() };
    metrics.count('postgresRefusals', { reason: trouble });
  };
  for (const pool of [...pools, db]) watchErrors(pool, seen);
  metrics.onScrape('postgresWritable', (set) => { set({}, answers && current() === null ? 1 : 0); });
  const current = (): Trouble | null => {
    if (readOnly) return 'read_only';
    return last === undefined || performance.now() - last.atMs > troubleMs ? null : last.trouble;
  };
  const tell = (): void => {
    const trouble = current();
    if (trouble !== told) onTrouble(trouble);
    told = trouble;
  };

  const look = async (): Promise<void> => {
    const startedAt = performance.now();
    readOnly = await isReadOnly(db);
    answers = true;
    metrics.set('postgresPing', {}, (performance.now() - startedAt) / 1_000);
    metrics.set('postgresUp', {}, 1);
    tell();
  };
  const stop = repeat(everyMs, look, (error) => {
    answers = false;
    readOnly = false;
    metrics.set('postgresUp', {}, 0);
    metrics.forget(...MEASURED);
    tell();
    onError(error);
  });
  return {
    check: () => {
      const trouble = current();
      if (trouble !== null) return { ok: false, detail: TROUBLE_WORDS[trouble] };
      return answers ? { ok: true, detail: 'up' } : { ok: false, detail: 'does not answer' };
    },
    stop,
  };
}
