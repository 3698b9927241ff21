import type { Config } from '../config.js';
import { deliverDue, type DeliveryOutcome } from '../credits/webhooks/deliver.js';
import type { Clock } from '../kit/clock.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';
import { sendPost } from '../stores/outbound/post.js';
import type { QueueConnections } from '../stores/redis/queue-connections.js';
import { webhookQueue, type WebhookQueue } from '../worker/jobs/webhook-queue.js';
import type { Core } from './core.js';

/** The worker's side: sends what is due. */
export function openWebhookQueue({ config, core, connections, clock, log, metrics }: {
  readonly config: Config; readonly core: Core; readonly connections: QueueConnections; readonly clock: Clock; readonly log: Log;
  readonly metrics: Metrics;
}): WebhookQueue {
  const deps = {
    db: core.db, clock, post: sendPost({ allowsPrivate: config.webhooksAllowPrivate }), random: Math.random,
    report: (outcome: DeliveryOutcome) => { metrics.count('webhookAttempts', { outcome }); },
    disabled: (endpointId: string) => { log.warn({ webhook: endpointId }, 'a webhook was disabled: its attempts only fail'); },
  };
  return webhookQueue({
    producer: connections.producer, worker: connections.worker, namespace: config.redisNamespace,
    deliver: (endpointId) => deliverDue(deps, endpointId),
    onError: (error) => { log.warn({ err: error }, 'a run of webhooks failed; the next sweep repeats it'); },
  });
}
