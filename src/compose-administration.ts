import { openAccount } from './accounts/open-account.js';
import { findAccount } from './accounts/profile.table.js';
import { registerUser } from './accounts/register-user.js';
import type { Core } from './compose-core.js';
import type { Clock } from './clock.js';
import type { Config } from './config.js';
import type { AdministrationDeps } from './dialects/accounting-service/admin.routes.js';
import type { AllocateDeps } from './dialects/accounting-service/allocate.routes.js';
import type { AllocationsDeps } from './dialects/accounting-service/allocations.routes.js';
import type { UsersDeps } from './dialects/accounting-service/users.routes.js';
import { freshen } from './journal/freshen.js';
import { sharedDrain } from './journal/shared-drain.js';
import type { Log } from './log.js';
import { adjustCredits } from './lots/adjust-credits.js';
import { grantCredits } from './lots/grant-credits.js';
import { listAllocations } from './lots/list-allocations.js';
import { idempotencyOf } from './lots/money-request.js';
import type { MoneyIn } from './lots/money-in.js';
import { readAccountOfKey } from './lots/money-in.table.js';
import { removeCredits } from './lots/remove-credits.js';
import { revokeAllocation } from './lots/revoke-allocation.js';
import { setCredits } from './lots/set-credits.js';
import { toGatewayError } from './postgres/errors.js';

export type AdministrationParts = {
  readonly config: Config;
  readonly core: Core;
  readonly money: MoneyIn;
  readonly clock: Clock;
  readonly log: Log;
};

export type Administration = AllocateDeps & AdministrationDeps & AllocationsDeps & UsersDeps;

/** What administrators can do: to whom, and in Postgres before it is acknowledged. */
export function composeAdministration({ config, core, money: moneyIn, clock, log }: AdministrationParts): Administration {
  const { db } = core;
  const fresh = freshen(sharedDrain(core.drain), core.keys);
  return {
    allocateByEmailStatus: config.allocateByEmailStatus,
    resolveAccount: (text, by = 'any') => findAccount(db, text, by).catch(rethrow),
    openAccount: (request) => openAccount(db, request),
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
      freshen: () => fresh.all().catch((error: unknown) => { log.debug({ err: error }, 'allocations are listed as Postgres has them'); }),
    }, query),
    registerUser: (user) => registerUser(db, user),
  };
}

const rethrow = (error: unknown): never => { throw toGatewayError(error); };
