import { listEvents } from '../books/event.table.js';
import type { Config } from '../config.js';
import { readBalanceThreshold, removeBalanceThreshold, setBalanceThreshold } from '../credits/webhooks/balance-threshold.js';
import { deliveries } from '../credits/webhooks/manage-deliveries.js';
import { webhooks } from '../credits/webhooks/manage-endpoints.js';
import type { NativeDeps } from '../edge/v1/routes.js';
import type { Clock } from '../kit/clock.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import type { Core } from './core.js';

/** What the routes of webhooks and events need. */
export function composeWebhooks(
  { core: { db }, config, clock }: { readonly core: Core; readonly config: Pick<Config, 'webhooksAllowPrivate'>; readonly clock: Clock },
): NonNullable<NativeDeps['webhooks']> {
  const endpoints = webhooks({ db, clock, rules: { allowsPrivate: config.webhooksAllowPrivate } });
  return {
    endpoints,
    deliveries: deliveries({ db, clock, webhooks: endpoints }),
    listEvents: (query) => listEvents(db, query).catch((error: unknown) => { throw toGatewayError(error); }),
    thresholds: {
      read: (accountId) => readBalanceThreshold(db, accountId),
      set: (accountId, amount, by) => setBalanceThreshold(db, accountId, amount, by),
      remove: (accountId, check) => removeBalanceThreshold(db, accountId, check),
    },
  };
}
