import type { Config } from '../config.js';
import { settlementBody, toSettlement } from '../edge/credits-process/settlement-body.js';
import { amqpBridge, type AmqpBridge } from '../edge/queues/amqp-bridge.js';
import { bullSettlements } from '../edge/queues/bull-settlements.js';
import { settlementHandler, type Handled, type HandleSettlement } from '../edge/queues/handle-settlement.js';
import { type SettlementQueue } from '../edge/queues/queues.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';
import { inSpan, type Tracer } from '../kit/tracing/tracer.js';
import type { QueueConnections } from '../stores/redis/queue-connections.js';
import type { Core } from './core.js';
import { composeSettlements } from './credits-process.js';

export type SettlementQueuesDeps = {
  readonly config: Config;
  readonly core: Core;
  readonly connections: QueueConnections;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracer: Tracer | undefined;
};

export type SettlementQueues = {
  /** Undefined: no RabbitMQ is configured. */
  readonly amqp: AmqpBridge | undefined;
  close(): Promise<void>;
};

/** Settlements that arrive by queue: always by BullMQ, and by RabbitMQ where it is configured. The start waits for neither. */
export function openSettlementQueues({ config, core, connections, log, metrics, tracer }: SettlementQueuesDeps): SettlementQueues {
  const deps = composeSettlements(config, core);
  const settle = settlementHandler({
    ...deps,
    readSettlement: (payload) => toSettlement(settlementBody.parse(payload), 'either', deps),
    onBug: (error) => { log.error({ err: error }, 'bug: a settlement failed and will be retried'); },
  });
  const handle: HandleSettlement = tracer === undefined ? settle : (payload, unnamed) =>
    inSpan(tracer, 'settlement message', { kind: 'consumer', isRoot: true }, () => settle(payload, unnamed));
  const observe = (queue: SettlementQueue, handled: Handled, seconds: number): void => {
    metrics.observe(
      'settlementSeconds', { queue, result: handled.kind === 'settled' && handled.replayed ? 'replayed' : handled.kind }, seconds,
    );
    if (handled.kind === 'refused') {
      log.warn({ queue, code: handled.code, reason: handled.reason }, 'settlement refused and moved to the dead-letter queue');
    }
  };
  const onError = (error: unknown): void => { log.warn({ err: error }, 'settlement queue error; the message stays in its queue'); };

  const bull = bullSettlements({
    workerConnection: connections.worker, producerConnection: connections.producer, namespace: config.redisNamespace,
    handle, concurrency: config.rabbitmqPrefetch, observe, onError,
  });
  const amqp = config.rabbitmqUrl === undefined ? undefined : amqpBridge({
    url: config.rabbitmqUrl, db: core.db, handle, prefetch: config.rabbitmqPrefetch, observe, onError,
    onConnected: () => { log.info('RabbitMQ: connected, settlements are taken'); },
    onDisconnected: (reason, retryMs) => { log.warn({ reason, retryMs }, 'RabbitMQ: not connected; retrying'); },
    onProblem: ({ name, message }) => { log.error({ name }, `RabbitMQ: ${message}`); },
  });
  return {
    amqp,
    close: async () => {
      await amqp?.close();
      await bull.close();
    },
  };
}
