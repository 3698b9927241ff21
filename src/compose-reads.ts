import { findAccount } from './accounts/profile.table.js';
import type { Clock } from './clock.js';
import type { Core } from './compose-core.js';
import type { SessionViewDeps } from './dialects/accounting-service/session-views.routes.js';
import type { UsageStatsRouteDeps } from './dialects/accounting-service/usage-stats.routes.js';
import { listAllOpenStreams } from './holds/list-all-open-streams.js';
import { recentStreams } from './holds/recent-streams.js';
import { freshen as freshenBy } from './journal/freshen.js';
import { sharedDrain } from './journal/shared-drain.js';
import { toGatewayError } from './postgres/errors.js';
import { knownAccount } from './usage/known-account.js';
import { accountUsage, systemUsage } from './usage/usage-stats.js';

export type Reads = Omit<SessionViewDeps, 'ledger' | 'clock'> & UsageStatsRouteDeps;

/** What is read from Postgres and must not miss what was acknowledged a moment ago. */
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
