import { EVENT_TYPES } from '../../../books/event.table.js';
import { DELIVERY_STATES } from '../../../credits/webhooks/delivery.table.js';
import type { EndpointRow } from '../../../credits/webhooks/endpoint.table.js';
import type { ListedDelivery } from '../../../credits/webhooks/listed-delivery.table.js';
import type { Clock } from '../../../kit/clock.js';
import type { ServerKeyRow } from '../../auth/server-key.table.js';
import { html } from '../../http/html.js';
import { badge, count, credits, distance, plural, type Level } from '../parts.js';
import { accountColumn, ACCOUNT_FILTER, codeColumn, countColumn, joinTexts, proseColumn, textColumn, timeColumn } from './columns.js';
import { listPath, type ConsoleList, type Figure, type ListColumn, type ListQuery, type ListRows } from './list.js';
import { memoryPage, mentions } from './memory-list.js';

/** Lists of who may call and who is called: API keys, webhooks, their deliveries. */

export type AccessReads = {
  readonly keys: () => Promise<readonly ServerKeyRow[]>;
  readonly webhooks: () => Promise<readonly EndpointRow[]>;
  readonly webhookState: () => Promise<{ readonly oldestDueSeconds: number; readonly pending: number }>;
  readonly deliveries: (query: ListQuery) => Promise<ListRows<ListedDelivery>>;
};

const stateOf = ({ revokedAtMs, expiresAtMs }: ServerKeyRow, nowMs: number): 'live' | 'revoked' | 'expired' =>
  (revokedAtMs !== null ? 'revoked' : expiresAtMs !== null && expiresAtMs <= nowMs ? 'expired' : 'live');

/** A key itself is never shown: only its beginning is known. */
export function keyList({ keys }: AccessReads, clock: Clock): ConsoleList<ServerKeyRow> {
  const columns: readonly ListColumn<ServerKeyRow>[] = [
    textColumn('Service', ({ name }) => name, 'name'), codeColumn('Begins with', ({ hint }) => hint),
    {
      head: 'State', csv: (row) => stateOf(row, clock()),
      cell: (row, nowMs) => badge(stateOf(row, nowMs) === 'live' ? 'good' : 'unknown', stateOf(row, nowMs)),
    },
    textColumn('Scopes', ({ scopes }) => scopes.join(', ')),
    textColumn('Accounts', ({ accountPrefix, payer }) => payer ?? (accountPrefix === null ? 'all' : `${accountPrefix}…`)),
    textColumn('Requests', ({ rateLimit }) => (rateLimit === null ? 'the gateway’s limit' : `${count(rateLimit)}/s`)),
    textColumn('May spend', ({ spendLimit }) =>
      (spendLimit === null ? 'no limit' : `${credits(spendLimit.amount)} per ${spendLimit.period}`)),
    textColumn('Made by', ({ createdBy }) => createdBy), timeColumn('Made', ({ createdAtMs }) => createdAtMs, '', 'made'),
    timeColumn('Last used', ({ lastUsedAtMs }) => lastUsedAtMs, 'never', 'used'),
    timeColumn('Ends', ({ expiresAtMs }) => expiresAtMs, 'never', 'ends'),
  ];
  return {
    path: '/console/keys', title: 'API keys', sort: '-made', columns,
    lead: 'Keys of services. A key is told once, when it is made, and kept only as a digest.',
    filters: [
      { name: 'text', label: 'Service or key', hint: 'contains', is: 'text' },
      { name: 'state', label: 'State', is: [['live', 'Live'], ['revoked', 'Revoked'], ['expired', 'Expired']] },
    ],
    empty: html`A service calls <code>/v1</code> with a key of its own. Make one with <code>credit-gateway keys</code> or
<code>POST /v1/api-keys</code>.`,
    read: async (query) => {
      const all = await keys();
      const live = all.filter((row) => stateOf(row, clock()) === 'live');
      return {
        ...memoryPage(all, columns, {
          text: ({ name, hint }, value) => mentions(value, name, hint), state: (row, value) => stateOf(row, clock()) === value,
        }, query),
        figures: [
          { title: 'Live keys', value: count(live.length), note: `of ${plural(new Set(live.map(({ name }) => name)).size, 'service')}` },
          { title: 'Never used', value: count(live.filter(({ lastUsedAtMs }) => lastUsedAtMs === null).length), note: 'live keys' },
        ],
      };
    },
  };
}

const HOOKS = '/console/webhooks';
const DELIVERIES = `${HOOKS}/deliveries`;

const hookColumns: readonly ListColumn<EndpointRow>[] = [
  codeColumn('URL', ({ url }) => url, 'url'), textColumn('What for', ({ description }) => description),
  {
    head: 'State', csv: ({ state, disabledReason }) => joinTexts(state, disabledReason),
    cell: ({ state, disabledReason, failingSinceMs }) => (state === 'disabled'
      ? badge(disabledReason === 'request' ? 'unknown' : 'bad', disabledReason === 'request'
        ? 'disabled'
        : html`<a href="/console/runbook#webhook-disabled">disabled: ${disabledReason ?? ''}</a>`)
      : failingSinceMs === null ? badge('good', 'enabled') : badge('notice', 'failing')),
  },
  textColumn('Accounts', ({ accountId, accountPrefix }) => accountId ?? (accountPrefix === null ? 'all' : `${accountPrefix}…`)),
  textColumn('Events', ({ eventTypes }) => (eventTypes.length === 0 ? 'all' : eventTypes.join(', '))),
  timeColumn('Failing since', ({ failingSinceMs }) => failingSinceMs, ''), textColumn('Made by', ({ createdBy }) => createdBy),
  timeColumn('Made', ({ createdAtMs }) => createdAtMs, '', 'made'),
  {
    head: 'Deliveries', cell: ({ endpointId }) => html`<a href="${listPath(DELIVERIES, { webhook: endpointId })}">deliveries</a>`,
  },
];

export const webhookList = ({ webhooks }: AccessReads): ConsoleList<EndpointRow> => ({
  path: HOOKS, title: 'Webhooks', sort: '-made', columns: hookColumns, lead: 'Who is told of events, and whether they answer.',
  filters: [{ name: 'text', label: 'URL or purpose', hint: 'contains', is: 'text' }],
  empty: html`A webhook tells your systems of low balances, reached limits and expired holds. Make one with
<code>POST /v1/webhooks</code>.`,
  read: async (query) => {
    const all = await webhooks();
    const failing = all.filter(({ failingSinceMs, state }) => state === 'enabled' && failingSinceMs !== null).length;
    const off = all.filter(({ state, disabledReason }) => state === 'disabled' && disabledReason !== 'request').length;
    return {
      ...memoryPage(all, hookColumns, { text: ({ url, description }, value) => mentions(value, url, description) }, query),
      figures: [
        { title: 'Webhooks', value: count(all.length), note: `${count(all.filter(({ state }) => state === 'enabled').length)} enabled` },
        { title: 'Failing', value: count(failing), note: 'did not accept the last attempt', level: failing > 0 ? 'notice' : 'good' },
        { title: 'Disabled by failures', value: count(off), note: 'get nothing until they are enabled', level: off > 0 ? 'bad' : 'good' },
      ],
    };
  },
});

const LEVELS: Readonly<Record<ListedDelivery['state'], Level>> = { pending: 'notice', delivered: 'good', failed: 'bad' };

export const deliveryList = ({ deliveries, webhookState }: AccessReads): ConsoleList<ListedDelivery> => ({
  path: DELIVERIES, title: 'Deliveries', sort: '-created',
  lead: 'Events that were sent to webhooks, or wait to be: each attempt and its answer.',
  filters: [
    { name: 'webhook', label: 'Webhook', hint: 'its id', is: 'text' },
    { name: 'state', label: 'State', is: DELIVERY_STATES.map((state) => [state, state]) },
    { name: 'type', label: 'Event', is: EVENT_TYPES.map((type) => [type, type]) }, ACCOUNT_FILTER,
  ],
  columns: [
    codeColumn('Delivery', ({ deliveryId }) => String(deliveryId), 'created'), textColumn('Event', ({ type }) => type), accountColumn(),
    {
      head: 'State', csv: ({ state }) => state,
      cell: ({ state, nextAtMs }, nowMs) => html`${badge(LEVELS[state], state)}${state === 'pending'
        ? html`<small>again ${distance(nextAtMs - nowMs)}</small>` : []}`,
    },
    countColumn('Attempts', ({ attempts }) => attempts, 'attempts'), proseColumn('Last answer', answerOf),
    timeColumn('Made', ({ createdAtMs }) => createdAtMs, ''),
    {
      head: 'Next attempt',
      csv: ({ state, nextAtMs }) => (state === 'pending' ? new Date(nextAtMs).toISOString() : null),
    },
  ],
  empty: 'Nothing was sent yet. A delivery is made when an event happens that a webhook wants.',
  read: deliveries, isLive: true,
  rowActions: ({ endpointId, deliveryId }) =>
    html`<a class="act" href="${HOOKS}/${encodeURIComponent(endpointId)}/deliveries/${deliveryId}/resend">resend</a>`,
  figures: async (): Promise<readonly Figure[]> => {
    const { oldestDueSeconds, pending } = await webhookState();
    return [
      { title: 'Waiting', value: count(pending), note: 'deliveries to enabled webhooks' },
      {
        title: 'Longest due', value: `${count(Math.floor(oldestDueSeconds))} s`, note: 'to a webhook that answers',
        level: oldestDueSeconds > 60 ? 'bad' : 'good',
      },
    ];
  },
});

function answerOf({ last }: ListedDelivery): string {
  if (last === null) return '';
  return joinTexts(last.status === null ? null : String(last.status), last.problem, last.body);
}
