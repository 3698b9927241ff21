import { readAccountOfKey } from '../books/money-in.table.js';
import type { Config } from '../config.js';
import { openAccount } from '../credits/accounts/open-account.js';
import { adjustCredits } from '../credits/grants/adjust-credits.js';
import { grantCredits } from '../credits/grants/grant-credits.js';
import { listAllocations } from '../credits/grants/list-allocations.js';
import type { MoneyIn } from '../credits/grants/money-in.js';
import { idempotencyOf } from '../credits/grants/money-request.js';
import { removeCredits } from '../credits/grants/remove-credits.js';
import { revokeAllocation } from '../credits/grants/revoke-allocation.js';
import { setCredits } from '../credits/grants/set-credits.js';
import { registerUser } from '../credits/users/register-user.js';
import type { AdministrationDeps } from '../edge/accounting-service/admin.routes.js';
import type { AllocateDeps } from '../edge/accounting-service/allocate.routes.js';
import type { AllocationsDeps } from '../edge/accounting-service/allocations.routes.js';
import type { UsersDeps } from '../edge/accounting-service/users.routes.js';
import type { Clock } from '../kit/clock.js';
import type { Log } from '../kit/log.js';
import { rethrow } from '../stores/postgres/errors.js';
import type { Core } from './core.js';

export type AdministrationParts = {
  readonly config: Config;
  readonly core: Core;
  readonly money: MoneyIn;
  readonly clock: Clock;
  readonly log: Log;
};

export type Administration = AllocateDeps & AdministrationDeps & AllocationsDeps & UsersDeps;

/** What administrators can do. Every action and its target account are in Postgres before the request is acknowledged. */
export function composeAdministration({ config, core, money: moneyIn, clock, log }: AdministrationParts): Administration {
  const { db, freshen, resolveAccount } = core;
  return {
    allocateByEmailStatus: config.allocateByEmailStatus,
    resolveAccount,
    openAccount: (request) => openAccount({ db, resolveAccount }, request),
    accountOfKey: async (operation, key) => {
      const name = idempotencyOf(operation, key);
      return name === null ? null : readAccountOfKey(db, name).catch(rethrow);
    },
    grant: (command) => grantCredits({ moneyIn, clock }, command),
    set: (command) => setCredits({ moneyIn, clock }, command),
    remove: (command) => removeCredits({ moneyIn }, command),
    adjust: (command) => adjustCredits({ moneyIn, clock }, command),
    revokeAllocation: (command) => revokeAllocation({ db, moneyIn }, command),
    listAllocations: (query) => listAllocations({
      db, clock,
      freshen: () => freshen.all().catch((error: unknown) => { log.debug({ err: error }, 'allocations are listed as Postgres has them'); }),
    }, query),
    registerUser: (user) => registerUser(db, user),
  };
}
