import { webhookState } from '../../credits/webhooks/delivery.table.js';
import type { Clock } from '../../kit/clock.js';
import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import { within } from '../../kit/within.js';
import type { Db } from '../../stores/postgres/connect.js';

export type WatchWebhooksDeps = {
  readonly db: Db;
  readonly clock: Clock;
  readonly metrics: Gauges;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
};

const EVERY_MS = 15_000;
const WITHIN_MS = 5_000;

/** Measures what webhooks wait for. Returns a stop function. */
export function watchWebhooks({ db, clock, metrics, onError, everyMs = EVERY_MS }: WatchWebhooksDeps): () => void {
  const measure = async (): Promise<void> => {
    const { oldestDueSeconds, pending, disabled } = await within(WITHIN_MS, 'looking at webhooks', webhookState(db, clock()));
    metrics.set('webhookOldestDueSeconds', {}, oldestDueSeconds);
    metrics.set('webhooksPending', {}, pending);
    metrics.set('webhooksDisabled', {}, disabled);
  };
  return repeat(everyMs, measure, (error) => {
    metrics.forget('webhookOldestDueSeconds', 'webhooksPending', 'webhooksDisabled');
    onError(error);
  });
}
