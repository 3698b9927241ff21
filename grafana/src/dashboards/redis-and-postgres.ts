import type { DashboardSpec } from '../dashboard.js';
import { CHOSEN, gaugeRate, lowest, STEP } from '../expressions.js';
import { graph, over, stat, under } from '../panels.js';
import { loopDelay, processSeries, quantile, total, worst } from '../promql.js';

const upOrDown = { 0: { text: 'down', color: 'red' }, 1: { text: 'up', color: 'green' } } as const;
/** From here on new holds are refused (reliability, OOM semantics). */
const MEMORY = { warn: 0.7, bad: 0.85 };
const perProcess = (expr: string): Readonly<Record<string, string>> => ({ '{{instance}}': expr });

/** What the gateway stands on, as it sees it, and the processes themselves. */
export const redisAndPostgres: DashboardSpec = {
  uid: 'cg-servers',
  title: 'Credit gateway: Redis, Postgres and processes',
  about: 'Redis and Postgres as the gateway sees them: memory, disk, connections; and the load of each process.',
  variables: ['instance'],
  rows: [
    {
      title: 'Redis',
      panels: [
        stat({
          id: 1, title: 'Redis', unit: 'none', width: 3, height: 8, words: upOrDown, runbook: ['redis-down', 'redis-refuses', 'redis-unfit'],
          about: 'Whether it answered the last check of every process. down: every change of credits is refused with 503; acknowledged changes are not lost. The alert RedisUnfit watches its settings.',
          queries: { redis: lowest('redisUp') },
        }),
        stat({
          id: 2, title: 'Memory limit', unit: 'none', width: 3, height: 8, runbook: ['redis-memory', 'new-holds-refused'],
          words: { 0: { text: 'ok', color: 'green' }, 1: { text: 'no fillers', color: 'orange' }, 2: { text: 'no new holds', color: 'red' } },
          about: 'From 70 % of maxmemory on, what fills it without money is refused: amounts of zero, metadata, many open holds of one account. From 85 % on, all new holds, so that open holds can still be settled.',
          queries: { ladder: worst('redisMemoryLadder') },
        }),
        stat({
          id: 3, title: 'Append-only file', unit: 'none', width: 3, height: 8, runbook: ['aof-failing', 'aof-off'],
          words: { '-1': { text: 'off', color: 'orange' }, 0: { text: 'failing', color: 'red' }, 1: { text: 'ok', color: 'green' } },
          about: 'off: a restart of Redis loses the entries that are not in Postgres yet; for tests only. failing: its last write or rewrite failed, usually a full disk.',
          queries: { aof: lowest('redisAof') },
        }),
        stat({
          id: 4, title: 'Uptime of Redis', unit: 's', width: 3, height: 8, decimals: 0, thresholds: under({ warn: 3_600, bad: 60 }), runbook: ['fence-raised'],
          about: 'A small value: Redis was restarted; check for fences, the red marks in the graphs.',
          queries: { uptime: lowest('redisUptime') },
        }),
        graph({
          id: 5, title: 'Memory of Redis, share of maxmemory', unit: 'percentunit', width: 6, max: 1, thresholds: over(MEMORY), runbook: ['redis-memory', 'new-holds-refused', 'redis-memory-unlimited'],
          about: 'At the upper line new holds are refused. The journal grows while Postgres is down; open holds and receipts grow with traffic. Empty when maxmemory is not set, which is a mistake in production.',
          queries: { used: `${worst('redisMemory')} / (${worst('redisMemoryMax')} > 0)` },
        }),
        graph({
          id: 6, title: 'Memory and append-only file', unit: 'bytes', width: 6, runbook: ['redis-memory', 'new-holds-refused'],
          about: 'limit 0: no maxmemory. The file shrinks when Redis rewrites it.',
          queries: { memory: worst('redisMemory'), limit: worst('redisMemoryMax'), file: worst('redisAofSize') },
        }),
        graph({
          id: 7, title: 'Commands of Redis', unit: 'ops', width: 6,
          about: 'Of all clients, per second. Each operation is one script; the commands inside the script are counted, too.',
          queries: { commands: gaugeRate('redisCommands', STEP) },
        }),
        graph({
          id: 8, title: 'Ping, and scripts', unit: 's', width: 6, thresholds: over({ warn: 0.025, bad: 0.15 }), runbook: ['latency-burn'],
          about: 'Slow ping and slow scripts: Redis or the network. Only slow scripts: Redis runs a long command. At 150 ms the gateway gives up.',
          queries: { ping: worst('redisPing'), 'scripts, p99': quantile(0.99, 'scriptSeconds', STEP) },
        }),
        graph({
          id: 9, title: 'Clients, replicas, commands in flight', unit: 'short', width: 6,
          about: 'in flight: sent by the gateway and not answered yet. Normal: a few. It rises before the breaker opens.',
          queries: { clients: worst('redisClients'), replicas: worst('redisReplicas'), 'in flight': total('redisInFlight') },
        }),
        graph({
          id: 10, title: 'Writes that waited for the disk', unit: 'ops', width: 6, runbook: ['aof-slow'],
          about: 'Delayed fsyncs per second. Normal: none. Otherwise the disk of Redis is too slow, and every request waits for it.',
          queries: { delayed: gaugeRate('redisAofDelayed', STEP) },
        }),
      ],
    },
    {
      title: 'Postgres',
      panels: [
        stat({
          id: 11, title: 'Postgres', unit: 'none', width: 3, height: 8, words: upOrDown, runbook: ['postgres-down', 'postgres-not-writable', 'postgres-refuses'],
          about: 'Whether it answered the last check, and whether it can be written to. down: holds and settlements continue, the journal grows in Redis; grants and history are refused.',
          queries: { postgres: lowest('postgresUp'), writable: lowest('postgresWritable') },
        }),
        stat({
          id: 12, title: 'Database', unit: 'bytes', width: 3, height: 8,
          about: 'Size of the database. The ledger is append-only and grows with use; it has a partition per month.',
          queries: { size: worst('postgresBytes') },
        }),
        graph({
          id: 13, title: 'Ping of Postgres', unit: 's', width: 6, runbook: ['postgres-down'],
          about: 'Normal: a millisecond or two.',
          queries: { ping: worst('postgresPing') },
        }),
        graph({
          id: 14, title: 'Pools', unit: 'short', width: 6, runbook: ['postgres-pool-exhausted'],
          about: 'Connections of all processes. pending: callers that wait for one; normal: 0. used at max: queries are slow, or the pool is too small.',
          queries: { '{{pool}} {{state}}': total('poolConnections', { by: ['pool', 'state'] }), '{{pool}} max': total('poolMax', { by: ['pool'] }) },
        }),
        graph({
          id: 15, title: 'Connections of the server', unit: 'percentunit', width: 6, max: 1, thresholds: over({ warn: 0.8, bad: 0.95 }), runbook: ['postgres-connections'],
          about: 'Share of max_connections that all clients together use. At 100 % new connections are refused, also those of the gateway.',
          queries: { used: `${worst('postgresConnections')} / ${worst('postgresConnectionsMax')}` },
        }),
        graph({
          id: 16, title: 'Oldest transaction', unit: 's', width: 24, height: 6, thresholds: over({ warn: 60, bad: 600 }), runbook: ['postgres-old-transaction'],
          about: 'Of all clients of the database. Normal: below a second. Long transactions hold locks and prevent vacuum: find them in pg_stat_activity.',
          queries: { age: worst('postgresOldestTransaction') },
        }),
      ],
    },
    {
      title: 'Processes',
      panels: [
        graph({
          id: 17, title: 'Event-loop delay, p99', unit: 's', width: 6, thresholds: over({ warn: 0.05, bad: 0.2 }), runbook: ['event-loop-delay'],
          about: 'Delay of the event loop. Normal: a few ms. More: the work exceeds one core; add a process.',
          queries: perProcess(loopDelay(CHOSEN)),
        }),
        graph({
          id: 18, title: 'CPU', unit: 'percentunit', width: 6, thresholds: over({ warn: 0.8 }), runbook: ['event-loop-delay'],
          about: '100 % is one core. A process cannot use much more; processes behind one address (a cluster) are summed up.',
          queries: perProcess(`rate(${processSeries('process_cpu_seconds_total', CHOSEN)}[${STEP}])`),
        }),
        graph({
          id: 19, title: 'Memory', unit: 'bytes', width: 6,
          about: 'resident: memory of the process. heap: memory of JavaScript. Normal: it rises and falls; if it only rises, it is a leak.',
          queries: { '{{instance}} resident': processSeries('process_resident_memory_bytes', CHOSEN), '{{instance}} heap': processSeries('nodejs_heap_size_used_bytes', CHOSEN) },
        }),
        graph({
          id: 20, title: 'Requests in flight', unit: 'short', width: 6,
          about: 'Requests in progress, by process. Normal: a few. It rises when Redis or Postgres is slow.',
          queries: perProcess(total('requestsInFlight', { scope: CHOSEN }).replace('sum', 'sum by (instance)')),
        }),
      ],
    },
  ],
};
