import type { Config } from '../config.js';
import { insertUsageLog } from '../credits/processes/usage-log.table.js';
import { settlementBody, toSettlement } from '../edge/credits-process/settlement-body.js';
import { toUsageLog, usageLogBody } from '../edge/credits-process/usage-log-body.js';
import { amqpBridge, type AmqpBridge } from '../edge/queues/amqp-bridge.js';
import { bullSettlements } from '../edge/queues/bull-settlements.js';
import { settlementHandler, telemetryHandler, type Handled, type HandleMessage } from '../edge/queues/handle-settlement.js';
import { type ConsumedQueue } from '../edge/queues/queues.js';
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

/**
 * Settlements and telemetry that arrive by queue: always by BullMQ, and by RabbitMQ where it is configured. The start waits
 * for neither.
 */
export function openSettlementQueues({ config, core, connections, log, metrics, tracer }: SettlementQueuesDeps): SettlementQueues {
  const deps = composeSettlements(config, core);
  const onBug = (error: unknown): void => { log.error({ err: error }, 'bug: a message of a queue failed and will be retried'); };
  const traced = (name: string, work: HandleMessage): HandleMessage => (tracer === undefined ? work : (payload, unnamed) =>
    inSpan(tracer, name, { kind: 'consumer', isRoot: true }, () => work(payload, unnamed)));
  const settle = traced('settlement message', settlementHandler({
    ...deps, readSettlement: (payload) => toSettlement(settlementBody.parse(payload), 'either', deps), onBug,
  }));
  const telemetry = traced('telemetry message', telemetryHandler({
    save: (body) => {
      const { user, payload } = toUsageLog(usageLogBody.parse(body));
      return insertUsageLog(core.db, user, payload);
    },
    onBug,
  }));
  const handlers = { credits_process_end_multimodel_queue: settle, credits_process_end_queue: settle, feature_usage_queue: telemetry };
  const observe = (queue: ConsumedQueue, handled: Handled, seconds: number): void => {
    metrics.observe(
      'settlementSeconds', { queue, result: handled.kind === 'settled' && handled.replayed ? 'replayed' : handled.kind }, seconds,
    );
    if (handled.kind === 'refused') {
      log.warn({ queue, code: handled.code, reason: handled.reason }, 'message refused and moved to the dead-letter queue');
    }
  };
  const onError = (error: unknown): void => { log.warn({ err: error }, 'settlement queue error; the message stays in its queue'); };

  const bull = bullSettlements({
    workerConnection: connections.worker, producerConnection: connections.producer, namespace: config.redisNamespace,
    handlers, concurrency: config.rabbitmqPrefetch, observe, onError,
  });
  const amqp = config.rabbitmqUrl === undefined ? undefined : amqpBridge({
    url: config.rabbitmqUrl, db: core.db, handlers, prefetch: config.rabbitmqPrefetch, observe, onError,
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
