import type { BalancePoint } from '../../books/balance-at.table.js';
import type { HistoryEntry } from '../../books/entry.table.js';
import type { Freeze } from '../../books/frozen-account.table.js';
import type { HistoryPage } from '../../books/history.js';
import type { AccountPlan } from '../../credits/plans/plan.js';
import type { Refusal } from '../../credits/refusals/refusal.js';
import type { Finding } from '../../journal/reconcile/finding.table.js';
import type { AccountSnapshot, Lot, OpenHold } from '../../ledger/account-snapshot.js';
import { readFacts } from '../../ledger/facts.js';
import { html, type Html } from '../http/html.js';
import type { NamedAccount } from './accounts.js';
import { balanceChart } from './balance-chart.js';
import { listPath } from './lists/list.js';
import type { Known } from './overview.js';
import {
  accountLink, accountPath, auditPath, banner, card, change, count, credits, facts, holdLink, reasonName, subjectOf, table, when, type Fact,
} from './parts.js';

/** Everything that the page of an account shows. A part that could not be read shows that in its place. */
export type AccountView = {
  readonly accountId: string;
  readonly nowMs: number;
  readonly profile: Known<NamedAccount | null>;
  readonly snapshot: Known<AccountSnapshot>;
  readonly history: Known<HistoryPage>;
  readonly plan: Known<AccountPlan | null>;
  readonly freeze: Known<Freeze | null>;
  readonly refusals: Known<readonly Refusal[]>;
  readonly balances: Known<readonly BalancePoint[]>;
  /** The minute whose refusals are shown, in the format of `<input type="datetime-local">`; '' shows the latest. */
  readonly minute: string;
  /** Whether the viewer may change anything. */
  readonly canAct: boolean;
  /** Open findings of the reconciler about this account. */
  readonly findings: readonly Finding[];
};

const missing = html`<p class="note">Could not be read. Reload the page to try again.</p>`;

export function accountBody(view: AccountView): Html {
  const { accountId, nowMs, profile, snapshot, history } = view;
  const named = 'value' in profile ? profile.value : null;
  const isFrozen = 'value' in snapshot && snapshot.value.frozen;
  return html`<h1>${named?.username ?? accountId}</h1>
<p class="lead"><span class="mono">${accountId}</span>${named?.email == null ? '' : ` · ${named.email}`}</p>
<div data-live="balance">${isFrozen ? frozenBanner(view) : []}
${view.findings.length === 0 ? [] : driftBanner(view.findings)}
${'value' in snapshot ? balanceOf(snapshot.value) : banner('bad', 'The balance could not be read: the ledger does not answer.')}
${view.canAct ? actionsOf(view, isFrozen) : []}
${balanceChart(view.balances, nowMs)}</div>
${elsewhere(accountId)}
<h2>Open holds</h2>
<div data-live="holds">${'value' in snapshot ? holdsTable(accountId, snapshot.value.holds, nowMs) : missing}</div>
<h2 id="lots">Lots</h2>
<div data-live="lots">${'value' in snapshot ? lotsTable(snapshot.value.lots, nowMs) : missing}</div>
<h2 id="refusals">Refusals</h2>
${refusalsOf(view)}
<h2 id="entries">Ledger</h2>
<div data-live="entries">${'value' in history ? entriesOf(accountId, history.value, nowMs) : missing}</div>
<div data-live="more">${more(view)}</div>`;
}

/** What the lists have of this account. */
const elsewhere = (accountId: string): Html => html`<nav class="inline" aria-label="This account in lists">${[
  ['holds', 'All holds'], ['lots', 'All lots'], ['refusals', 'All refusals'], ['limits', 'Limits'],
].map(([list = '', name = '']) => html`<a href="${listPath(`/console/${list}`, { account: accountId })}">${name}</a>`)}
<a href="${listPath('/console/pools', { pool: accountId })}">Members</a>
<a href="${auditPath({ account: accountId })}">Operators’ actions</a></nav>`;

function frozenBanner({ freeze, nowMs }: AccountView): Html {
  const known = 'value' in freeze ? freeze.value : null;
  return banner(
    'bad', html`<strong>Frozen.</strong> Holds, settlements, charges and grants are refused until the account is thawed.`,
    ...(known === null ? [] : [
      html`by ${known.actor ?? 'an unknown operator'}, ${when(known.atMs, nowMs)}${known.reason === null ? '' : `: ${known.reason}`}`,
    ]),
  );
}

const driftBanner = (findings: readonly Finding[]): Html => banner(
  'bad', html`<strong>Redis and Postgres differ.</strong>`,
  ...findings.map(({ check, expected, actual }) => html`${check}: expected ${expected}; found ${actual}`),
);

const balanceOf = ({ available, held, debt, frozen }: AccountSnapshot): Html => html`<div class="cards">
${frozen ? card(
  'Available', credits(available), 'cannot be spent while frozen', 'bad',
) : card('Available', credits(available), 'can be spent now', available > 0 ? 'good' : 'notice')}
${card('Held', credits(held), 'reserved by open holds')}
${card('Debt', credits(debt), 'the next grant repays it first', debt > 0 ? 'bad' : '')}</div>`;

function actionsOf({ accountId }: AccountView, isFrozen: boolean): Html {
  const path = accountPath(accountId);
  return html`<ul class="actions" aria-label="Actions">
<li><a class="button" href="${path}/grant">Grant credits</a></li>
<li><a class="button quiet" href="${path}/adjust">Adjust</a></li>
<li>${isFrozen
  ? html`<a class="button" href="${path}/thaw">Thaw</a>`
  : html`<a class="button danger" href="${path}/freeze">Freeze</a>`}</li>
<li><form method="post" action="${path}/compare"><button class="quiet">Compare Redis and Postgres</button></form></li>
</ul>`;
}

const holdsTable = (accountId: string, holds: readonly OpenHold[], nowMs: number): Html => table(
  'Open holds', [{ head: 'Hold' }, { head: 'Credits', is: 'number' }, { head: 'For' }, { head: 'Placed' }, { head: 'Lease ends' }],
  holds.map(({ holdId, amount, about, placedAtMs, expiresAtMs }) => [
    holdLink(accountId, holdId), credits(amount), subjectOf(readFacts(about)) ?? '', when(placedAtMs, nowMs),
    expiresAtMs <= nowMs ? html`<span class="badge bad">overdue</span> ${when(expiresAtMs, nowMs)}` : when(expiresAtMs, nowMs),
  ]),
  'None.',
);

const lotsTable = (lots: readonly Lot[], nowMs: number): Html => table(
  'Lots, in the order they are spent', [
    { head: 'Lot' }, { head: 'Left', is: 'number' }, { head: 'Held', is: 'number' }, { head: 'Granted', is: 'number' },
    { head: 'Granted at' }, { head: 'Ends' },
  ],
  lots.map(({ lotId, remaining, held, amount, grantedAtMs, expiresAtMs }) => [
    html`<span class="mono">${lotId.replace(/^0+(?=\d)/, '')}</span>`, credits(remaining), credits(held), credits(amount),
    when(grantedAtMs, nowMs), expiresAtMs === null ? 'never' : when(expiresAtMs, nowMs),
  ]),
  'No lot has credits left.',
);

function refusalsOf({ accountId, refusals, freeze, minute, nowMs }: AccountView): Html {
  if ('missing' in refusals) return missing;
  const known = 'value' in freeze ? freeze.value : null;
  return html`<form class="inline" method="get" action="${accountPath(accountId)}#refusals">
<label for="at">Show refusals around <span class="hint">UTC; five minutes before and after</span></label>
<input type="datetime-local" id="at" name="at" value="${minute}"><button class="quiet">Show</button>${minute === ''
  ? []
  : html`<a class="button quiet" href="${accountPath(accountId)}#refusals">Latest</a>`}</form>
<div data-live="refusals">${table('Refusals', [
  { head: 'Minute' }, { head: 'Why' }, { head: 'Times', is: 'number' }, { head: 'Answer', is: 'text' }, { head: 'Route' },
  { head: 'Last request' },
],
    refusals.value.map((each) => [
      when(each.minuteMs, nowMs), html`<strong>${reasonName(each.reason)}</strong>`, count(each.count),
      html`${each.status}: ${each.message}${hintOf(each, known)}`, html`<code>${each.method} ${each.route}</code>`,
      html`<code>${each.requestId}</code>`,
    ]),
    minute === '' ? 'No refusals are recorded.' : 'No refusals around that minute.')}</div>`;
}

/** API replies do not say who froze an account. Operators see it here, as far as it is still known. */
function hintOf({ reason, lastAtMs }: Refusal, freeze: Freeze | null): Html {
  if (reason !== 'account_frozen') return html``;
  if (freeze === null || lastAtMs < freeze.atMs) {
    return html` <small>who froze it and why: see the <a href="#entries">ledger</a></small>`;
  }
  return html` <small>by ${freeze.actor ?? 'an unknown operator'}${freeze.reason === null ? '' : `: ${freeze.reason}`}</small>`;
}

function entriesOf(accountId: string, { entries, next }: HistoryPage, nowMs: number): Html {
  const columns = [
    { head: 'No.' }, { head: 'When' }, { head: 'What' }, { head: 'Charged', is: 'number' }, { head: 'Available', is: 'number' },
    { head: 'Held', is: 'number' }, { head: 'Debt', is: 'number' },
    { head: 'Available after', is: 'number' }, { head: 'Held after', is: 'number' }, { head: 'Who and why', is: 'text' },
  ] as const;
  return html`${table('Ledger entries, newest first', columns, entries.map((entry) => [
    entry.seq, when(entry.atMs, nowMs),
    html`${kindName(entry.kind)}${entry.holdId === '' ? [] : html` ${holdLink(accountId, entry.holdId)}`}`,
    entry.captured === 0 ? '' : html`<strong>${credits(entry.captured).replace('-', '−')}</strong>`, change(entry.available),
    change(entry.held), change(entry.debt), credits(entry.availableAfter), credits(entry.heldAfter), whoAndWhy(entry),
  ]), 'No entries yet.')}
${next === null ? [] : html`<p><a href="${accountPath(accountId)}?before=${next}#entries">Older entries</a></p>`}
<p class="note">Read from Postgres, which can be a moment behind the balance above.</p>`;
}

/** The kind of an entry with spaces instead of underscores. */
export const kindName = (kind: string): string => kind.replaceAll('_', ' ');

/** Who did it and why, where the entry says so, and the usage it was for. */
function whoAndWhy({ about }: HistoryEntry): string {
  const facts = readFacts(about);
  const model = facts.type === 'stream' ? facts.modelId : null;
  const told = [facts.actor, facts.reason, facts.notes, facts.source, model, facts.usage?.service, facts.usage?.operation];
  return [...new Set(told.filter((each) => each !== null && each !== undefined && each !== ''))].join(' · ');
}

function more({ snapshot, plan, nowMs }: AccountView): Html {
  const list: Fact[] = [];
  if ('value' in snapshot) {
    const { granted, captured, expired, removed, uncollected } = snapshot.value.totals;
    list.push(
      ['Granted', credits(granted)], ['Spent', credits(captured)], ['Expired', credits(expired)], ['Removed', credits(removed)],
      ['Used, never collected', credits(uncollected)], ['Last entry', snapshot.value.seq],
    );
  }
  if ('value' in plan && plan.value !== null) {
    const { planId, lastRefillAtMs, problem } = plan.value;
    list.push(
      ['Plan', planId], ['Last refill', lastRefillAtMs === null ? 'none yet' : when(lastRefillAtMs, nowMs)],
      ...(problem === null ? [] : [['Refill problem', problem] as const]),
    );
  }
  return html`<h2>Totals</h2>${facts(list)}`;
}

/** The result of a search that does not name exactly one account. */
export function foundBody(who: string, found: readonly NamedAccount[]): Html {
  if (found.length === 0) {
    return html`<h1>No account found for “${who}”</h1>
<p class="lead">No known account has this id, username or e-mail.</p>`;
  }
  return html`<h1>“${who}” matches ${count(found.length)} accounts</h1>
${table(
  'Matching accounts', [{ head: 'Account' }, { head: 'Username' }, { head: 'E-mail' }],
  found.map(({ accountId, username, email }) => [accountLink(accountId), username ?? '', email ?? '']), '',
)}`;
}
