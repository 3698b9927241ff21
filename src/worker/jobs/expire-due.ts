import type { Ledger } from '../../ledger/ledger.js';
import { sweepDue, type SweepDeps, type SweepReport } from './sweep.js';

export type ExpireDeps = SweepDeps & { readonly ledger: Pick<Ledger, 'expireHold' | 'expireLots'> };

/** Ends holds whose lease is over. A member is `<account>:<hold>`; only a hold id may contain colons. */
export function expireHolds(deps: ExpireDeps, shards: readonly number[]): Promise<SweepReport> {
  return sweepDue(deps, shards, ({ holdsDue }) => holdsDue, async (member) => {
    const colon = member.indexOf(':');
    const { status } = await deps.ledger.expireHold(member.slice(0, colon), member.slice(colon + 1));
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
