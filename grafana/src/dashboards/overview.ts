import type { DashboardSpec } from '../dashboard.js';
import { CHOSEN, NOW, share, secondsSince, STEP, UP } from '../expressions.js';
import { graph, over, stat, under } from '../panels.js';
import { countRate, quantile, rate, series, worst } from '../promql.js';
import { AFTER_MESSAGE, BEFORE_MESSAGE, FAILED, FAST_SECONDS, PROBES } from '../requests.js';

const users = { route: { not: PROBES } } as const;
const chosen = { route: { regex: '$route' } } as const;
const answers = (window: string): string => countRate('requestSeconds', window, { where: users });
const availability = (window: string): string => `1 - ${share(countRate('requestSeconds', window, { where: { ...users, status: FAILED } }), answers(window))}`;
const latency = (q: number, routes: readonly string[], window: string): string => quantile(q, 'requestSeconds', window, { where: { route: routes } });
const firing = 'max by (alertname) (ALERTS{alertstate="firing"}) or on () label_replace(vector(0), "alertname", "none", "", "")';

/** Is the money safe, are users served, what is slow: in ten seconds. */
export const overview: DashboardSpec = {
  uid: 'cg-overview',
  title: 'Credit gateway: overview',
  about: 'Is the ledger sound, are users served, what is slow. Start here; every panel links to its section of the runbook.',
  variables: ['instance', 'route'],
  rows: [
    {
      title: 'Is the ledger sound?',
      panels: [
        stat({
          id: 1, title: 'Alerts firing', unit: 'none', width: 6, show: 'name', thresholds: over({ bad: 1 }),
          about: 'Names of the alerts that fire in this Prometheus. Normal: none. Also none when the alert rules are not loaded. The runbook has a section for each name.',
          queries: { '{{alertname}}': firing },
        }),
        stat({
          id: 2, title: 'Drift', unit: 'none', width: 3, thresholds: over({ bad: 1 }), runbook: ['drift'],
          about: 'The largest difference between Redis and Postgres, or inside Postgres, over all checks, and how many accounts have it. Normal: exactly 0 and 0. Otherwise amounts are wrong; "Ledger and holds" shows which check.',
          queries: { 'micro-credits': worst('driftMicros'), accounts: worst('driftAccounts') },
        }),
        stat({
          id: 3, title: 'Last compared', unit: 's', width: 3, decimals: 0, thresholds: over({ warn: 300, bad: 900 }), runbook: ['reconciler-stopped', 'ledger-unwatched'],
          about: 'How long ago the reconciler finished a batch. Normal: seconds. If it grows, the value of Drift is outdated: is a worker running?',
          queries: { ago: secondsSince('reconciledAt') },
        }),
        stat({
          id: 4, title: 'Journal lag', unit: 's', width: 3, thresholds: over({ warn: 5, bad: 30 }), runbook: ['journal-lag'],
          about: 'Age of the oldest entry that is in Redis and not in Postgres: a total loss of Redis would lose the entries of this time. Normal: below a second. If it grows: is a worker running, is Postgres up?',
          queries: { lag: worst('lagSeconds') },
        }),
        stat({
          id: 5, title: 'Shards', unit: 'none', width: 3, thresholds: over({ bad: 1 }), runbook: ['shard-stopped', 'shards-fenced', 'journal-lost'],
          about: 'stopped: the journal contradicts Postgres and an operator must decide. fenced: closed for writes, because the shard is being verified or Redis is down. lost: entries that Redis acknowledged and lost, until a loss is acknowledged. Normal: 0; fenced for a moment after a restart of Redis.',
          queries: { stopped: worst('shardsStopped'), fenced: worst('shardsFenced'), lost: worst('journalLost') },
        }),
        stat({
          id: 6, title: 'Holds overdue', unit: 'none', width: 3, thresholds: over({ warn: 1, bad: 10 }), runbook: ['holds-overdue'],
          about: 'Holds that are open although their lease ended more than five seconds ago: users cannot spend these credits. Normal: 0. Otherwise the sweeper (job expire-holds) does not run. Holds of frozen accounts stay open and are not counted.',
          queries: { overdue: worst('holdsOverdue') },
        }),
        stat({
          id: 7, title: 'Waiting for an operator', unit: 'none', width: 3, thresholds: over({ warn: 1 }), runbook: ['dead-letters', 'quarantine'],
          about: 'letters: settlements that failed permanently. texts: texts of entries that Postgres could not store; the amounts are in the ledger. Normal: 0 and 0. See `credit-gateway dead-letters`.',
          queries: { letters: worst('deadLetters'), texts: worst('quarantined') },
        }),
      ],
    },
    {
      title: 'Are users served, and fast?',
      panels: [
        stat({
          id: 8, title: 'Availability', unit: 'percentunit', width: 6, decimals: 2, max: 1, idle: 'no requests', thresholds: under({ warn: 0.9995, bad: 0.999 }), runbook: ['availability-burn'],
          about: 'Share of requests that were not answered with 5xx, without probes. Objective: 99.9 %. A refusal for lack of credits counts as available; a 503 does not.',
          queries: { '5 min': availability(NOW), '1 h': availability('1h') },
        }),
        stat({
          id: 9, title: 'Refused', unit: 'percentunit', width: 3, decimals: 1, idle: 'no requests', thresholds: over({ warn: 0.1, bad: 0.3 }), runbook: ['refusal-spike'],
          about: 'Share of requests of the last five minutes that were refused, for any reason. The normal value depends on how many users are out of credits; a jump is not normal. Reasons: the graph below.',
          queries: { refused: share(rate('refusals', NOW), answers(NOW)) },
        }),
        stat({
          id: 10, title: 'p99 before a message', unit: 's', width: 3, idle: 'no requests', thresholds: over({ warn: FAST_SECONDS, bad: 0.25 }), runbook: ['latency-burn'],
          about: 'Requests before a message: hold, check, start. 99 of 100 are faster than this. Normal: below 10 ms; objective: 50 ms.',
          queries: { p99: latency(0.99, BEFORE_MESSAGE, NOW) },
        }),
        stat({
          id: 11, title: 'p99 after a message', unit: 's', width: 3, idle: 'no requests', thresholds: over({ warn: FAST_SECONDS, bad: 0.25 }), runbook: ['latency-burn'],
          about: 'Requests after a message: finalize, abort, deduct, end. 99 of 100 are faster than this. Normal: below 10 ms; objective: 50 ms.',
          queries: { p99: latency(0.99, AFTER_MESSAGE, NOW) },
        }),
        stat({
          id: 12, title: 'Circuit breaker of Redis', unit: 'none', width: 3, runbook: ['breaker-open'],
          words: { 0: { text: 'closed', color: 'green' }, 1: { text: 'half open', color: 'orange' }, 2: { text: 'open', color: 'red' } },
          about: 'The worst state of all processes. closed: normal. open: Redis did not answer, and requests are refused at once with 503. half open: one call tests Redis.',
          queries: { breaker: worst('breakerState') },
        }),
        stat({
          id: 13, title: 'Processes', unit: 'none', width: 3, thresholds: over({ bad: 1 }), runbook: ['gateway-down', 'target-down', 'process-restarts'],
          about: 'Processes that do not answer Prometheus. Normal: 0. "no data": Prometheus has no target.',
          queries: { down: `count(${UP}) - sum(${UP})` },
        }),
        stat({
          id: 14, title: 'Version', unit: 'none', width: 3, show: 'name',
          about: 'Running versions. Two are normal during a deployment; two for long: a deployment did not finish.',
          queries: { '{{version}} on {{node}}': `max by (version, node) (${series('build')})` },
        }),
        graph({
          id: 15, title: 'Answers by status', unit: 'reqps', width: 12, isStacked: true, legend: 'table', runbook: ['availability-burn'],
          about: 'Requests per second by status, without probes. 402: out of credits. 409 and 422: a repeat with another body. 503: the gateway could not be sure and refused.',
          queries: { '{{status}}': countRate('requestSeconds', STEP, { where: users, by: ['status'] }) },
        }),
        graph({
          id: 16, title: 'Refusals by reason', unit: 'reqps', width: 12, isStacked: true, legend: 'table', runbook: ['refusal-spike', 'key-server-failing'],
          about: 'Why users are refused. unauthenticated: bad tokens; when it grows, look whether the key server of the issuer fails. insufficient_credits and check_negative: too few credits. ledger_unavailable: Redis or Postgres is down. account_frozen, limit_exceeded: rules of the gateway. internal: a bug, read the log.',
          queries: { '{{reason}}': rate('refusals', STEP, { by: ['reason'] }) },
        }),
      ],
    },
    {
      title: 'What is slow, what is behind?',
      panels: [
        graph({
          id: 17, title: 'Response time, before and after a message', unit: 's', width: 12, thresholds: over({ bad: FAST_SECONDS }), runbook: ['latency-burn'],
          about: 'p50 is the typical request, p99 a slow one; the line is the objective. Slow requests with fast scripts ("Ledger and holds"): the process is busy. Slow scripts: Redis or the network.',
          queries: {
            'before, p50': latency(0.5, BEFORE_MESSAGE, STEP), 'before, p99': latency(0.99, BEFORE_MESSAGE, STEP),
            'after, p50': latency(0.5, AFTER_MESSAGE, STEP), 'after, p99': latency(0.99, AFTER_MESSAGE, STEP),
          },
        }),
        graph({
          id: 18, title: 'How far Postgres is behind', unit: 's', width: 12, thresholds: over({ warn: 5, bad: 30 }), runbook: ['journal-lag'],
          about: 'journal: age of the oldest entry that is not in Postgres. grants: age of the oldest grant that is in Postgres and not in Redis. Normal: both near 0. Both grow: no worker. Only the journal: Postgres. Only grants: Redis.',
          queries: { journal: worst('lagSeconds'), grants: worst('moneyInOldestSeconds') },
        }),
        graph({
          id: 19, title: 'Requests by route', unit: 'reqps', width: 12, legend: 'table',
          about: 'Requests per second of the chosen routes and processes. A route that drops to 0 while others continue: a client is broken.',
          queries: { '{{route}}': countRate('requestSeconds', STEP, { where: chosen, by: ['route'], scope: CHOSEN }) },
        }),
        graph({
          id: 20, title: 'p99 by route', unit: 's', width: 12, legend: 'table', thresholds: over({ bad: FAST_SECONDS }), runbook: ['latency-burn'],
          about: 'Which route is slow, of the chosen routes and processes. History and statistics read Postgres and may take longer than the line.',
          queries: { '{{route}}': quantile(0.99, 'requestSeconds', STEP, { where: chosen, by: ['route'], scope: CHOSEN }) },
        }),
      ],
    },
  ],
};
