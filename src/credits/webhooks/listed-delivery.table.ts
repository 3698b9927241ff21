import type { Db } from '../../stores/postgres/connect.js';
import { readListPage, type ListPage, type ListQuery, type ListSource } from '../../stores/postgres/list-page.js';
import { toMs } from '../../stores/postgres/unnest.js';
import type { Answer, DeliveryState } from './delivery.table.js';

/** What a list tells of a delivery. `last`: the last attempt; null before the first. */
export type ListedDelivery = {
  readonly deliveryId: number;
  readonly endpointId: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly nextAtMs: number;
  readonly createdAtMs: number;
  readonly last: Answer | null;
  readonly accountId: string;
  readonly type: string;
};

const SOURCE: ListSource = {
  columns: `d.delivery_id as "deliveryId", d.endpoint_id as "endpointId", d.state, d.attempts, ${toMs('d.next_at')} as "nextAtMs",
    ${toMs('d.created_at')} as "createdAtMs", d.answers -> -1 as last, e.account_id as "accountId", e.type`,
  from: 'webhook_deliveries d join events e using (position)',
  key: [['d.delivery_id', 'bigint']],
  sorts: { created: ['d.delivery_id', 'bigint'], attempts: ['d.attempts', 'bigint'] },
  filters: {
    webhook: 'd.endpoint_id = :webhook::text', state: 'd.state = :state::text', account: 'e.account_id = :account::text',
    type: 'e.type = :type::text',
  },
};

/** Deliveries of all webhooks. Filters: `webhook`, `state`, `account`, `type` (of event). */
export const listDeliveryPage = (db: Db, query: ListQuery): Promise<ListPage<ListedDelivery>> =>
  readListPage<ListedDelivery>(db, SOURCE, query);
