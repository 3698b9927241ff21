import type { Clock } from '../clock.js';
import type { HoldRow } from '../holds/hold.table.js';
import type { Readiness } from '../http/health.js';
import type { JournalLag } from '../journal/read-journal-lag.js';
import type { Freeze } from './accounts.js';

/** A difference that the reconciler has found (src/reconcile). */
export type Finding = {
  /** '' for a difference in the sum over all accounts. */
  readonly accountId: string;
  readonly check: string;
  readonly shard: number | null;
  readonly seq: number | null;
  readonly expected: string;
  readonly actual: string;
  readonly differenceMicros: number;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
};

export type FrozenAccount = { readonly accountId: string } & Freeze;
export type QueueState = { readonly name: string; readonly waiting: number; readonly active: number; readonly delayed: number; readonly failed: number; readonly oldestSeconds: number | null };
/** Money that was asked for and is not in the ledger yet. */
export type PendingMoney = { readonly count: number; readonly oldestSeconds: number };

/** Where each part of the overview comes from. What is left out is not part of this gateway. */
export type Watch = {
  readonly readiness: () => Readiness;
  readonly postgres: () => Promise<unknown>;
  readonly lag: () => Promise<JournalLag>;
  readonly holds: () => Promise<{ readonly open: number }>;
  readonly stoppedShards: () => Promise<readonly { readonly shard: number; readonly reason: string }[]>;
  /** Open holds past their lease, the longest first. */
  readonly overdue: (limit: number) => Promise<readonly HoldRow[]>;
  readonly quarantined: () => Promise<number>;
  readonly pendingMoney: () => Promise<PendingMoney>;
  readonly queues?: (() => Promise<readonly QueueState[]>) | undefined;
  /** Of BullMQ; those of RabbitMQ are listed by the command. */
  readonly deadLetters?: (() => Promise<number>) | undefined;
  readonly findings?: ((limit: number) => Promise<readonly Finding[]>) | undefined;
  readonly frozen?: ((limit: number) => Promise<readonly FrozenAccount[]>) | undefined;
};

/** What was read, or why not: an overview with holes is worth more than none, and a hole is never an "all is well". */
export type Known<T> = { readonly value: T } | { readonly missing: 'did not answer' | 'not available' };

export type Overview = {
  readonly readAtMs: number;
  readonly readiness: Readiness;
  readonly postgres: Known<unknown>;
  readonly lag: Known<JournalLag>;
  readonly holds: Known<{ readonly open: number }>;
  readonly stoppedShards: Known<readonly { readonly shard: number; readonly reason: string }[]>;
  readonly overdue: Known<readonly HoldRow[]>;
  readonly quarantined: Known<number>;
  readonly pendingMoney: Known<PendingMoney>;
  readonly queues: Known<readonly QueueState[]>;
  readonly deadLetters: Known<number>;
  readonly findings: Known<readonly Finding[]>;
  readonly frozen: Known<readonly FrozenAccount[]>;
};

/** Rows of a list; one more than are shown, to tell that there are more. */
export const LISTED_MAX = 20;
/** Nobody on call waits longer than this for a page that says what is broken. */
const DEADLINE_MS = 1_500;
/** Every page shows the state at a glance; a console that is looked at hard must not become a load. */
const FRESH_MS = 2_000;

/** Reads everything at once, each part with a deadline of its own. Pages that ask within two seconds share one look. */
export function overviewReader(watch: Watch, clock: Clock, onError: (error: unknown) => void): () => Promise<Overview> {
  let last: { readonly atMs: number; readonly overview: Promise<Overview> } | undefined;
  return () => {
    const nowMs = clock();
    if (last === undefined || nowMs - last.atMs > FRESH_MS || nowMs < last.atMs) last = { atMs: nowMs, overview: readOverview(watch, nowMs, onError) };
    return last.overview;
  };
}

async function readOverview(watch: Watch, readAtMs: number, onError: (error: unknown) => void): Promise<Overview> {
  const known = <T>(read: (() => Promise<T>) | undefined): Promise<Known<T>> => within(read, onError);
  const listed = <T>(read: ((limit: number) => Promise<T>) | undefined): Promise<Known<T>> => known(read === undefined ? undefined : () => read(LISTED_MAX + 1));
  const [postgres, lag, holds, stoppedShards, overdue, quarantined, pendingMoney, queues, deadLetters, findings, frozen] = await Promise.all([
    known(watch.postgres), known(watch.lag), known(watch.holds), known(watch.stoppedShards), listed(watch.overdue), known(watch.quarantined), known(watch.pendingMoney),
    known(watch.queues), known(watch.deadLetters), listed(watch.findings), listed(watch.frozen),
  ]);
  return { readAtMs, readiness: watch.readiness(), postgres, lag, holds, stoppedShards, overdue, quarantined, pendingMoney, queues, deadLetters, findings, frozen };
}

/** What was read before the deadline. Never rejects. */
export async function within<T>(read: (() => Promise<T>) | undefined, onError: (error: unknown) => void): Promise<Known<T>> {
  if (read === undefined) return { missing: 'not available' };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Known<T>>((resolve) => { timer = setTimeout(() => { resolve({ missing: 'did not answer' }); }, DEADLINE_MS); });
  const answer = Promise.resolve().then(read).then((value): Known<T> => ({ value }), (error: unknown): Known<T> => {
    onError(error);
    return { missing: 'did not answer' };
  });
  const first = await Promise.race([answer, late]);
  clearTimeout(timer);
  return first;
}
