import type { HistoryEntry } from '../../books/entry.table.js';
import type { HoldRow } from '../../books/hold.table.js';
import type { OpenHold } from '../../ledger/account-snapshot.js';
import { readFacts } from '../../ledger/facts.js';
import type { Principal } from '../../ledger/ledger.js';
import { html, type Html } from '../http/html.js';
import { kindName } from './account-page.js';
import type { HoldLife } from './accounts.js';
import {
  aboutFacts, accountLink, badge, banner, change, credits, duration, facts, holdPath, moment, table, when, type Fact,
  type Level,
} from './parts.js';

export type HoldView = {
  readonly accountId: string;
  readonly holdId: string;
  readonly nowMs: number;
  /** Whether the viewer may change anything. */
  readonly canAct: boolean;
  /** The hold in Postgres. Null: its entry has not been drained yet, or Postgres does not answer. */
  readonly life: HoldLife | null;
  /** The hold in Redis, while it is open. */
  readonly open: OpenHold | null;
};

const LEVELS: Readonly<Record<HoldRow['state'], Level>> = { open: 'notice', settled: 'good', voided: 'unknown', expired: 'unknown' };

/** The history of a hold: what was reserved and why, each of its entries, and how it ended or will end. */
export function holdBody(view: HoldView): Html {
  const { accountId, holdId, nowMs, life, open } = view;
  const state = life?.row.state ?? 'open';
  const placed = life?.row ?? open;
  if (placed === null) throw new Error('a hold that is neither in Redis nor in Postgres has no page');
  const isOverdue = state === 'open' && placed.expiresAtMs <= nowMs;
  return html`<div data-live="hold">
<h1>Hold <span class="mono">${holdId}</span> ${badge(isOverdue ? 'bad' : LEVELS[state], isOverdue ? 'overdue' : state)}</h1>
<p class="lead">of ${accountLink(accountId)}</p>
${life === null ? banner('notice', 'Postgres does not have this hold yet, or does not answer. This page shows what Redis has.') : []}
${state === 'open' ? openBanner(placed, isOverdue, policyOf(view), nowMs) : []}
${actionsOf(view, state)}
<h2>History</h2>
<ol class="life">${life === null
  ? html`<li><strong>place</strong>${when(placed.placedAtMs, nowMs)}<p>${credits(placed.amount)} credits reserved</p></li>`
  : life.entries.map((entry) => step(entry, nowMs))}
${state === 'open' ? html`<li class="will"><strong>${isOverdue ? 'should have ended' : 'will end'}</strong>${when(
  placed.expiresAtMs, nowMs,
)}<p>${promiseOf(policyOf(view))}</p></li>` : []}
${state === 'expired'
  ? html`<li class="will"><strong>may still be settled</strong><p>A late settle charges the usage once, under the id of this hold.</p></li>`
  : []}</ol>
<h2>Facts</h2>
${facts(factsOf(view, placed))}
${life === null || life.row.parts === '' ? [] : html`<h2>Where the credits came from</h2><div class="narrow">${table(
  'Parts per lot', [{ head: 'Lot' }, { head: 'Credits', is: 'number' }], partsOf(life.row), '',
)}</div>`}</div>`;
}

const PLACED_BY: Readonly<Record<Principal, string>> = {
  user: 'a user', service: 'a service: a user cannot end it', operator: 'an operator',
};

/** The policy that applies when the lease ends. Only Postgres has it. */
const policyOf = ({ life }: HoldView): string | null => life?.row.policy ?? null;

function openBanner({ expiresAtMs }: { readonly expiresAtMs: number }, isOverdue: boolean, policy: string | null, nowMs: number): Html {
  return isOverdue
    ? banner(
      'bad',
      html`The lease ended ${when(expiresAtMs, nowMs)} and the hold is still open: no worker is running, or the account is frozen.`,
    )
    : banner('notice', html`Open. Expires ${when(expiresAtMs, nowMs)} unless it is settled before. ${promiseOf(policy)}`);
}

function promiseOf(policy: string | null): string {
  switch (policy) {
    case 'release': return 'Then all of it is released.';
    case 'charge_estimate': return 'Then all of it is charged.';
    case 'charge_reported': return 'Then the usage that was reported is charged and the rest released.';
    case 'charge_input': return 'Then its input is charged and the rest released.';
    case null:
    default: return 'The policy that applies then is in Postgres, which does not answer or does not have the hold yet.';
  }
}

function actionsOf({ accountId, holdId, canAct }: HoldView, state: HoldRow['state']): Html {
  if (!canAct) return html``;
  if (state !== 'open' && state !== 'expired') return html``;
  const path = holdPath(accountId, holdId);
  return html`<ul class="actions" aria-label="Actions"><li><a class="button" href="${path}/settle">${state === 'open'
    ? 'Settle'
    : 'Settle late'}</a></li>
${state === 'open' ? html`<li><a class="button danger" href="${path}/void">Void</a></li>` : []}</ul>`;
}

function step(entry: HistoryEntry, nowMs: number): Html {
  const { actor, reason } = readFacts(entry.about);
  return html`<li><strong>${kindName(entry.kind)}</strong>${when(entry.atMs, nowMs)} <small>entry ${entry.seq}</small>
<p>${sentenceOf(entry)}${entry.corrects === 0 ? '' : ` Corrects entry ${entry.corrects}.`}</p>
${actor === null ? [] : html`<p>by <span class="mono">${actor}</span>${reason === null ? '' : `: ${reason}`}</p>`}
<p class="note">Available ${change(entry.available) || '±0'} → ${credits(entry.availableAfter)}; held ${change(entry.held)
  || '±0'} → ${credits(entry.heldAfter)}${entry.debtAfter > 0 ? `; debt ${credits(entry.debtAfter)}` : ''}</p></li>
`;
}

function sentenceOf({ kind, held, captured, overage, debt, expired, uncollected, available }: HistoryEntry): string {
  if (kind === 'place') return `${credits(held)} credits reserved.`;
  const parts = [`${credits(captured)} captured`];
  if (available > 0) parts.push(`${credits(available)} released`);
  if (expired > 0) parts.push(`${credits(expired)} expired with their lots`);
  if (overage > 0) parts.push(`${credits(overage)} of it above the hold`);
  if (debt > 0) parts.push(`${credits(debt)} of that became debt`);
  if (uncollected > 0) parts.push(`${credits(uncollected)} used but not collected`);
  return `${parts.join(', ')}.`;
}

function factsOf({ life, open, nowMs }: HoldView, { amount, placedAtMs, expiresAtMs, price, about }: HoldRow | OpenHold): Fact[] {
  const list: Fact[] = [
    ['Reserved', `${credits(amount)} credits`], ['Placed', when(placedAtMs, nowMs)],
    ['Lease', html`${duration((expiresAtMs - placedAtMs) / 1_000)}, until ${moment(expiresAtMs)}`],
    ['Price', html`<code>${price === '' ? 'none' : price}</code>`],
    ...aboutFacts(about).map(([name, value]): Fact => [`Placed: ${name}`, value]),
  ];
  if (life === null) return open === null ? list : [...list, ['Entry', open.seq]];
  const { row } = life;
  list.push(['Placed by', PLACED_BY[row.placedBy]], ['When the lease ends', promiseOf(row.policy)]);
  if (row.state === 'open') return list;
  const parts = [
    ['Expired with their lots', row.expired], ['Charged above the hold', row.overage], ['Of which debt', row.debt],
    ['Used but not collected', row.uncollected],
  ] as const;
  list.push(
    ['Ended', row.endedAtMs === null ? '' : when(row.endedAtMs, nowMs)], ['Captured', `${credits(row.captured)} credits`],
    ['Released', `${credits(row.released)} credits`],
    ...parts.filter(([, part]) => part > 0).map(([name, part]): Fact => [name, `${credits(part)} credits`]),
    ...(row.late ? [['Settled late', 'after the lease had ended'] as const] : []),
    ...aboutFacts(row.endAbout ?? '').map(([name, value]): Fact => [`Ended: ${name}`, value]),
  );
  return list;
}

const partsOf = ({ parts }: HoldRow): [Html, string][] => parts.split(',').map((part) => {
  const [lotId = '', amount = '0'] = part.split(':');
  return [html`<span class="mono">${lotId.replace(/^0+(?=\d)/, '')}</span>`, credits(Number(amount) as HoldRow['amount'])];
});
