/**
 * The queues of settlements and what belongs to each (docs/contracts/credits-process.md#queues). Their names are the
 * same in RabbitMQ and in BullMQ.
 */
export const SETTLEMENT_QUEUES = ['credits_process_end_multimodel_queue', 'credits_process_end_queue'] as const;
export type SettlementQueue = (typeof SETTLEMENT_QUEUES)[number];

export const DEAD_LETTER_EXCHANGE = 'dlx_exchange';
export const deadLetterQueue = (queue: ConsumedQueue): string => `${queue}_dlq`;

/** Telemetry of clients: what POST /api/feature-usage-logs takes, as a message. */
export const TELEMETRY_QUEUE = 'feature_usage_queue';

/** The queues that are consumed from RabbitMQ. */
export const CONSUMED_QUEUES = [...SETTLEMENT_QUEUES, TELEMETRY_QUEUE] as const;
export type ConsumedQueue = (typeof CONSUMED_QUEUES)[number];

/** The queues that their publishers declare with priorities. */
const WITH_PRIORITIES: ReadonlySet<ConsumedQueue> = new Set(['credits_process_end_queue', TELEMETRY_QUEUE]);

/** As its publishers declare it: a broker refuses any other declaration of the same queue with 406. */
export const queueArguments = (queue: ConsumedQueue) => ({
  'x-dead-letter-exchange': DEAD_LETTER_EXCHANGE,
  'x-dead-letter-routing-key': deadLetterQueue(queue),
  ...(WITH_PRIORITIES.has(queue) ? { 'x-max-priority': 10 } : {}),
});

/** Where a message waits before it is tried again: a queue whose messages go back to the work queue when their time is up. */
export const retryQueue = (queue: ConsumedQueue, delayMs: number): string => `${queue}_retry_${delayMs}ms`;
export const retryArguments = (queue: ConsumedQueue, delayMs: number) => ({
  'x-message-ttl': delayMs,
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': queue,
});

/**
 * How long a message waits after its first, second … attempt; later attempts use the last value. Most outages end within
 * seconds or, if an operator must act, within hours: 30 attempts take about four hours.
 */
export const RETRY_DELAYS_MS: readonly number[] = [1_000, 5_000, 30_000, 120_000, 600_000];
export const ATTEMPTS_MAX = 30;

export const delayAfter = (attempts: number, delaysMs: readonly number[] = RETRY_DELAYS_MS): number =>
  delaysMs[Math.min(attempts, delaysMs.length) - 1] ?? 0;

/** Headers that we write. Those of the publisher stay. */
export const HEADERS = {
  attempts: 'x-credits-attempts',
  /** The name that a message without a usage_key was given at its first delivery. */
  unnamed: 'x-credits-unnamed',
  reason: 'x-credits-reason',
  code: 'x-credits-code',
  deadAt: 'x-credits-dead-at',
} as const;
