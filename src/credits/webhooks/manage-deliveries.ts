import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { listDeliveries, readDelivery, resendDelivery, type DeliveryRow, type DeliveryState } from './delivery.table.js';
import type { EndpointRow } from './endpoint.table.js';
import type { MaySee, Webhooks } from './manage-endpoints.js';
import { DELIVERY_LIFE_MS } from './retry-plan.js';

export type DeliveriesDeps = { readonly db: Db; readonly clock: Clock; readonly webhooks: Pick<Webhooks, 'read'> };

export type DeliveriesQuery = { readonly state: DeliveryState | undefined; readonly before: number | undefined; readonly limit: number };

/** What callers do with deliveries. All throw GatewayError not_found, ledger_unavailable. */
export type Deliveries = ReturnType<typeof deliveries>;

export function deliveries({ db, clock, webhooks }: DeliveriesDeps) {
  const reached = async <T>(work: Promise<T>): Promise<T> => work.catch((error: unknown) => { throw toGatewayError(error); });
  const found = (delivery: DeliveryRow | null): DeliveryRow => {
    if (delivery === null) throw new GatewayError('not_found', 'the webhook has no such delivery');
    return delivery;
  };
  return {
    list: async (endpointId: string, maySee: MaySee, query: DeliveriesQuery): Promise<DeliveryRow[]> => {
      await webhooks.read(endpointId, maySee);
      return reached(listDeliveries(db, { endpointId, ...query }));
    },
    read: async (endpointId: string, maySee: MaySee, deliveryId: number): Promise<DeliveryRow> => {
      await webhooks.read(endpointId, maySee);
      return found(await reached(readDelivery(db, endpointId, deliveryId)));
    },
    /** Sends it again under the same id, with three more days. @throws GatewayError conflict: the endpoint is disabled. */
    resend: async (endpointId: string, maySee: MaySee, deliveryId: number): Promise<DeliveryRow> => {
      assertEnabled(await webhooks.read(endpointId, maySee));
      return found(await reached(resendDelivery(db, endpointId, deliveryId, { nowMs: clock(), lifeMs: DELIVERY_LIFE_MS })));
    },
  };
}

function assertEnabled({ state }: EndpointRow): void {
  if (state !== 'enabled') throw new GatewayError('conflict', 'the webhook is disabled; enable it first');
}
