import type { DashboardSpec } from '../dashboard.js';
import { NOW, ranking, share, STEP, sumRate } from '../expressions.js';
import { bars, graph, over, stat } from '../panels.js';
import { countRate, increase, quantile, rate, series, total, worst } from '../promql.js';

/** Background work: drains, jobs, queues, the reconciler. */
export const workersAndQueues: DashboardSpec = {
  uid: 'cg-workers',
  title: 'Credit gateway: workers and queues',
  about: 'Do the workers keep up: drains to Postgres, background jobs, settlements from queues, items that wait for an operator.',
  variables: [],
  rows: [
    {
      title: 'Waiting for an operator',
      panels: [
        stat({
          id: 1, title: 'Dead letters', unit: 'none', width: 5, thresholds: over({ warn: 1 }), runbook: ['dead-letters'],
          about: 'Settlements that failed permanently: their usage has not been charged. Normal: 0. List them with `credit-gateway dead-letters`, fix the cause, replay them.',
          queries: { letters: worst('deadLetters') },
        }),
        stat({
          id: 2, title: 'Quarantined texts', unit: 'none', width: 5, thresholds: over({ warn: 1 }), runbook: ['quarantine'],
          about: 'Texts of entries that Postgres could not store. The amounts are in the ledger; nothing is blocked. Normal: 0.',
          queries: { texts: worst('quarantined') },
        }),
        stat({
          id: 3, title: 'Failed jobs in queues', unit: 'none', width: 5, thresholds: over({ warn: 1, bad: 100 }), runbook: ['queue-failed-jobs'],
          about: 'Failed jobs that BullMQ keeps, of all queues. Jobs of the ledger run again by their schedule; settlements fail only after their retries. See the queues in the console.',
          queries: { failed: `sum(${worst('queueJobs', { where: { state: 'failed' }, by: ['queue'] })})` },
        }),
        stat({
          id: 5, title: 'RabbitMQ', unit: 'none', width: 5, runbook: ['amqp-disconnected'],
          words: { '-1': { text: 'not used', color: 'blue' }, 0: { text: 'disconnected', color: 'red' }, 1: { text: 'connected', color: 'green' } },
          about: 'Connection to RabbitMQ, the worst state of all workers. disconnected: settlements wait in the broker, none is lost; the worker reconnects by itself.',
          queries: { connection: `min (${series('amqpConnected')} >= 0) or ${worst('amqpConnected')}` },
        }),
        stat({
          id: 6, title: 'Refusals not recorded', unit: 'short', width: 4, thresholds: over({ warn: 1 }), runbook: ['refusals-unrecorded'],
          about: 'Refusals of the last five minutes that the console will not show: Postgres was down for long, or there were too many at once. Credits are not affected.',
          queries: { unrecorded: increase('refusalsUnrecorded', NOW) },
        }),
      ],
    },
    {
      title: 'Drain to Postgres',
      panels: [
        graph({
          id: 7, title: 'Entries drained', unit: 'ops', width: 8, runbook: ['journal-lag', 'drain-failing'],
          about: 'Entries per second that reached Postgres. redelivered: identical entries that Postgres already had, for example after a worker was killed; harmless. 0 while there are requests: no worker drains.',
          queries: { drained: sumRate('drainEntries', STEP), redelivered: rate('redelivered', STEP) },
        }),
        graph({
          id: 8, title: 'Entries per transaction', unit: 'short', width: 8,
          about: 'Batches grow with the load. Constantly at the limit of 1 000: more workers help if they drain other shards.',
          queries: { p50: quantile(0.5, 'drainEntries', STEP), p99: quantile(0.99, 'drainEntries', STEP) },
        }),
        graph({
          id: 9, title: 'Duration of a transaction', unit: 's', width: 8, thresholds: over({ warn: 1, bad: 5 }), runbook: ['journal-delay'],
          about: 'Normal: tens of milliseconds. Slow: Postgres or its disk is busy, or another client holds a lock; see the oldest transaction on "Redis, Postgres and processes".',
          queries: { p50: quantile(0.5, 'drainSeconds', STEP), p99: quantile(0.99, 'drainSeconds', STEP) },
        }),
      ],
    },
    {
      title: 'Jobs',
      panels: [
        graph({
          id: 10, title: 'Jobs run', unit: 'ops', width: 8, legend: 'table',
          about: 'Per second, by job. A job that is missing for longer than its interval does not run.',
          queries: { '{{job_name}}': countRate('jobSeconds', STEP, { by: ['job_name'] }) },
        }),
        graph({
          id: 11, title: 'Jobs that failed', unit: 'ops', width: 8, legend: 'table', runbook: ['job-failing', 'job-not-running'],
          about: 'Per second, by job. Normal: none; some while Redis or Postgres is down. The reason is in the worker\'s log.',
          queries: { '{{job_name}}': countRate('jobSeconds', STEP, { where: { status: 'failed' }, by: ['job_name'] }) },
        }),
        graph({
          id: 12, title: 'Duration of jobs, p99', unit: 's', width: 8, legend: 'table', runbook: ['job-failing', 'job-not-running'],
          about: 'A job that takes longer than its interval cannot keep up.',
          queries: { '{{job_name}}': quantile(0.99, 'jobSeconds', STEP, { by: ['job_name'] }) },
        }),
        graph({
          id: 13, title: 'Jobs in queues', unit: 'short', width: 12, legend: 'table', runbook: ['queue-age', 'queue-failed-jobs'],
          about: 'By queue and state. waiting grows: too few workers. delayed: settlements that wait for a retry. completed jobs are kept for a while and are not shown.',
          queries: { '{{queue}} {{state}}': worst('queueJobs', { where: { state: { not: 'completed' } }, by: ['queue', 'state'] }) },
        }),
        graph({
          id: 14, title: 'Oldest waiting job', unit: 's', width: 12, legend: 'table', thresholds: over({ warn: 30, bad: 300 }), runbook: ['queue-age'],
          about: 'By queue; 0 when none waits.',
          queries: { '{{queue}}': worst('queueOldestSeconds', { by: ['queue'] }) },
        }),
      ],
    },
    {
      title: 'Settlements from queues, the reconciler, and eviction',
      panels: [
        graph({
          id: 15, title: 'Settlements by result', unit: 'ops', width: 8,
          about: 'From BullMQ and RabbitMQ. settled: charged. replayed: a repeat, charged before. retry: waits for a retry. refused: in the dead-letter queue. Normal: settled, some replayed.',
          runbook: ['dead-letters'],
          queries: { '{{result}}': countRate('settlementSeconds', STEP, { by: ['result'] }) },
        }),
        graph({
          id: 16, title: 'Time to settle a message, p99', unit: 's', width: 8,
          about: 'By queue. Normal: milliseconds. Slow: Redis; see scripts on "Ledger and holds".',
          queries: { '{{queue}}': quantile(0.99, 'settlementSeconds', STEP, { by: ['queue'] }) },
        }),
        stat({
          id: 17, title: 'RabbitMQ, messages in progress', unit: 'short', width: 4, height: 8, idle: 'not used',
          about: 'Messages that workers have received and not acknowledged. It equals the prefetch while there is a backlog.',
          queries: { messages: total('amqpInFlight') },
        }),
        stat({
          id: 18, title: 'Settlements refused', unit: 'percentunit', width: 4, height: 8, decimals: 1, idle: 'no messages', thresholds: over({ warn: 0.01, bad: 0.1 }), runbook: ['dead-letters'],
          about: 'Share of the messages of the last hour that ended in the dead-letter queue.',
          queries: { share: share(countRate('settlementSeconds', '1h', { where: { result: 'refused' } }), countRate('settlementSeconds', '1h')) },
        }),
        graph({
          id: 19, title: 'Time to compare a batch of accounts', unit: 's', width: 8, runbook: ['reconciler-slow'],
          about: 'The reconciler reads both sides of a batch. Slow: Postgres or Redis is busy; the reconciler slows down, other work is not affected.',
          queries: { p50: quantile(0.5, 'reconcileSeconds', STEP), p99: quantile(0.99, 'reconcileSeconds', STEP) },
        }),
        bars({
          id: 20, title: 'Where workers spend their time', unit: 's', width: 8,
          about: 'Seconds that each job ran per second of the last five minutes. 1 means that a job runs all the time. Under load, drain should be the largest.',
          queries: { '{{job_name}}': ranking(8, sumRate('jobSeconds', NOW, 'job_name')) },
        }),
        graph({
          id: 21, title: 'Idle accounts leave Redis', unit: 'ops', width: 8, legend: 'table', runbook: ['eviction-differs', 'eviction-stopped'],
          about: 'Idle accounts that the eviction looked at, per second. in_use: loaded lately, or with an open hold. changed: written to meanwhile. differs: Redis and Postgres do not agree, so it stays; normal: none. "Ledger and holds" shows how many are in Redis.',
          queries: { '{{result}}': rate('evictions', STEP, { by: ['result'] }) },
        }),
      ],
    },
  ],
};
