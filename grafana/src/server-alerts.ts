import type { Alert } from './alert.js';
import { increase, part, series, total, worst } from './promql.js';

/** Alerts about Redis, Postgres, RabbitMQ, queues and jobs. */

/** The lowest value of all processes: 0 as soon as one of them has no connection. */
const least = (gauge: string): string => `min(${gauge})`;

const memoryShare = `${worst('redisMemory')} / (${worst('redisMemoryMax')} > 0)`;

export const redisAlerts: readonly Alert[] = [
  {
    name: 'RedisDown', severity: 'page', holdsFor: '30s',
    when: [{ value: least(series('redisUp')), is: '< 1' }],
    summary: 'Redis does not answer',
    description: 'At least one process has had no answer from Redis for half a minute (cg_redis_up is {{ $value }}). Every change of credits is answered with 503.',
  },
  {
    name: 'RedisRefuses', severity: 'page', holdsFor: '15s',
    // For memory there is an alert of its own, NewHoldsRefused.
    when: [{ value: worst('redisRefuses', { where: { reason: { not: 'memory' } }, by: ['reason'] }), is: '> 0' }],
    summary: 'Redis refuses writes: {{ $labels.reason }}',
    description: 'Redis answers and accepts no writes because of its own state: {{ $labels.reason }} (state {{ $value }}; 0 is right). Every change of credits is answered with 503.',
  },
  {
    name: 'BreakerOpen', severity: 'page', holdsFor: '30s',
    when: [{ value: worst('breakerState'), is: '> 0' }],
    summary: 'The circuit breaker refuses calls to Redis',
    description: 'The breaker of at least one process has not been closed for half a minute (state {{ $value }}; 2 is open): Redis is down or too slow, and callers get 503.',
  },
  {
    name: 'OutcomesUnknown', severity: 'ticket', holdsFor: '0s',
    // The counter has no series before the first one.
    when: [{ value: `(${increase('outcomesUnknown', '5m')} or vector(0))`, is: '> 10' }],
    summary: 'Redis did not answer in time',
    description: '{{ $value | humanize }} operations within five minutes may or may not have happened. Callers were told so and retry with the same key; each operation is applied once.',
  },
  {
    name: 'RedisMemory', severity: 'ticket', holdsFor: '5m',
    when: [{ value: memoryShare, is: '> 0.7' }],
    summary: 'Redis is more than 70 % full',
    description: 'Redis uses {{ $value | humanizePercentage }} of its maxmemory. From 85 % on new holds are refused.',
  },
  {
    name: 'RedisMemory', severity: 'page', holdsFor: '1m',
    when: [{ value: memoryShare, is: '> 0.8' }],
    summary: 'Redis is more than 80 % full',
    description: 'Redis uses {{ $value | humanizePercentage }} of its maxmemory. From 85 % on new holds are refused.',
  },
  {
    name: 'NewHoldsRefused', severity: 'page', holdsFor: '0s',
    when: [{ value: worst('redisMemoryLadder'), is: '> 1' }],
    summary: 'Redis is full: new holds are refused',
    description: 'Redis has reached 85 % of its maxmemory (state {{ $value }}; 0 is right). New holds are refused; settles are still accepted.',
  },
  {
    name: 'RedisMemoryUnlimited', severity: 'ticket', holdsFor: '10m',
    when: [{ value: worst('redisMemoryMax'), is: '== 0' }],
    summary: 'Redis has no maxmemory',
    description: 'maxmemory is {{ $value }}: Redis can grow until the operating system kills it, and the gateway cannot detect that in advance.',
  },
  {
    name: 'AofFailing', severity: 'page', holdsFor: '1m',
    when: [{ value: worst('redisAof'), is: '== 0' }],
    summary: 'Redis cannot write its append-only file',
    description: 'The last write or rewrite failed (state {{ $value }}; 1 is right): if Redis restarts now, it has old data.',
  },
  {
    name: 'AofOff', severity: 'ticket', holdsFor: '10m',
    when: [{ value: worst('redisAof'), is: '< 0' }],
    summary: 'Redis writes no append-only file',
    description: 'The append-only file is off (state {{ $value }}; 1 is right): a restart of Redis loses all entries that are not in Postgres.',
  },
  {
    name: 'RedisUnfit', severity: 'page', holdsFor: '0s',
    // Without a file there is an alert of its own, AofOff, with more patience.
    when: [{ value: worst('redisUnfit', { where: { setting: ['eviction', 'version'] }, by: ['setting'] }), is: '> 0' }],
    summary: 'Redis can lose credits: {{ $labels.setting }}',
    description: 'A setting of Redis has changed since the gateway started, or another server took over (state {{ $value }}; 0 is right). eviction: maxmemory-policy is not noeviction, and Redis deletes balances when memory is short. version: it is older than 7.',
  },
  {
    name: 'AofSlow', severity: 'ticket', holdsFor: '5m',
    when: [{ value: `max(delta(${series('redisAofDelayed')}[10m]))`, is: '> 0' }],
    summary: 'The disk of Redis is too slow',
    description: '{{ $value | humanize }} writes of the append-only file waited for the disk within ten minutes; normal is none. While it lasts, a crash of Redis loses up to two seconds instead of one.',
  },
];

export const postgresAlerts: readonly Alert[] = [
  {
    name: 'PostgresDown', severity: 'page', holdsFor: '30s',
    when: [{ value: least(series('postgresUp')), is: '< 1' }],
    summary: 'Postgres does not answer',
    description: 'At least one process has had no answer from Postgres for half a minute (cg_postgres_up is {{ $value }}). Holds and settles continue, grants are refused with 503, and the journal grows in Redis.',
  },
  {
    name: 'PostgresNotWritable', severity: 'page', holdsFor: '1m',
    when: [{ value: least(series('postgresWritable')), is: '< 1' }],
    summary: 'Postgres cannot be written to',
    description: 'For a minute Postgres has been down, read-only, out of disk or connections, or has refused the role of at least one process (state {{ $value }}; 1 is right). Holds and settles continue, grants are refused with 503, and the journal grows in Redis.',
  },
  {
    name: 'PostgresRefuses', severity: 'ticket', holdsFor: '0s',
    when: [{ value: increase('postgresRefusals', '5m', { by: ['reason'] }), is: '> 10' }],
    summary: 'Postgres refuses the gateway: {{ $labels.reason }}',
    description: 'Postgres refused {{ $value | humanize }} statements and connections within five minutes because of its own state: {{ $labels.reason }}. Callers that needed them got 503.',
  },
  {
    name: 'PostgresPoolExhausted', severity: 'ticket', holdsFor: '1m',
    when: [{ value: total('poolConnections', { where: { state: 'pending' }, by: ['pool'] }), is: '> 0' }],
    summary: 'Callers wait for a connection of the pool {{ $labels.pool }}',
    description: '{{ $value }} callers have been waiting for a connection of the pool {{ $labels.pool }} for a minute; normal is none.',
  },
  {
    name: 'PostgresConnections', severity: 'ticket', holdsFor: '5m',
    when: [{ value: `${worst('postgresConnections')} / ${worst('postgresConnectionsMax')}`, is: '> 0.85' }],
    summary: 'Postgres is running out of connections',
    description: '{{ $value | humanizePercentage }} of max_connections are in use; the bound is 85 %.',
  },
  {
    name: 'PostgresOldTransaction', severity: 'ticket', holdsFor: '1m',
    when: [{ value: worst('postgresOldestTransaction'), is: '> 300' }],
    summary: 'A transaction has been open for more than five minutes',
    description: 'The oldest transaction is {{ $value | humanizeDuration }} old; transactions of the gateway take less than a second. It prevents vacuum and may hold locks.',
  },
];

export const queueAlerts: readonly Alert[] = [
  {
    name: 'JobNotRunning', severity: 'page', holdsFor: '1m',
    when: [{
      value: `sum by (job_name) (increase(${part('jobSeconds', 'count', { job_name: ['drain', 'expire-holds', 'expire-lots', 'replay-money-in'] })}[3m]))`,
      is: '== 0',
    }],
    summary: 'The job {{ $labels.job_name }} does not run',
    description: 'The job {{ $labels.job_name }} ran {{ $value }} times within three minutes; it should run at least once a minute. No worker processes the queue, or its schedules are missing.',
  },
  {
    name: 'DrainFailing', severity: 'ticket', holdsFor: '1m',
    when: [{ value: `sum(increase(${part('jobSeconds', 'count', { job_name: 'drain', status: 'failed' })}[5m]))`, is: '> 3' }],
    summary: 'Drains fail',
    description: '{{ $value | humanize }} drains failed within five minutes; normal is none. The journal waits in Redis meanwhile.',
  },
  {
    name: 'JobFailing', severity: 'ticket', holdsFor: '5m',
    when: [{ value: `sum by (job_name) (increase(${part('jobSeconds', 'count', { job_name: { not: 'drain' }, status: 'failed' })}[15m]))`, is: '> 3' }],
    summary: 'The job {{ $labels.job_name }} fails',
    description: 'The job {{ $labels.job_name }} failed {{ $value | humanize }} times within 15 minutes; normal is never.',
  },
  {
    name: 'QueueAge', severity: 'ticket', holdsFor: '2m',
    when: [{ value: worst('queueOldestSeconds', { by: ['queue'] }), is: '> 30' }],
    summary: 'Jobs wait in the queue {{ $labels.queue }}',
    description: 'The oldest waiting job of {{ $labels.queue }} has waited for {{ $value | humanizeDuration }}; normal is less than a second.',
  },
  {
    name: 'QueueFailedJobs', severity: 'ticket', holdsFor: '0s',
    when: [{ value: `max by (queue) (delta(${series('queueJobs', { state: 'failed' })}[15m]))`, is: '> 5' }],
    summary: 'Jobs of the queue {{ $labels.queue }} fail',
    description: '{{ $value | humanize }} more failed jobs in {{ $labels.queue }} than 15 minutes ago; normal is none.',
  },
  {
    name: 'DeadLetters', severity: 'ticket', holdsFor: '0s',
    when: [{ value: worst('deadLetters'), is: '> 0' }],
    summary: 'Settlements failed permanently',
    description: '{{ $value }} settlements are in the dead-letter queues: their usage has not been charged.',
  },
  {
    name: 'WebhooksLate', severity: 'ticket', holdsFor: '2m',
    when: [{ value: worst('webhookOldestDueSeconds'), is: '> 120' }],
    summary: 'Webhooks are sent late',
    description: 'The oldest delivery has been due for {{ $value | humanizeDuration }}, to a receiver that answers; normal is about a second.',
  },
  {
    name: 'WebhookDisabled', severity: 'ticket', holdsFor: '0s',
    when: [{ value: worst('webhooksDisabled'), is: '> 0' }],
    summary: 'A webhook was disabled by its failures',
    description: '{{ $value }} webhooks are disabled because five days of attempts failed, or the receiver answered 410: events do not reach it.',
  },
  {
    name: 'AmqpDisconnected', severity: 'ticket', holdsFor: '1m',
    when: [{ value: `min by (instance) (${series('amqpConnected')})`, is: '== 0' }],
    summary: 'RabbitMQ is not connected',
    description: '{{ $labels.instance }} has not been connected to RabbitMQ for a minute (state {{ $value }}; 1 is right). Messages wait there; nothing is lost.',
  },
];
