import { Queue } from 'bullmq';
import { readHoldEntries } from '../books/entry.table.js';
import { listFrozen, readFreeze } from '../books/frozen-account.table.js';
import { readLastBalances } from '../books/balance-at.table.js';
import { readHistory } from '../books/history.js';
import { readLastHolds, readOverdueHolds } from '../books/hold.table.js';
import { readOverdueIntents } from '../books/money-in.table.js';
import { countQuarantined } from '../books/quarantine.table.js';
import { readShards, type ShardRow } from '../books/shards.table.js';
import { forceSettleHold, forceVoidHold } from '../credits/holds/force-end-hold.js';
import type { SettleHoldDeps } from '../credits/holds/settle-hold.js';
import { planOf } from '../credits/plans/manage-plans.js';
import { insertOperatorAction, readOperatorActions } from '../credits/operators/operator-action.table.js';
import { readRefusals } from '../credits/refusals/refusal.table.js';
import { readRefusedMost } from '../credits/refusals/refused-most.table.js';
import { costsOfDay, hoursOfDay } from '../credits/usage/model-costs.js';
import { findAccount, listNamed, readProfile } from '../credits/users/profile.table.js';
import type { Authenticate } from '../edge/auth/bearer.js';
import type { AuditTrail } from '../edge/console/audit.js';
import type { AccountReads, HoldLife, NamedAccount, OperatorActions } from '../edge/console/accounts.js';
import type { ConsoleDeps } from '../edge/console/console.routes.js';
import { BALANCES_MAX } from '../edge/console/balance-chart.js';
import type { QueueState, Watch } from '../edge/console/overview.js';
import { queueBoard } from '../edge/console/queue-board.js';
import type { Readiness } from '../edge/http/health.js';
import { deadLetterQueue, CONSUMED_QUEUES } from '../edge/queues/queues.js';
import { readJournalLag } from '../journal/read-journal-lag.js';
import { readFindings } from '../journal/reconcile/finding.table.js';
import { readReconcileState } from '../journal/reconcile/reconcile-state.table.js';
import { readLosses } from '../journal/shard-losses.table.js';
import type { Clock } from '../kit/clock.js';
import { GatewayError } from '../kit/errors.js';
import type { Log } from '../kit/log.js';
import { recentMetrics } from '../kit/metrics/recent.js';
import { repeat } from '../kit/repeat.js';
import { settleWithin } from '../kit/settle-within.js';
import { lastKnown } from '../kit/within.js';
import { queuePrefix, WEBHOOK_QUEUE_NAME, type QueueConnections } from '../stores/redis/queue-connections.js';
import type { LedgerQueue } from '../worker/jobs/ledger-queue.js';
import { readHolds } from '../worker/watch/holds.js';
import { composeImports, composeLists, composeResending, type ConsoleShares } from './console-lists.js';
import { composeSessions } from './console-sessions.js';
import type { Core } from './core.js';
import { deadLetterDesk } from './dead-letters.js';
import type { Oversight } from './oversight.js';

/** The queues of this process: the ledger's queue, and connections for reading the others. */
export type QueueSide = {
  readonly queue: LedgerQueue;
  readonly connections: QueueConnections;
  readonly namespace: string;
  readonly rabbitmqUrl: string | undefined;
};

export type ConsoleParts = {
  readonly core: Core;
  readonly queues: QueueSide;
  readonly authenticate: Authenticate;
  /** The same use cases that administrators reach through the API. */
  readonly money: Pick<OperatorActions, 'grant' | 'adjust'>;
  readonly policy: Pick<SettleHoldDeps, 'overCapture' | 'debtLimit'>;
  readonly oversight: Oversight;
  /** Use cases of other routes. */
  readonly shares: ConsoleShares;
  /** The metrics of all processes, for the pictures of the last hour. */
  readonly metricsText: () => Promise<string | Buffer>;
  readonly readiness: () => Readiness;
  /** A session of the console is over after so much time without a click. */
  readonly idleSeconds: number;
  readonly clock: Clock;
  readonly log: Log;
};

/** A hold is overdue when its lease has been over for longer than a worker takes to end it. */
const OVERDUE_MS = 5_000;
/** Money reaches the ledger within milliseconds. Money-in that is older than this waits for the worker's retry. */
const PENDING_SECONDS = 5;
/** How long to wait for Postgres before the last known cursors are used. */
const CURSORS_WITHIN_MS = 500;
/** The cursors are read at least this often, so that the last known ones are recent when Postgres fails. */
const CURSORS_EVERY_MS = 5_000;
const NAMED_MAX = 20;
const CLOSE_MS = 2_000;

/** The operator console over an open core. */
export function composeConsole(parts: ConsoleParts): { readonly deps: ConsoleDeps; close(): Promise<void> } {
  const { core, queues, authenticate, money, policy, oversight, shares, metricsText, idleSeconds, clock, log } = parts;
  const { ledger } = core;
  const onError = (error: unknown): void => { log.debug({ err: error }, 'a part of a console page could not be read'); };
  const prefix = queuePrefix(queues.namespace);
  const open = (name: string): Queue => {
    const queue = new Queue(name, { connection: queues.connections.producer, prefix, skipMetasUpdate: true });
    queue.on('error', onError);
    return queue;
  };
  // Nothing is drained while Postgres is down, so the last known cursors stay correct if they were read recently.
  const cursors = lastKnown(() => readShards(core.db), CURSORS_WITHIN_MS);
  const stopCursors = repeat(CURSORS_EVERY_MS, async () => { await cursors(); }, onError);
  const lag = lagOf(parts, cursors);
  const recent = recentMetrics({ text: metricsText, lagSeconds: async () => (await lag()).seconds, clock, onError });
  const others = [WEBHOOK_QUEUE_NAME, ...CONSUMED_QUEUES].map(open);
  const dead = CONSUMED_QUEUES.map((queue) => open(deadLetterQueue(queue)));

  return {
    deps: {
      authenticate, clock, onError, trail: trailOf(core),
      sessions: composeSessions({ redis: queues.connections.bulk, namespace: queues.namespace, clock, idleSeconds, onError }),
      watch: { ...watchOf(parts, [queues.queue.queue, ...others], dead), lag, recent: recent.points },
      reads: readsOf(core, onError),
      actions: {
        ...money,
        settle: (command) => forceSettleHold({ ledger, ...policy }, command),
        void: (command) => forceVoidHold({ ledger }, command),
        freeze: oversight.freezeAccount,
        thaw: oversight.thawAccount,
        compare: oversight.compareNow,
      },
      lists: composeLists(core, shares, clock),
      imports: composeImports(core, clock),
      resending: composeResending(shares),
      deadLetters: deadLetterDesk({
        rabbitmqUrl: queues.rabbitmqUrl, connection: queues.connections.producer, namespace: queues.namespace, log,
      }),
      board: queueBoard([queues.queue.queue, ...others, ...dead]),
    },
    close: async () => {
      stopCursors();
      recent.close();
      await settleWithin(CLOSE_MS, Promise.all([...others, ...dead].map((queue) => queue.close())));
    },
  };
}

const trailOf = ({ db }: Core): AuditTrail => ({
  asked: (action) => insertOperatorAction(db, { ...action, stage: 'asked' }),
  ended: (action, stage, result) => insertOperatorAction(db, { ...action, stage, details: result, reason: '' }),
  read: (query) => readOperatorActions(db, query),
});

const lagOf = ({ core: { keys }, queues }: ConsoleParts, cursors: () => Promise<readonly ShardRow[] | undefined>): Watch['lag'] =>
  async () => {
    const rows = await cursors();
    if (rows === undefined) throw new Error('the cursors of the journal are not known yet');
    return readJournalLag(queues.connections.bulk, keys, rows);
  };

function watchOf(
  { core, queues, readiness, clock }: ConsoleParts, working: readonly Queue[], dead: readonly Queue[],
): Omit<Watch, 'lag' | 'recent'> {
  const { db, keys, fence } = core;
  const redis = queues.connections.bulk;
  return {
    readiness,
    postgres: () => db.raw('select 1'),
    holds: () => readHolds({ redis, keys, epochOf: (shard) => fence.epochOf(shard)?.number, timeOffsetMs: () => 0 }),
    stoppedShards: async () =>
      (await readShards(db)).flatMap(({ shard, stoppedReason }) => (stoppedReason === null ? [] : [{ shard, reason: stoppedReason }])),
    losses: (limit) => readLosses(db, { all: false, limit }),
    overdue: (limit) => readOverdueHolds(db, clock() - OVERDUE_MS, limit),
    quarantined: () => countQuarantined(db),
    findings: (limit) => readFindings(db, limit),
    reconciled: () => readReconcileState(db),
    frozen: (limit) => listFrozen(db, limit),
    refused: (sinceMs, limit) => readRefusedMost(db, sinceMs, limit),
    models: (nowMs, limit) => costsOfDay(db, nowMs, limit),
    hours: (nowMs, limit) => hoursOfDay(db, nowMs, limit),
    pendingMoney: () => readOverdueIntents(db, PENDING_SECONDS),
    queues: () => Promise.all(working.map((queue) => stateOf(queue, clock()))),
    deadLetters: async () => {
      const counts = await Promise.all(dead.map((queue) => queue.getJobCountByTypes('waiting', 'prioritized', 'delayed', 'failed')));
      return counts.reduce((sum, each) => sum + each, 0);
    },
  };
}

async function stateOf(queue: Queue, nowMs: number): Promise<QueueState> {
  const [counts, oldest] = await Promise.all([
    queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'), queue.getJobs(['waiting'], 0, 0, true),
  ]);
  const of = (state: string): number => counts[state] ?? 0;
  const [first] = oldest;
  return {
    name: queue.name, waiting: of('waiting') + of('prioritized'), active: of('active'), delayed: of('delayed'), failed: of('failed'),
    oldestSeconds: first === undefined ? null : Math.max(0, (nowMs - first.timestamp) / 1_000),
  };
}

function readsOf({ db, ledger, freshen, resolveAccount }: Core, onError: (error: unknown) => void): AccountReads {
  /** What Postgres has is shown even when it cannot be brought up to date. */
  const freshened = (accountId: string): Promise<void> => freshen.account(accountId).catch(onError);
  return {
    find: async (text): Promise<readonly NamedAccount[]> => {
      const found = await resolveAccount(text).catch((error: unknown) => {
        onError(error);
        return findAccount(db, text, 'any');
      });
      if (found === 'ambiguous') return listNamed(db, text, NAMED_MAX);
      return found === null ? [] : [{ ...found, email: null }];
    },
    profile: (accountId) => readProfile(db, accountId),
    refusals: (query) => readRefusals(db, query),
    freezeOf: (accountId) => readFreeze(db, accountId),
    snapshot: (accountId) => ledger.readAccount(accountId),
    history: async (query) => {
      await freshened(query.accountId);
      return readHistory(db, query);
    },
    balances: async (accountId) => {
      await freshened(accountId);
      return readLastBalances(db, accountId, BALANCES_MAX);
    },
    plan: async (accountId) => {
      try {
        return await planOf({ db }, accountId);
      } catch (error) {
        if (error instanceof GatewayError && error.code === 'not_found') return null;
        throw error;
      }
    },
    hold: async (accountId, holdId): Promise<HoldLife | null> => {
      await freshened(accountId);
      const [row] = await readLastHolds(db, [{ accountId, holdId }]);
      if (row === undefined) return null;
      return {
        row,
        entries: await readHoldEntries(db, accountId, holdId, { fromSeq: row.placedSeq, toSeq: row.endedSeq ?? Number.MAX_SAFE_INTEGER }),
      };
    },
  };
}
