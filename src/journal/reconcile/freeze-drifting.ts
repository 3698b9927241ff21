import type { Meter } from '../../kit/metrics/metrics.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Comparison } from './comparison.js';
import { carryOut, planRepair, type RepairDeps } from './repair-account.js';

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
  const plan = await planRepair(deps, accountId);
  switch (plan.status) {
    case 'refused': return false;
    case 'differs':
      return !plan.image.frozen && (await carryOut(deps, plan, 'freeze', { accountId, actor: ACTOR, reason })).status === 'changed';
    // Only the books contradict themselves, and Redis does not have the account: it is loaded from them.
    case 'nothing_to_do': {
      const about = writeFacts({ type: 'change', source: 'reconciler', actor: ACTOR, reason });
      return (await deps.ledger.freeze({ accountId, about })).status === 'changed';
    }
  }
}
