import type { Transaction, TransactionReason, TransactionTotals, TransactionType } from '../../books/transaction.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';

/**
 * Reads of statements. All of them go through the kinds (type and reason) that an account has transactions of, a
 * handful, each of which is one range of an index; so a page costs the same in a statement of ten lines and of millions.
 */
export type Kind = { readonly type: TransactionType; readonly reason: TransactionReason };
export type KindTotals = Omit<TransactionTotals, 'accountId'>;

export async function readKinds(db: Db, accountId: string): Promise<KindTotals[]> {
  const { rows } = await db.raw<{ rows: KindTotals[] }>(
    `select type, reason, count, credited, debited, ${toMs('last_at')} as "lastAtMs" from transaction_totals where account_id = ?`,
    [accountId],
  );
  return rows;
}

/** How many there were of each kind until a moment, that moment included, and what they came to. */
export type CountsUntil = Kind & { readonly count: number; readonly credited: Micros; readonly debited: Micros };

export async function readCountsUntil(db: Db, accountId: string, kinds: readonly Kind[], untilMs: number): Promise<CountsUntil[]> {
  const { rows } = await db.raw<{ rows: CountsUntil[] }>(
    `select kind.type, kind.reason, last.nth as count, last.credited, last.debited
       from ${KINDS}
      cross join lateral (
        select nth, credited, debited from transactions t
         where t.account_id = :accountId and t.type = kind.type and t.reason = kind.reason
           and t.at <= to_timestamp(:untilMs::double precision / 1000)
         order by t.at desc, t.id desc limit 1) as last`,
    { accountId, untilMs, ...bindKinds(kinds) },
  );
  return rows;
}

/** A short stretch of time: `before` transactions were made until `afterMs`, `until` until `untilMs`. */
export type Stretch = { readonly afterMs: number; readonly before: number; readonly untilMs: number; readonly until: number };

/** A stretch with the `wanted`-th transaction of these kinds in it and `slack` others at most, or all of one millisecond. */
export async function readAround(db: Db, accountId: string, kinds: readonly Kind[], wanted: number, slack: number): Promise<Stretch> {
  const { rows } = await db.raw<{ rows: Stretch[] }>(
    `select after_ms as "afterMs", before, until_ms as "untilMs", until
       from transactions_around(:accountId, :types::text[], :reasons::text[], :wanted::bigint, :slack::bigint)`,
    { accountId, wanted, slack, ...bindKinds(kinds) },
  );
  if (rows[0] === undefined) throw new Error('a function always answers');
  return rows[0];
}

export type Direction = 'asc' | 'desc';

/** A place in a statement in order of time: after this transaction, in the direction of the page. */
export type Cursor = { readonly atMs: number; readonly id: number };

export type PageQuery = {
  readonly accountId: string;
  readonly kinds: readonly Kind[];
  /** Both included. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly direction: Direction;
  readonly after: Cursor | null;
  readonly skip: number;
  readonly limit: number;
};

/** A page in order of time. Each kind gives as many as could be wanted of it, and the best of all are taken. */
export async function readPage(db: Db, query: PageQuery): Promise<Transaction[]> {
  const { accountId, kinds, fromMs, untilMs, direction, after, skip, limit } = query;
  const beyond = direction === 'desc' ? '<' : '>';
  const { rows } = await db.raw<{ rows: Transaction[] }>(
    `select ${COLUMNS} from ${KINDS}
      cross join lateral (
        select * from transactions t
         where t.account_id = :accountId and t.type = kind.type and t.reason = kind.reason
           and t.at >= to_timestamp(:fromMs::double precision / 1000) and t.at <= to_timestamp(:untilMs::double precision / 1000)
           ${after === null ? '' : `and (t.at, t.id) ${beyond} (to_timestamp(:afterMs::double precision / 1000), :afterId::bigint)`}
         order by t.at ${direction}, t.id ${direction} limit :most::bigint) as t
      order by t.at ${direction}, t.id ${direction} offset :skip::bigint limit :limit::bigint`,
    {
      accountId, fromMs, untilMs, skip, limit, most: skip + limit, ...bindKinds(kinds),
      ...(after !== null && { afterMs: after.atMs, afterId: after.id }),
    },
  );
  return rows;
}

/** A page in order of amount over all of the statement: the index has them so. */
export async function readPageByAmount(
  db: Db, { accountId, kinds, direction, skip, limit }: Omit<PageQuery, 'fromMs' | 'untilMs' | 'after'>,
): Promise<Transaction[]> {
  const { rows } = await db.raw<{ rows: Transaction[] }>(
    `select ${COLUMNS} from ${KINDS}
      cross join lateral (
        select * from transactions t
         where t.account_id = :accountId and t.type = kind.type and t.reason = kind.reason
         order by t.amount ${direction}, t.id ${direction} limit :most::bigint) as t
      order by t.amount ${direction}, t.id ${direction} offset :skip::bigint limit :limit::bigint`,
    { accountId, skip, limit, most: skip + limit, ...bindKinds(kinds) },
  );
  return rows;
}

/** The same of a period, which has to be read and sorted: the caller has made sure that it is not long. */
export async function readPeriodByAmount(db: Db, query: Omit<PageQuery, 'after'>): Promise<Transaction[]> {
  const { accountId, kinds, fromMs, untilMs, direction, skip, limit } = query;
  const { rows } = await db.raw<{ rows: Transaction[] }>(
    `select ${COLUMNS} from ${KINDS}
      cross join lateral (
        select * from transactions t
         where t.account_id = :accountId and t.type = kind.type and t.reason = kind.reason
           and t.at >= to_timestamp(:fromMs::double precision / 1000) and t.at <= to_timestamp(:untilMs::double precision / 1000)) as t
      order by t.amount ${direction}, t.id ${direction} offset :skip::bigint limit :limit::bigint`,
    { accountId, fromMs, untilMs, skip, limit, ...bindKinds(kinds) },
  );
  return rows;
}

const KINDS = 'unnest(:types::text[], :reasons::text[]) as kind (type, reason)';
const bindKinds = (kinds: readonly Kind[]): { readonly types: string[]; readonly reasons: string[] } => ({
  types: kinds.map(({ type }) => type), reasons: kinds.map(({ reason }) => reason),
});

const COLUMNS = `t.id, t.account_id as "accountId", ${toMs('t.at')} as "atMs", t.type, t.reason, t.amount,
  t.balance_after as "balanceAfter", t.description, t.metadata`;
