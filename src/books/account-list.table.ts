import type { Micros } from '../kit/money/micros.js';
import type { Db } from '../stores/postgres/connect.js';
import { readListPage, type ListPage, type ListQuery, type ListSource } from '../stores/postgres/list-page.js';
import { toMs } from '../stores/postgres/unnest.js';

/** An account as Postgres has it, with the name of its owner. */
export type ListedAccount = {
  readonly accountId: string;
  readonly username: string | null;
  readonly email: string | null;
  readonly available: Micros;
  readonly held: Micros;
  readonly debt: Micros;
  readonly captured: Micros;
  readonly frozen: boolean;
  /** Its last entry; null: none yet. */
  readonly lastAtMs: number | null;
};

const amount = (name: string): string => `coalesce(a.${name}, 0)`;
const LIST: Omit<ListSource, 'from' | 'key'> = {
  columns: `ids.account_id as "accountId", p.username, p.email, ${amount('available')} as available, ${amount('held')} as held,
    ${amount('debt')} as debt, ${amount('captured')} as captured, coalesce(a.frozen, false) as frozen,
    ${toMs('a.updated_at')} as "lastAtMs"`,
  sorts: {
    account: ['ids.account_id', 'text'], available: [amount('available'), 'bigint'], held: [amount('held'), 'bigint'],
    debt: [amount('debt'), 'bigint'], captured: [amount('captured'), 'bigint'],
    last: [`coalesce(a.updated_at, '-infinity')`, 'timestamptz'],
  },
  filters: {
    state: `case :state when 'frozen' then a.frozen when 'debt' then a.debt > 0 when 'held' then a.held > 0 else true end`,
  },
};

/** Accounts with entries. */
const ALL: ListSource = {
  ...LIST, key: [['ids.account_id', 'text']],
  from: 'accounts ids join accounts a using (account_id) left join profiles p using (account_id)',
};

/** SQL: whether a column begins with what is searched for, without case. */
const begins = (column: string): string =>
  `lower(${column}) like regexp_replace(lower(:who::text), '([%_\\\\])', '\\\\\\1', 'g') || '%'`;

/** Accounts that the text may mean, those without entries too: by the beginning of an id or a name, or by the id of a hold. */
const FOUND: ListSource = {
  ...LIST, key: [['ids.account_id', 'text']], filters: { ...LIST.filters, who: 'true' },
  from: `(select account_id from accounts where ${begins('account_id')}
    union select account_id from profiles where ${begins('account_id')}
    union select account_id from profiles where ${begins('username')}
    union select account_id from profiles where ${begins('email')}
    union select coalesce(claimed_by, account_id) from provisional_accounts where ${begins('name')}
    union select account_id from holds where hold_id = :who::text) ids
    left join accounts a using (account_id) left join profiles p using (account_id)`,
};

/** Accounts. Filters: `who` (above), `state` (frozen, debt, held). */
export const listAccounts = (db: Db, query: ListQuery): Promise<ListPage<ListedAccount>> =>
  readListPage<ListedAccount>(db, query.filters['who'] === undefined ? ALL : FOUND, query);
