import type { Redis } from 'ioredis';
import { nameOfAccount } from '../../src/ledger/account-name.js';
import type { Keyspace } from '../../src/ledger/keys.js';
import type { Db } from '../../src/stores/postgres/connect.js';
import { finding, type Finding } from './finding.js';

type AccountBook = {
  readonly accountId: string; readonly epoch: number; readonly totals: Readonly<Record<string, number>>;
  readonly lots: readonly string[] | null; readonly live: readonly string[] | null; readonly holds: readonly string[] | null;
};

const TOTALS = ['seq', 'available', 'held', 'debt', 'granted', 'captured', 'expired', 'removed', 'uncollected'] as const;
const MS = (column: string): string => `(extract(epoch from ${column}) * 1000)::bigint`;

/**
 * Compares every account in Redis with Postgres: balances, totals and seq, lots, open holds. Everything must have been
 * drained, and no request may be in progress. Load accounts that Redis has lost before the call, by reading their balance.
 */
export async function checkRedis(db: Db, redis: Redis, keys: Keyspace): Promise<Finding[]> {
  const balances = finding('Redis and Postgres agree on every balance, at the same seq');
  const lots = finding('Redis and Postgres agree on every lot');
  const holds = finding('Redis and Postgres agree on every open hold');
  const index = finding('the sweeper knows every open hold');
  for (const book of await readBooks(db)) {
    const account = keys.account(book.accountId, book.epoch);
    const stored = await redis.hgetall(account.account);
    balances.compare(TOTALS.every((name) => Number(stored[name]) === book.totals[name]), () =>
      `${book.accountId}: Redis ${TOTALS.map((name) => `${name} ${stored[name] ?? '-'}`)
        .join(' ')}; Postgres ${TOTALS.map((name) => `${name} ${book.totals[name] ?? '-'}`).join(' ')}`);

    const facts = Object.entries(await redis.hgetall(account.lot)).map(([id, text]) => `${id}:${text}`);
    compareLists(lots, `lots of ${book.accountId}`, facts, book.lots ?? []);
    compareLists(lots, `spendable lots of ${book.accountId}`, await redis.zrange(account.lots, '0', '-1'), book.live ?? []);

    const open = await redis.zrange(account.open, '0', '-1');
    const amounts = await Promise.all(open.map(async (id) => `${id}:${String(await redis.hget(account.hold(id), 'amount'))}`));
    compareLists(holds, `holds of ${book.accountId}`, amounts, book.holds ?? []);
    for (const id of open) {
      const member = `${nameOfAccount(book.accountId)}:${id}`;
      index.compare(await redis.zscore(account.holdsDue, member) !== null, () => `${book.accountId} hold ${id}`);
    }
  }
  return [balances, lots, holds, index].map((each) => each.done());
}

function compareLists(into: ReturnType<typeof finding>, what: string, ours: readonly string[], theirs: readonly string[]): void {
  const [redis, postgres] = [ours.toSorted().join(' '), theirs.toSorted().join(' ')];
  into.compare(redis === postgres, () => `${what}: Redis [${redis}], Postgres [${postgres}]`);
}

/** Lots and holds in Redis' format. */
async function readBooks(db: Db): Promise<AccountBook[]> {
  const { rows } = await db.raw<{ rows: AccountBook[] }>(
    `select a.account_id as "accountId", s.epoch, to_json(a) as totals,
            (select array_agg(lot_id || ':' || remaining || ':' || held || ':' || amount || ':'
                              || coalesce(${MS('expires_at')}::text, 'inf') || ':' || ${MS('granted_at')}
                              || case rule when '' then '' else ':' || rule end)
               from lots l where l.account_id = a.account_id and closed_at is null) as lots,
            (select array_agg(lot_id) from lots l where l.account_id = a.account_id and remaining > 0) as live,
            (select array_agg(hold_id || ':' || amount) from holds h where h.account_id = a.account_id and state = 'open') as holds
       from accounts a join shards s using (shard) order by a.account_id`,
  );
  return rows;
}
