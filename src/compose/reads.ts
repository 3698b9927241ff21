import { listAllOpenStreams } from '../credits/holds/list-all-open-streams.js';
import { recentStreams } from '../credits/holds/recent-streams.js';
import { knownAccount } from '../credits/usage/known-account.js';
import { accountUsage, systemUsage } from '../credits/usage/usage-stats.js';
import type { SessionViewDeps } from '../edge/accounting-service/session-views.routes.js';
import type { UsageStatsRouteDeps } from '../edge/accounting-service/usage-stats.routes.js';
import type { Clock } from '../kit/clock.js';
import type { Core } from './core.js';

export type Reads = Omit<SessionViewDeps, 'ledger' | 'clock'> & UsageStatsRouteDeps;

/** What is read from Postgres and must not miss what was acknowledged a moment ago. */
export function composeReads({ db, ledger, freshen, resolveAccount }: Core, clock: Clock): Reads {
  return {
    knownAccount: (text) => knownAccount({ resolveAccount }, text),
    allOpenStreams: () => listAllOpenStreams({ db, freshen, clock }),
    recentStreams: (accountId, minutes) => recentStreams({ db, ledger, freshen, clock }, accountId, minutes),
    accountUsage: (accountId, period) => accountUsage({ db, freshen }, accountId, period),
    systemUsage: (period) => systemUsage({ db, freshen }, period),
  };
}
