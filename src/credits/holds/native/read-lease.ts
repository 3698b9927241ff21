import type { HoldLife, HoldQuery } from '../../../books/hold-list.table.js';
import type { HoldRow } from '../../../books/hold.table.js';
import { GatewayError } from '../../../kit/errors.js';
import type { HoldOutcome } from '../../../ledger/ledger.js';
import { toLease, type Lease, type LeaseDeps } from './lease.js';
import { pricingOf } from './lease-price.js';

export type ReadLeaseDeps = Pick<LeaseDeps, 'ledger' | 'book'> & {
  /** Writes to Postgres what Redis has of the account. False: not now. */
  readonly writeLedger: (accountId: string) => Promise<boolean>;
  readonly readLife: (accountId: string, holdId: string) => Promise<HoldLife | null>;
  readonly readPage: (query: HoldQuery) => Promise<HoldRow[]>;
};

/** A hold as it is now, with all that the books have of it; `life` null: Postgres does not answer, or has not got it yet. */
export type ShownLease = {
  readonly now: { readonly state: 'open'; readonly lease: Lease } | { readonly state: 'ended'; readonly outcome: HoldOutcome };
  readonly life: HoldLife | null;
};

/**
 * A hold from Redis, its history from Postgres.
 *
 * @throws GatewayError hold_not_found, ledger_unavailable.
 */
export async function readLease(
  deps: ReadLeaseDeps, name: { readonly accountId: string; readonly holdId: string },
): Promise<ShownLease> {
  const { accountId, holdId } = name;
  const reply = await deps.ledger.readHold(accountId, holdId);
  if (reply.status === 'hold_not_found') throw new GatewayError('hold_not_found', `hold ${holdId} not found`);
  const life = await historyOf(deps, accountId, holdId);
  if (reply.status === 'ended') return { now: { state: 'ended', outcome: reply.outcome }, life };
  const { hold } = reply;
  const lease = toLease(deps, name, pricingOf(hold.price, hold.about), hold, { leaseMs: hold.leaseMs, replayed: false });
  return { now: { state: 'open', lease }, life };
}

async function historyOf({ writeLedger, readLife }: ReadLeaseDeps, accountId: string, holdId: string): Promise<HoldLife | null> {
  try {
    await writeLedger(accountId);
    return await readLife(accountId, holdId);
  } catch {
    // What Redis knows is answered without Postgres.
    return null;
  }
}

/** Holds of an account from Postgres, with everything that Redis had when it was asked. @throws GatewayError ledger_unavailable. */
export async function listLeases({ writeLedger, readPage }: ReadLeaseDeps, query: HoldQuery): Promise<HoldRow[]> {
  await writeLedger(query.accountId);
  return readPage(query);
}
