import type { FrozenAccount } from '../../books/frozen-account.table.js';
import type { HoldRow } from '../../books/hold.table.js';
import type { RefusedMost } from '../../credits/refusals/refused-most.table.js';
import type { CostsOfDay } from '../../credits/usage/model-costs.js';
import type { Finding } from '../../journal/reconcile/finding.table.js';
import type { LossRow } from '../../journal/shard-losses.table.js';
import { sumToCredits } from '../../kit/money/credits.js';
import { html, type Html } from '../http/html.js';
import { REFUSED_MINUTES, type Overview, type QueueState } from './overview.js';
import { accountLink, accountPath, amount, count, credits, duration, holdLink, moment, reasonName, table, when } from './parts.js';

/** The lists of the overview. */

type Shards = Extract<Overview['stoppedShards'], { readonly value: unknown }>['value'];

export const stoppedTable = (shards: Shards): Html =>
  table('Stopped shards', [{ head: 'Shard' }, { head: 'Why', is: 'text' }], shards.map(({ shard, reason }) => [shard, reason]), 'None.');

export const lossesTable = (losses: readonly LossRow[], nowMs: number): Html => html`${table(
  'What Redis lost', [
    { head: 'Shard' }, { head: 'Entries', is: 'number' }, { head: 'Written from' }, { head: 'To' },
    { head: 'Accounts', is: 'text' }, { head: 'Noticed' },
  ],
  losses.map(({ shard, entries, fromMs, toMs, accounts, noticedAtMs, kind, accountCount }) => [
    shard, kind === 'lost' ? `at least ${count(entries)}` : `${count(entries)} left behind`,
    fromMs === null ? 'the beginning' : moment(fromMs), moment(toMs), accountsOf(accounts, accountCount),
    when(noticedAtMs, nowMs),
  ]),
  'Nothing.',
)}<p class="note">Redis had acknowledged these entries before they reached Postgres. The accounts were rebuilt from Postgres, in
the users' favour. After you have dealt with a loss: <code>credit-gateway shards acknowledge</code>.</p>`;

const NAMED_MAX = 5;

function accountsOf(accounts: LossRow['accounts'], accountCount: number): string | Html {
  const named = Object.keys(accounts);
  if (named.length === 0) return 'not known';
  return html`${named.slice(0, NAMED_MAX).map(
    (accountId, index) => html`${index === 0 ? '' : ', '}${accountLink(accountId)}`,
  )}${accountCount > NAMED_MAX ? ` and ${count(accountCount - NAMED_MAX)} more` : ''}`;
}

export const overdueTable = (holds: readonly HoldRow[], nowMs: number): Html => table(
  'Stuck holds', [{ head: 'Hold' }, { head: 'Account' }, { head: 'Credits', is: 'number' }, { head: 'Placed' }, { head: 'Lease ended' }],
  holds.map(({ accountId, holdId, amount: reserved, placedAtMs, expiresAtMs }) => [
    holdLink(accountId, holdId), accountLink(accountId), credits(reserved), when(placedAtMs, nowMs), when(expiresAtMs, nowMs),
  ]),
  'None: all holds ended within their lease.',
);

export const findingsTable = (findings: readonly Finding[], nowMs: number): Html => table(
  'Differences', [
    { head: 'Account' }, { head: 'Check' }, { head: 'Expected', is: 'text' }, { head: 'Found', is: 'text' },
    { head: 'Micros', is: 'number' }, { head: 'First seen' }, { head: 'Last seen' },
  ],
  findings.map((each) => [
    each.accountId === '' ? 'sum of all accounts' : accountLink(each.accountId), whereOf(each), each.expected, each.actual,
    count(each.differenceMicros), when(each.firstSeenAtMs, nowMs), when(each.lastSeenAtMs, nowMs),
  ]),
  'None.',
);

const whereOf = ({ check, shard, seq }: Finding): string =>
  `${check}${shard === null ? '' : `, shard ${shard}`}${seq === null ? '' : `, entry ${seq}`}`;

export const frozenTable = (frozen: readonly FrozenAccount[], nowMs: number): Html => table(
  'Frozen accounts', [{ head: 'Account' }, { head: 'Why', is: 'text' }, { head: 'Who' }, { head: 'Since' }],
  frozen.map(({ accountId, reason, actor, atMs }) => [accountLink(accountId), reason ?? '', actor ?? 'unknown', when(atMs, nowMs)]),
  'None.',
);

/** Refusals by reason and by account: many accounts with one reason is another problem than one account with many. */
export function refusedTables({ reasons, accounts }: RefusedMost): Html {
  if (reasons.length === 0) return html`<p class="note">No refusals in the last ${REFUSED_MINUTES} minutes.</p>`;
  return html`<div class="pair">
${table(
  'Reasons, most frequent first', [{ head: 'Why' }, { head: 'Times', is: 'number' }, { head: 'Accounts', is: 'number' }],
  reasons.map(({ reason, count: times, accounts: many }) => [reasonName(reason), count(times), count(many)]), '',
)}
${table('Accounts, most refused first', [{ head: 'Account' }, { head: 'Times', is: 'number' }, { head: 'Why', is: 'text' }],
    accounts.map(({ accountId, count: times, reasons: why }) => [
      html`<a class="mono" href="${accountPath(accountId)}#refusals">${accountId}</a>`, count(times),
      why.split(', ').map(reasonName).join(', '),
    ]), '')}
</div><p class="note">The last ${REFUSED_MINUTES} minutes, from Postgres.
Open an account to see its refusals by minute, with message and request.</p>`;
}

export function modelsTable({ fromMs, models }: CostsOfDay): Html {
  return html`<div class="half">${table(
    'Models, most expensive first',
    [{ head: 'Model' }, { head: 'Credits', is: 'number' }, { head: 'Answers', is: 'number' }, { head: 'Per answer', is: 'number' }],
    models.map(({ model, messages, captured }) => [
      html`<span class="mono">${model}</span>`, amount(sumToCredits(captured)), count(messages),
      messages === 0 ? '' : mean(sumToCredits(captured) / messages),
    ]),
    'No usage of models was charged.',
  )}</div><p class="note">All charges since ${moment(fromMs)}. <code>unknown</code>: models
without a price of that very name. How many calls were priced by a default: <code>cg_prices_found_total</code>.</p>`;
}

const mean = (number: number): string => number.toLocaleString('en-US', { maximumSignificantDigits: 3 });

export const queuesTable = (queues: readonly QueueState[]): Html => table(
  'Queues', [
    { head: 'Queue' }, { head: 'Waiting', is: 'number' }, { head: 'Active', is: 'number' }, { head: 'Delayed', is: 'number' },
    { head: 'Failed', is: 'number' }, { head: 'Oldest waiting for', is: 'number' },
  ],
  queues.map(({ name, waiting, active, delayed, failed, oldestSeconds }) => [
    html`<a href="/console/queues/queue/${encodeURIComponent(name)}">${name}</a>`, count(waiting), count(active), count(delayed),
    count(failed), oldestSeconds === null ? '' : duration(oldestSeconds),
  ]),
  'There are no queues.',
);
