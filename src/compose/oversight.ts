import { readFreeze } from '../books/frozen-account.table.js';
import { freezeAccount, thawAccount } from '../credits/accounts/freeze-account.js';
import { nameAccount, showAccount } from '../credits/accounts/show-account.js';
import { modelCosts } from '../credits/usage/model-costs.js';
import type { AccountRouteDeps } from '../edge/v1/account.routes.js';
import type { ModelCostsRouteDeps } from '../edge/v1/model-costs.routes.js';
import type { ReconcileRouteDeps } from '../edge/v1/reconcile.routes.js';
import { sumAccounts } from '../journal/reconcile/audit.table.js';
import { compareAccount } from '../journal/reconcile/compare-account.js';
import { freezeDrifting } from '../journal/reconcile/freeze-drifting.js';
import { readFindings, sumFindings } from '../journal/reconcile/finding.table.js';
import { readReconcileState, wantFullRound } from '../journal/reconcile/reconcile-state.table.js';
import { reconcile, recordComparisons, type ReconcileReport } from '../journal/reconcile/reconcile.js';
import { reportShards } from '../journal/shard-report.js';
import { refuseRedisOutage } from '../journal/shared-drain.js';
import type { Clock } from '../kit/clock.js';
import { PAGE_MAX } from '../kit/limits.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';
import { rethrow } from '../stores/postgres/errors.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import { watchDrift } from '../worker/watch/drift.js';
import type { Core } from './core.js';

/** What operators see and control: accounts, the reconciler, shards, the costs of models. */
export type Oversight = AccountRouteDeps & ReconcileRouteDeps & Pick<ModelCostsRouteDeps, 'modelCosts'>;

export function composeOversight(
  { db, drainDb, redis, keys, fence, ledger, drainNow, freshen, resolveAccount }: Core, log: Log, clock: Clock,
): Oversight {
  const comparing = { db: drainDb, redis, keys, fence, drain: drainNow, clock };
  const deps = {
    ledger, freshen, comparing,
    readFreeze: (accountId: string) => readFreeze(db, accountId).catch(rethrow),
  };
  return {
    nameAccount: (text) => nameAccount({ ledger, resolveAccount }, text),
    showAccount: (accountId) => showAccount(deps, accountId),
    freezeAccount: (command) => freezeAccount(deps, command),
    thawAccount: (command) => thawAccount(deps, command),
    compareNow: async (accountId) => {
      const comparison = await compareAccount(comparing, accountId);
      await recordComparisons({ db, log }, [comparison], null).catch(rethrow);
      return comparison;
    },
    startFullRound: () => wantFullRound(db).catch(rethrow),
    readReconciliation: async () => {
      const [state, open, findings, sums] = await Promise.all([
        readReconcileState(db), sumFindings(db), readFindings(db, PAGE_MAX), sumAccounts(db),
      ]).catch(rethrow);
      return { state, open, findings, sums };
    },
    modelCosts: (query) => modelCosts({
      db,
      freshen: () => freshen.all().then(() => true, (error: unknown) => {
        log.debug({ err: error }, 'costs of models are told as Postgres has them');
        return false;
      }),
    }, query),
    readShards: () => reportShards({ db, redis, keys }).catch(refuseRedisOutage).catch(rethrow),
  };
}

export type ReconcilerDeps = {
  /** Whether accounts that drift are frozen. */
  readonly freezes: boolean;
  readonly timeOffsetMs: () => number;
  readonly core: Core;
  readonly redis: ShardedRedis;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly onError: (error: unknown) => void;
};

/** The reconciler's job for the workers, and the watcher that reports its findings. */
export function openReconciler(
  { freezes, timeOffsetMs, core: { drainDb: db, keys, fence, drain, ledger }, redis, clock, log, metrics, onError }: ReconcilerDeps,
): { readonly turn: () => Promise<ReconcileReport>; readonly stop: () => void } {
  const deps = { db, redis, keys, fence, drain, clock, metrics, log };
  return {
    turn: () => reconcile({
      ...deps, onDrift: freezes ? (found) => freezeDrifting({ ...deps, ledger, timeOffsetMs }, found) : undefined,
    }),
    stop: watchDrift({ db, metrics, onError }),
  };
}
