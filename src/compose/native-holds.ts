import { readHoldLife, readHoldPage, type HoldQuery } from '../books/hold-list.table.js';
import type { Config } from '../config.js';
import { extendLease } from '../credits/holds/native/extend-lease.js';
import type { LeaseDeps } from '../credits/holds/native/lease.js';
import { leasePrices } from '../credits/holds/native/lease-price.js';
import { placeLease, placeLeases } from '../credits/holds/native/place-lease.js';
import { listLeases, readLease } from '../credits/holds/native/read-lease.js';
import { reportLease } from '../credits/holds/native/report-lease.js';
import { settleLease, voidLease } from '../credits/holds/native/settle-lease.js';
import { holdInPool, onHoldOf, onLeaseOf, placeForMember, placeForMembers } from '../credits/pools/holds-of-members.js';
import type { Pools } from '../credits/pools/pools.js';
import type { HoldRouteDeps } from '../edge/v1/holds.routes.js';
import type { Clock } from '../kit/clock.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import type { Core } from './core.js';

type HoldsDeps = {
  readonly config: Pick<Config, 'holdTtlMs' | 'overCapture' | 'debtLimit' | 'holdMax'>;
  readonly core: Pick<Core, 'ledger' | 'foreseeHolds' | 'db' | 'prices'>;
  readonly clock: Clock;
  readonly pools: Pick<Pools, 'payerOf'>;
  readonly writeLedger: (accountId: string) => Promise<boolean>;
};

/** The holds of `/v1`. */
export function composeHolds({ config, core: { ledger, foreseeHolds, db, prices }, clock, pools, writeLedger }: HoldsDeps): HoldRouteDeps {
  const deps: LeaseDeps = {
    ledger, book: prices.native(), leasePrices: leasePrices(), clock, leaseMs: config.holdTtlMs, holdMax: config.holdMax,
    beyond: { overCapture: config.overCapture, debtLimit: config.debtLimit },
  };
  const reading = {
    ...deps, writeLedger, readLife: (accountId: string, holdId: string) => readHoldLife(db, accountId, holdId),
    readPage: (query: HoldQuery) => readHoldPage(db, query).catch((error: unknown) => { throw toGatewayError(error); }),
  };
  return {
    place: (command) => placeForMember(pools, command, (named) => placeLease(deps, named)),
    placeMany: (commands, tell) => placeForMembers(pools, commands, tell, (named, told) => placeLeases(deps, named, told)),
    foresee: (holds) => foreseeHolds(holds.map((named) => holdInPool(pools, named) ?? named)),
    extend: (command) => onLeaseOf(pools, command, (named) => extendLease(deps, named)),
    report: (command) => onLeaseOf(pools, command, (named) => reportLease(deps, named)),
    settle: (command) => onHoldOf(pools, command, (named) => settleLease(deps, named)),
    void: (command) => onHoldOf(pools, command, (named) => voidLease(deps, named)),
    read: (name) => onHoldOf(pools, name, (named) => readLease(reading, named)),
    list: (query) => listLeases(reading, query),
  };
}
