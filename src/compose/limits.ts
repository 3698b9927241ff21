import { readExpiries } from '../books/entry.table.js';
import { readFreeze } from '../books/frozen-account.table.js';
import { explainSpending } from '../credits/limits/explain-spending.js';
import { listLimits, removeLimit, setLimit } from '../credits/limits/manage-limits.js';
import { removeTerms, setTerms, showTerms } from '../credits/terms/manage-terms.js';
import { addMember, listMembers, removeMember, showMember } from '../credits/pools/manage-members.js';
import { POOLS_CHANNEL } from '../credits/pools/pool-member.table.js';
import { openPools, type Pools } from '../credits/pools/pools.js';
import type { ExplainRouteDeps } from '../edge/v1/explain.routes.js';
import type { LimitRouteDeps } from '../edge/v1/limits.routes.js';
import type { MemberRouteDeps } from '../edge/v1/members.routes.js';
import type { TermsRouteDeps } from '../edge/v1/terms.routes.js';
import type { Config } from '../config.js';
import type { Clock } from '../kit/clock.js';
import type { Log } from '../kit/log.js';
import { rethrow } from '../stores/postgres/errors.js';
import { listenToPostgres } from '../stores/postgres/listen.js';
import { whenPostgresAnswers } from '../stores/postgres/when-postgres-answers.js';
import type { Core } from './core.js';

export type LimitsSide = {
  readonly routes: LimitRouteDeps & MemberRouteDeps & ExplainRouteDeps & TermsRouteDeps;
  readonly pools: Pools;
};

/** Limits, pools, and what explains them. Waits for a Postgres that does not answer. Throws when it refuses. */
export async function composeLimits({ config, core, databaseUrl, clock, log }: {
  readonly config: Pick<Config, 'overCapture' | 'debtLimit' | 'holdMax'>; readonly core: Core;
  readonly databaseUrl: string; readonly clock: Clock; readonly log: Log;
}): Promise<LimitsSide> {
  const { db, ledger, freshen, prices } = core;
  const pools = await whenPostgresAnswers(log, 'reading the pools', () => openPools({
    db,
    listen: (onNotice) => listenToPostgres({ databaseUrl, channel: POOLS_CHANNEL, onNotice }),
    onError: (error) => { log.warn({ err: error }, 'members of pools not read; the ones in memory stay in use'); },
  }));
  const limits = { db, ledger, clock };
  const members = { db, pools };
  return {
    pools,
    routes: {
      listLimits: (accountId) => listLimits(db, accountId),
      setLimit: (accountId, spec, by) => setLimit(limits, accountId, spec, by),
      removeLimit: (accountId, limitId, check) => removeLimit(limits, accountId, limitId, check),
      showTerms: (accountId) => showTerms(db, accountId),
      setTerms: (accountId, terms, change) => setTerms({ db, ledger }, accountId, terms, change),
      removeTerms: (accountId, change) => removeTerms({ db, ledger }, accountId, change),
      listMembers: (accountId, after, limit) => listMembers(db, accountId, after, limit),
      showMember: (accountId, spender) => showMember(db, accountId, spender),
      addMember: (accountId, spender, by) => addMember(members, accountId, spender, by),
      removeMember: (accountId, spender, check) => removeMember(members, accountId, spender, check),
      explain: (accountId, amount, spending) => explainSpending({
        ledger, freshen, gatewayTerms: { maxHold: config.holdMax, overCapture: config.overCapture, debtLimit: config.debtLimit },
        readFreeze: (id) => readFreeze(db, id).catch(rethrow),
        readExpiries: (id) => readExpiries(db, id).catch(rethrow),
      }, accountId, amount, spending),
      payerOf: (accountId) => pools.payerOf(accountId),
      prices,
    },
  };
}
