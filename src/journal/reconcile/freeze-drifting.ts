import type { Meter } from '../../kit/metrics/metrics.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import { rethrow } from '../../stores/postgres/errors.js';
import type { Comparison } from './comparison.js';
import { carryOut, planRepair, type RepairCommand, type RepairDeps } from './repair-account.js';

export type FreezeDriftingDeps = RepairDeps & {
  readonly ledger: Pick<Ledger, 'freeze'>;
  readonly metrics: Pick<Meter, 'count'>;
  readonly log: { error(facts: object, message: string): void };
};

/** The actor of these freezes. */
const ACTOR = 'reconciler';

/**
 * Freezes accounts that drift, as they are, so that nothing is spent from figures that are wrong until an operator has looked:
 * with an entry, and so with the event account.frozen. One that was written to meanwhile is looked at again by the next turn.
 */
export async function freezeDrifting(deps: FreezeDriftingDeps, comparisons: readonly Comparison[]): Promise<void> {
  for (const { accountId, result, differences } of comparisons) {
    if (result !== 'drift') continue;
    const reason = `drift: ${[...new Set(differences.map(({ check }) => check))].join(', ')}`;
    if (!await freeze(deps, accountId, reason)) continue;
    deps.metrics.count('driftFreezes', {});
    deps.log.error({ accountId, reason }, 'a drifting account is frozen (RECONCILE_FREEZE)');
  }
}

async function freeze(deps: FreezeDriftingDeps, accountId: string, reason: string): Promise<boolean> {
  const by = { source: 'reconciler', actor: ACTOR, reason } as const;
  switch (await freezeInDrift(deps, { accountId, ...by })) {
    case 'changed': return true;
    case 'unchanged': case 'undecided': return false;
    // Only the books contradict themselves, and Redis does not have the account: it is loaded from them.
    case 'no_drift': return (await deps.ledger.freeze({ accountId, about: writeFacts({ type: 'change', ...by }) })).status === 'changed';
  }
}

/** `unchanged`: it drifts, and was frozen before. `undecided`: its shard is closed or stopped, or it was written to meanwhile. */
export type FrozenInDrift = 'changed' | 'unchanged' | 'no_drift' | 'undecided';

/**
 * Freezes an account that differs from the books, and leaves its figures as they are. The entry states the balances of the books:
 * one that stated those of Redis would not follow from the entry before it, and stop the shard.
 *
 * @throws GatewayError ledger_unavailable while Postgres does not answer.
 */
export async function freezeInDrift(deps: RepairDeps, command: RepairCommand): Promise<FrozenInDrift> {
  const plan = await planRepair(deps, command.accountId, 'freeze').catch(rethrow);
  switch (plan.status) {
    case 'nothing_to_do': return 'no_drift';
    case 'refused': return 'undecided';
    case 'differs':
      if (plan.stored.frozen && plan.image.frozen) return 'unchanged';
      return (await carryOut(deps, plan, 'freeze', command)).status === 'changed' ? 'changed' : 'undecided';
  }
}
