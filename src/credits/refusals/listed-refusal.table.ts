import type { Db } from '../../stores/postgres/connect.js';
import { readListPage, type ListPage, type ListQuery, type ListSource } from '../../stores/postgres/list-page.js';
import { fromMs, toMs } from '../../stores/postgres/unnest.js';
import type { Refusal } from './refusal.js';

const SOURCE: ListSource = {
  columns: `r.account_id as "accountId", ${toMs('r.minute')} as "minuteMs", r.reason, r.method, r.route, r.count,
    ${toMs('r.first_at')} as "firstAtMs", ${toMs('r.last_at')} as "lastAtMs", r.status, r.message, r.request_id as "requestId"`,
  from: 'refusals r',
  key: [['r.account_id', 'text'], ['r.reason', 'text'], ['r.method', 'text'], ['r.route', 'text'], ['r.minute', 'timestamptz']],
  sorts: { minute: ['r.minute', 'timestamptz'], count: ['r.count', 'bigint'] },
  filters: {
    account: 'r.account_id = :account::text', reason: 'r.reason = :reason::text',
    from: `r.minute >= ${fromMs(':from::double precision')}`, to: `r.minute < ${fromMs(':to::double precision')}`,
  },
};

/** Refusals of all accounts by the minute. Filters: `account`, `reason`, `from` and `to` in ms. */
export const listRefusals = (db: Db, query: ListQuery): Promise<ListPage<Refusal>> => readListPage<Refusal>(db, SOURCE, query);
