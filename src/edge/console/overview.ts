import type { FrozenAccount } from '../../books/frozen-account.table.js';
import type { HoldRow } from '../../books/hold.table.js';
import type { RefusedMost } from '../../credits/refusals/refused-most.table.js';
import type { CostsOfDay, HoursOfDay } from '../../credits/usage/model-costs.js';
import type { JournalLag } from '../../journal/read-journal-lag.js';
import type { Finding } from '../../journal/reconcile/finding.table.js';
import type { ReconcileState } from '../../journal/reconcile/reconcile-state.table.js';
import type { LossRow } from '../../journal/shard-losses.table.js';
import type { Clock } from '../../kit/clock.js';
import { orLate } from '../../kit/deadline.js';
import type { RecentPoint } from '../../kit/metrics/recent.js';
import type { Readiness } from '../http/health.js';

export type QueueState = {
  readonly name: string;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
  readonly oldestSeconds: number | null;
};
/** Grants that are recorded in Postgres and not in the ledger yet. */
export type PendingMoney = { readonly count: number; readonly oldestSeconds: number };

/** The reads that make up the overview. */
export type Watch = {
  readonly readiness: () => Readiness;
  readonly postgres: () => Promise<unknown>;
  readonly lag: () => Promise<JournalLag>;
  readonly holds: () => Promise<{ readonly open: number }>;
  readonly stoppedShards: () => Promise<readonly { readonly shard: number; readonly reason: string }[]>;
  /** Losses of journal entries in Redis that no operator has acknowledged. */
  readonly losses: (limit: number) => Promise<readonly LossRow[]>;
  /** Open holds whose lease has ended, the earliest end first. */
  readonly overdue: (limit: number) => Promise<readonly HoldRow[]>;
  readonly quarantined: () => Promise<number>;
  readonly pendingMoney: () => Promise<PendingMoney>;
  readonly queues: () => Promise<readonly QueueState[]>;
  /** Dead letters in BullMQ. The page of the dead letters lists those of RabbitMQ as well. */
  readonly deadLetters: () => Promise<number>;
  readonly findings: (limit: number) => Promise<readonly Finding[]>;
  /** When Redis and Postgres were last compared. Without it an empty list of findings means little. */
  readonly reconciled: () => Promise<ReconcileState>;
  readonly frozen: (limit: number) => Promise<readonly FrozenAccount[]>;
  readonly refused: (sinceMs: number, limit: number) => Promise<RefusedMost>;
  readonly models: (nowMs: number, limit: number) => Promise<CostsOfDay>;
  readonly hours: (nowMs: number, limit: number) => Promise<HoursOfDay>;
  /** The last hour of this gateway's own metrics. */
  readonly recent: () => readonly RecentPoint[];
};

/** What was read, or that the source did not answer. The overview shows the parts that answered and marks the others. */
export type Known<T> = { readonly value: T } | { readonly missing: 'did not answer' };

export type Overview = {
  readonly readAtMs: number;
  readonly readiness: Readiness;
  readonly postgres: Known<unknown>;
  readonly lag: Known<JournalLag>;
  readonly holds: Known<{ readonly open: number }>;
  readonly stoppedShards: Known<readonly { readonly shard: number; readonly reason: string }[]>;
  readonly losses: Known<readonly LossRow[]>;
  readonly overdue: Known<readonly HoldRow[]>;
  readonly quarantined: Known<number>;
  readonly pendingMoney: Known<PendingMoney>;
  readonly queues: Known<readonly QueueState[]>;
  readonly deadLetters: Known<number>;
  readonly findings: Known<readonly Finding[]>;
  readonly reconciled: Known<ReconcileState>;
  readonly refused: Known<RefusedMost>;
  readonly models: Known<CostsOfDay>;
  readonly hours: Known<HoursOfDay>;
  readonly recent: readonly RecentPoint[];
  readonly frozen: Known<readonly FrozenAccount[]>;
};

/** Rows that a list shows. One more is read, to tell that there are more. */
export const LISTED_MAX = 20;
/** Refusals of the last minutes that the overview counts as recent. */
export const REFUSED_MINUTES = 15;
/** Rows of the lists of refusals and of models. Grafana shows the rest. */
const MOST_MAX = 5;
/** Models of the chart; only the largest have a colour of their own. */
const CHARTED_MAX = 50;
/** How long one part of the overview may take, so that the page loads quickly while something is broken. */
const DEADLINE_MS = 1_500;
/** How long a read of the overview is reused. Every page shows it, and open pages must not become a load. */
const FRESH_MS = 2_000;
const MINUTE_MS = 60_000;

/** Reads all parts in parallel, each with its own deadline. Requests within two seconds share one read. */
export function overviewReader(watch: Watch, clock: Clock, onError: (error: unknown) => void): () => Promise<Overview> {
  let last: { readonly atMs: number; readonly overview: Promise<Overview> } | undefined;
  return () => {
    const nowMs = clock();
    if (last === undefined || nowMs - last.atMs > FRESH_MS || nowMs < last.atMs) {
      last = { atMs: nowMs, overview: readOverview(watch, nowMs, onError) };
    }
    return last.overview;
  };
}

async function readOverview(watch: Watch, readAtMs: number, onError: (error: unknown) => void): Promise<Overview> {
  const known = <T>(read: () => Promise<T>): Promise<Known<T>> => within(read, onError);
  const listed = <T>(read: (limit: number) => Promise<T>): Promise<Known<T>> => known(() => read(LISTED_MAX + 1));
  const [
    postgres, lag, holds, stoppedShards, losses, overdue, quarantined, pendingMoney, queues, deadLetters, findings, reconciled,
    frozen, refused, models, hours,
  ] = await Promise.all([
    known(watch.postgres), known(watch.lag), known(watch.holds), known(watch.stoppedShards), listed(watch.losses),
    listed(watch.overdue), known(watch.quarantined), known(watch.pendingMoney),
    known(watch.queues), known(watch.deadLetters), listed(watch.findings), known(watch.reconciled), listed(watch.frozen),
    known(() => watch.refused(readAtMs - REFUSED_MINUTES * MINUTE_MS, MOST_MAX)), known(() => watch.models(readAtMs, MOST_MAX)),
    known(() => watch.hours(readAtMs, CHARTED_MAX)),
  ]);
  return {
    readAtMs, readiness: watch.readiness(), postgres, lag, holds, stoppedShards, losses, overdue, quarantined, pendingMoney,
    queues, deadLetters, findings, reconciled, frozen, refused, models, hours, recent: watch.recent(),
  };
}

type Within = { readonly withinMs?: number | undefined; readonly isRefusal?: (error: unknown) => boolean };

/** The value, or `missing` if it could not be read within the deadline. Rejects only with what `isRefusal` says is to be told. */
export async function within<T>(
  read: () => Promise<T>, onError: (error: unknown) => void, { withinMs = DEADLINE_MS, isRefusal = () => false }: Within = {},
): Promise<Known<T>> {
  const answer = Promise.resolve().then(read).then((value): Known<T> => ({ value }), (error: unknown): Known<T> => {
    if (isRefusal(error)) throw error;
    onError(error);
    return { missing: 'did not answer' };
  });
  return orLate(withinMs, answer, (): Known<T> => ({ missing: 'did not answer' }));
}
