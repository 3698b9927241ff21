import { html, type Html } from '../http/html.js';
import { overviewCharts } from './overview-charts.js';
import {
  findingsTable, frozenTable, lossesTable, modelsTable, overdueTable, queuesTable, refusedTables, stoppedTable,
} from './overview-tables.js';
import { LISTED_MAX, type Known, type Overview } from './overview.js';
import { badge, banner, card, count, moment } from './parts.js';
import { runbookOf, signsOf, type Sign } from './signs.js';

/** The line of badges below the header of every page. */
export function glanceOf(overview: Overview): Html {
  const signs = signsOf(overview);
  const known = signs.filter(({ level }) => level !== 'unknown');
  const shown = known.filter(({ level, title }) => level !== 'good' || ['Redis', 'Postgres', 'Journal'].includes(title));
  return html`<ul class="glance" aria-label="State at a glance">${shown.map((each) =>
    html`<li>${badge(each.level, linked(each, `${each.title}: ${each.value}`))}</li>`)}
${known.length === signs.length ? [] : html`<li>${badge('unknown', `${count(signs.length - known.length)} did not answer`)}</li>`}</ul>`;
}

export function overviewBody(overview: Overview): Html {
  const signs = signsOf(overview);
  const bad = signs.filter(({ level }) => level === 'bad');
  const silent = signs.filter(({ value }) => value === 'did not answer');
  const nowMs = overview.readAtMs;
  return html`<div data-live="state">
<h1>${bad.length === 0 ? 'Overview' : `Needs attention: ${bad.map(({ title }) => title).join(', ')}`}</h1>
<p class="lead">As of ${moment(nowMs)}. Refreshes every 5 s, except while you type or select text.</p>
${silent.length === 0 ? [] : banner(
  'bad', `${silent.map(({ title }) => title).join(', ')} could not be read. The other values are current.`,
)}
${overviewCharts(overview)}
<div class="cards">${signs.map(cardOf)}</div>
${trouble('Stopped shards', overview.stoppedShards, stoppedTable)}
${trouble('What Redis lost', overview.losses, (losses) => lossesTable(losses, nowMs))}
${trouble('Stuck holds', overview.overdue, (holds) => overdueTable(holds, nowMs))}
${trouble('Differences between Redis and Postgres', overview.findings, (findings) => findingsTable(findings, nowMs))}
${trouble('Frozen accounts', overview.frozen, (frozen) => frozenTable(frozen, nowMs))}
<h2>Recent refusals</h2>
${part(overview.refused, refusedTables)}
<h2>Most expensive models</h2>
${part(overview.models, modelsTable)}
<h2>Queues</h2>
${part(overview.queues, queuesTable)}
<p class="note">All jobs: <a href="/console/queues">the queue board</a>.
Messages that wait for an operator: <a href="/console/dead-letters">the dead letters</a>, of RabbitMQ as well.</p></div>`;
}

const cardOf = (sign: Sign): Html => {
  const { title, value, note, level } = sign;
  const runbook = runbookOf(sign);
  return card(
    title, value, runbook === null ? note : html`${note} · <a href="${runbook}" aria-label="Runbook: ${title}">Runbook</a>`, level,
  );
};

/** A figure that is red leads to what to do. */
function linked(sign: Sign, text: string): Html {
  const runbook = sign.level === 'bad' ? runbookOf(sign) : null;
  return runbook === null ? html`${text}` : html`<a href="${runbook}">${text}</a>`;
}

const part = <T>(known: Known<T>, show: (value: T) => Html): Html =>
  ('value' in known ? show(known.value) : html`<p class="note">Could not be read.</p>`);

/**
 * The first rows of a list that was read with one extra row, which tells that there are more. Empty when the list is
 * empty, or when it could not be read: its card says so.
 */
function trouble<T>(title: string, known: Known<readonly T[]>, show: (rows: readonly T[]) => Html): Html {
  if (!('value' in known) || known.value.length === 0) return html``;
  return html`<h2>${title}</h2>
${show(known.value.slice(0, LISTED_MAX))}
${known.value.length > LISTED_MAX ? html`<p class="note">There are more than these ${LISTED_MAX}.</p>` : []}`;
}
