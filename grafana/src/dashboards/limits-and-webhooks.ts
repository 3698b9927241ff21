import type { DashboardSpec } from '../dashboard.js';
import { STEP } from '../expressions.js';
import { graph } from '../panels.js';
import { rate, worst } from '../promql.js';

/** What limits of credits and of rates refuse, why leases end, which accounts leave Redis, and what webhooks wait for. */
export const limitsAndWebhooks: DashboardSpec = {
  uid: 'cg-limits',
  title: 'Credit gateway: limits and webhooks',
  about: 'Why callers end leases, what spending limits refuse, which idle accounts leave Redis, and which deliveries to webhooks wait.',
  variables: [],
  rows: [
    {
      title: 'Leases, limits, idle accounts',
      panels: [
        graph({
          id: 1, title: 'Why callers ended leases', unit: 'ops', width: 8, legend: 'table',
          about: 'Holds of /v1 that a caller ended, by the reason it gave. completed: the answer was whole. client_disconnect, user_stop: charged what was used. cut_off: the credits ran out in the middle. provider_error and timeout rise: look at the provider. none: the caller gives no reason.',
          queries: { '{{reason}}': rate('leasesEnded', STEP, { by: ['reason'] }) },
        }),
        graph({
          id: 2, title: 'Refused by a spending limit', unit: 'ops', width: 8, legend: 'table', runbook: ['refusal-spike'],
          about: 'Holds, extensions and charges that a limit refused, by the window of the limit. A jump: a limit was set too low, or one caller spends far more than before. The console and GET /v1/accounts/:id/explain name the limit.',
          queries: { '{{period}}, {{window}}': rate('limitRefusals', STEP, { by: ['period', 'window'] }) },
        }),
        graph({
          id: 3, title: 'Idle accounts that the eviction looked at', unit: 'ops', width: 8, legend: 'table', runbook: ['redis-memory'],
          about: 'By result. evicted: it left Redis and is loaded on its next use. in_use, changed, closed: it stays for now. differs: Redis and Postgres do not agree, so it stays; the reconciler tells more.',
          queries: { '{{result}}': rate('evictions', STEP, { by: ['result'] }) },
        }),
        graph({
          id: 6, title: 'Too many requests', unit: 'ops', width: 24, height: 6, legend: 'table',
          about: 'Requests over a limit of rates (429), by what was counted and whose limit it was. general and writes of a user: one caller, or a loop in a client. Of a key: a service that has outgrown RATE_LIMIT_KEY or its own rate. failed-authentication: guesses, or a client with a wrong key. zero-amount and uncharged: an account that is written to without money. metadata: one that stores much with its operations.',
          queries: { '{{class}} of {{subject}}': rate('rateRefusals', STEP, { by: ['class', 'subject'] }) },
        }),
      ],
    },
    {
      title: 'Webhooks',
      panels: [
        graph({
          id: 4, title: 'Deliveries that wait, and disabled webhooks', unit: 'short', width: 12, runbook: ['webhooks-late', 'webhook-disabled'],
          about: 'waiting: deliveries to enabled webhooks that wait for an attempt. disabled: webhooks of which only failures came back; events since then are not sent to them. Normal: few waiting, none disabled.',
          queries: { waiting: worst('webhooksPending'), disabled: worst('webhooksDisabled') },
        }),
        graph({
          id: 5, title: 'Oldest delivery that is due', unit: 's', width: 12, runbook: ['webhooks-late'],
          about: 'Of webhooks that do not fail; 0 when none is due. Above a minute: workers do not keep up, or the queue webhooks is stuck.',
          queries: { oldest: worst('webhookOldestDueSeconds') },
        }),
      ],
    },
  ],
};
