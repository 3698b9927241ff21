import type { Db, Trx } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';

/** `accountId`: the pool that pays for what the spender uses. */
export type PoolMember = {
  readonly accountId: string;
  readonly spender: string;
  readonly version: number;
  readonly addedAtMs: number;
  readonly addedBy: string | null;
};

/** Gateways listen on it for changes of members. */
export const POOLS_CHANNEL = 'credit_gateway_pools';

const ROW = `account_id as "accountId", spender, version, ${toMs('added_at')} as "addedAtMs", added_by as "addedBy"`;

/** Announces a change of members at the commit, and makes other changes wait until then. */
export async function lockPools(trx: Trx): Promise<void> {
  await trx.raw('update pool_changes set version = version + 1');
  await trx.raw(`select pg_notify('${POOLS_CHANNEL}', '')`);
}

/** Grows with every change of any member. */
export async function readPoolsVersion(db: Db): Promise<number> {
  const { rows } = await db.raw<{ rows: { version: number }[] }>('select version from pool_changes');
  return rows[0]?.version ?? 0;
}

export async function readAllMembers(db: Db): Promise<Pick<PoolMember, 'accountId' | 'spender'>[]> {
  const { rows } = await db.raw<{ rows: Pick<PoolMember, 'accountId' | 'spender'>[] }>(
    'select account_id as "accountId", spender from pool_members',
  );
  return rows;
}

/** Members of a pool by their names, after a name. */
export async function readMembers(db: Db, accountId: string, after: string, limit: number): Promise<PoolMember[]> {
  const { rows } = await db.raw<{ rows: PoolMember[] }>(
    `select ${ROW} from pool_members where account_id = ? and spender > ? order by spender limit ?::integer`, [accountId, after, limit],
  );
  return rows;
}

/** The membership of a spender, whatever its pool. */
export async function readMember(db: Db | Trx, spender: string): Promise<PoolMember | null> {
  const { rows } = await db.raw<{ rows: PoolMember[] }>(`select ${ROW} from pool_members where spender = ?`, [spender]);
  return rows[0] ?? null;
}

export async function countMembers(trx: Trx, accountId: string): Promise<number> {
  const { rows } = await trx.raw<{ rows: { count: number }[] }>(
    'select count(*)::integer as count from pool_members where account_id = ?', [accountId],
  );
  return rows[0]?.count ?? 0;
}

export async function insertMember(trx: Trx, accountId: string, spender: string, actor: string): Promise<PoolMember> {
  const { rows } = await trx.raw<{ rows: PoolMember[] }>(
    `insert into pool_members (account_id, spender, added_by, version)
     select ?, ?, ?, version from pool_changes returning ${ROW}`,
    [accountId, spender, actor],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('an inserted member is returned');
  return row;
}

export async function deleteMember(trx: Trx, spender: string): Promise<void> {
  await trx.raw('delete from pool_members where spender = ?', [spender]);
}
