import { GatewayError } from '../../kit/errors.js';
import { POOL_MEMBERS_MAX } from '../../kit/limits.js';
import type { Precondition } from '../../kit/precondition.js';
import type { Db } from '../../stores/postgres/connect.js';
import { inPostgres } from '../../stores/postgres/errors.js';
import { countMembers, deleteMember, insertMember, lockPools, readMember, readMembers, type PoolMember } from './pool-member.table.js';
import type { Pools } from './pools.js';

export type MembersDeps = { readonly db: Db; readonly pools: Pick<Pools, 'refresh'> };

/**
 * Makes an account a member of a pool: from now on the pool pays for its new holds and charges in `/v1`. Its own balance and
 * its own open holds stay as they are, and end on its own account. The same again changes nothing.
 *
 * @throws GatewayError conflict (the account is the pool itself, is a pool, or is a member of another one; or the pool is a
 *   member), limit_exceeded (POOL_MEMBERS_MAX), ledger_unavailable
 */
export async function addMember(
  deps: MembersDeps, accountId: string, spender: string, { check, actor }: { readonly check: Precondition; readonly actor: string },
): Promise<{ readonly member: PoolMember; readonly isNew: boolean }> {
  const added = await inPostgres(() => deps.db.transaction(async (trx) => {
    if (spender === accountId) throw new GatewayError('conflict', 'a pool is no member of itself');
    await lockPools(trx);
    const before = await readMember(trx, spender);
    check(before?.accountId === accountId ? before.version : null);
    if (before?.accountId === accountId) return { member: before, isNew: false };
    if (before !== null) throw new GatewayError('conflict', `${spender} is a member of another pool`);
    if (await readMember(trx, accountId) !== null) throw new GatewayError('conflict', `${accountId} is a member of a pool, and so no pool`);
    if (await countMembers(trx, spender) > 0) throw new GatewayError('conflict', `${spender} is a pool, and so no member`);
    if (await countMembers(trx, accountId) >= POOL_MEMBERS_MAX) {
      throw new GatewayError('limit_exceeded', `the pool has ${POOL_MEMBERS_MAX} members already`);
    }
    return { member: await insertMember(trx, accountId, spender, actor), isNew: true };
  }));
  await seen(deps);
  return added;
}

/** Ends a membership; false: there is none. What the member holds from the pool stays the pool's. @throws ledger_unavailable */
export async function removeMember(deps: MembersDeps, accountId: string, spender: string, check: Precondition): Promise<boolean> {
  const isThere = await inPostgres(() => deps.db.transaction(async (trx) => {
    await lockPools(trx);
    const before = await readMember(trx, spender);
    const isThere = before?.accountId === accountId;
    check(isThere ? before.version : null);
    if (!isThere) return false;
    await deleteMember(trx, spender);
    return true;
  }));
  await seen(deps);
  return isThere;
}

export const listMembers = (db: Db, accountId: string, after: string, limit: number): Promise<readonly PoolMember[]> =>
  inPostgres(() => readMembers(db, accountId, after, limit));

export async function showMember(db: Db, accountId: string, spender: string): Promise<PoolMember | null> {
  const member = await inPostgres(() => readMember(db, spender));
  return member?.accountId === accountId ? member : null;
}

/** This process answers by the change from now on. The change is committed, so an outage now is none of the caller's. */
const seen = ({ pools }: MembersDeps): Promise<void> => pools.refresh().catch(() => undefined);
