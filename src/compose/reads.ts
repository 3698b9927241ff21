import { listAllOpenStreams } from '../credits/holds/list-all-open-streams.js';
import { recentStreams } from '../credits/holds/recent-streams.js';
import { knownAccount } from '../credits/usage/known-account.js';
import { accountUsage, systemUsage } from '../credits/usage/usage-stats.js';
import { findAccount } from '../credits/users/profile.table.js';
import type { SessionViewDeps } from '../edge/accounting-service/session-views.routes.js';
import type { UsageStatsRouteDeps } from '../edge/accounting-service/usage-stats.routes.js';
import { freshen as freshenBy } from '../journal/freshen.js';
import { sharedDrain } from '../journal/shared-drain.js';
import type { Clock } from '../kit/clock.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import type { Core } from './core.js';

export type Reads = Omit<SessionViewDeps, 'ledger' | 'clock'> & UsageStatsRouteDeps;

/** Reads from Postgres that include everything acknowledged before the read. */
export function composeReads({ db, ledger, drain, keys }: Core, clock: Clock): Reads {
  const freshen = freshenBy(sharedDrain(drain), keys);
  const resolveAccount = (text: string): ReturnType<typeof findAccount> =>
    findAccount(db, text, 'any').catch((error: unknown) => { throw toGatewayError(error); });
  return {
    knownAccount: (text) => knownAccount({ resolveAccount, freshen }, text),
    allOpenStreams: () => listAllOpenStreams({ db, freshen, clock }),
    recentStreams: (accountId, minutes) => recentStreams({ db, ledger, freshen, clock }, accountId, minutes),
    accountUsage: (accountId, period) => accountUsage({ db, freshen }, accountId, period),
    systemUsage: (period) => systemUsage({ db, freshen }, period),
  };
}
