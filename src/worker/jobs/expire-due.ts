import { readDueHold } from '../../ledger/keys.js';
import type { Ledger } from '../../ledger/ledger.js';
import { sweepDue, type SweepDeps, type SweepReport } from './sweep.js';

export type ExpireDeps = SweepDeps & { readonly ledger: Pick<Ledger, 'expireHold' | 'expireLots'> };

/** Ends holds whose lease is over. */
export function expireHolds(deps: ExpireDeps, shards: readonly number[]): Promise<SweepReport> {
  return sweepDue(deps, shards, ({ holdsDue }) => holdsDue, async (member) => {
    const due = readDueHold(member);
    // Another tool's member: nothing of ours to end, and it must not stop the sweep.
    if (due === null) return false;
    const { status } = await deps.ledger.expireHold(due.accountId, due.holdId);
    return status === 'expired';
  });
}

/** Ends lots that have expired, so that the journal records it in time; balances exclude expired lots without it. */
export function expireLots(deps: ExpireDeps, shards: readonly number[]): Promise<SweepReport> {
  return sweepDue(deps, shards, ({ lotsDue }) => lotsDue, async (accountId) => {
    const { status } = await deps.ledger.expireLots(accountId);
    return status === 'expired';
  });
}
