import type { Db } from '../../stores/postgres/connect.js';
import { readListPage, type ListPage, type ListQuery, type ListSource } from '../../stores/postgres/list-page.js';
import { toMs } from '../../stores/postgres/unnest.js';
import type { PoolMember } from './pool-member.table.js';

const SOURCE: ListSource = {
  columns: `m.account_id as "accountId", m.spender, m.version, ${toMs('m.added_at')} as "addedAtMs", m.added_by as "addedBy"`,
  from: 'pool_members m',
  key: [['m.spender', 'text']],
  sorts: { pool: ['m.account_id', 'text'], member: ['m.spender', 'text'], added: ['m.added_at', 'timestamptz'] },
  filters: { pool: 'm.account_id = :pool::text', member: 'm.spender = :member::text' },
};

/** Members of all pools. Filters: `pool`, `member`. */
export const listMembers = (db: Db, query: ListQuery): Promise<ListPage<PoolMember>> => readListPage<PoolMember>(db, SOURCE, query);

/** How many accounts pay for members, and for how many. */
export async function countPools(db: Db): Promise<{ readonly pools: number; readonly members: number }> {
  const { rows: [counts] } = await db.raw<{ rows: [{ pools: number; members: number }] }>(
    'select count(distinct account_id)::integer as pools, count(*)::integer as members from pool_members',
  );
  return counts;
}
