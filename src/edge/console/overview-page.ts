import type { Finding } from '../../journal/reconcile/finding.table.js';
import type { ReconcileState } from '../../journal/reconcile/reconcile-state.table.js';
import { html, type Html } from '../http/html.js';
import {
  findingsTable, frozenTable, lossesTable, modelsTable, overdueTable, queuesTable, refusedTables, stoppedTable,
} from './overview-tables.js';
import { LISTED_MAX, type Known, type Overview } from './overview.js';
import { badge, banner, card, count, duration, moment, type Level } from './parts.js';

/** One thing that is watched: how it is, in a word or a number, and what that means. */
type Sign = { readonly title: string; readonly value: string; readonly note: string; readonly level: Level };

const LAG_NOTICE_SECONDS = 2;
const LAG_BAD_SECONDS = 15;
const WAITING_NOTICE_SECONDS = 30;
/** The reconciler has a turn every five seconds. */
const COMPARED_NOTICE_SECONDS = 60;

/** The state at a glance, below the header of every page. */
export function glanceOf(overview: Overview): Html {
  const signs = signsOf(overview);
  const known = signs.filter(({ level }) => level !== 'unknown');
  const shown = known.filter(({ level, title }) => level !== 'good' || ['Redis', 'Postgres', 'Journal'].includes(title));
  return html`<ul class="glance" aria-label="State at a glance">${shown.map(({ title, value, level }) =>
    html`<li>${badge(level, `${title}: ${value}`)}</li>`)}
${known.length === signs.length ? [] : html`<li>${badge('unknown', `${count(signs.length - known.length)} did not answer`)}</li>`}</ul>`;
}

export function overviewBody(overview: Overview): Html {
  const signs = signsOf(overview);
  const bad = signs.filter(({ level }) => level === 'bad');
  const silent = signs.filter(({ value }) => value === 'did not answer');
  const nowMs = overview.readAtMs;
  return html`<h1>${bad.length === 0 ? 'At a glance' : `${bad.map(({ title }) => title).join(', ')}: look here`}</h1>
<p class="lead">As of ${moment(nowMs)}. Shows itself again every 5 seconds.</p>
${silent.length === 0 ? [] : banner(
  'bad', `${silent.map(({ title }) => title).join(', ')} could not be read. The rest is as it was read just now.`,
)}
<div class="cards">${signs.map(({ title, value, note, level }) => card(title, value, note, level, !/^\d/.test(value)))}</div>
${trouble('Stopped shards', overview.stoppedShards, stoppedTable)}
${trouble('What Redis lost', overview.losses, (losses) => lossesTable(losses, nowMs))}
${trouble('Stuck holds', overview.overdue, (holds) => overdueTable(holds, nowMs))}
${trouble('Differences between Redis and Postgres', overview.findings, (findings) => findingsTable(findings, nowMs))}
${trouble('Frozen accounts', overview.frozen, (frozen) => frozenTable(frozen, nowMs))}
<h2>Who is refused now</h2>
${part(overview.refused, refusedTables)}
<h2>What costs users most</h2>
${part(overview.models, modelsTable)}
<h2>Queues</h2>
${part(overview.queues, queuesTable)}
<p class="note">Every job: <a href="/console/queues">the queue board</a>.
Settlements that failed for good: <code>npm run dead-letters -- list</code>, then <code>replay</code> or <code>discard</code>.</p>`;
}

function signsOf(overview: Overview): Sign[] {
  const {
    readAtMs, readiness: { checks }, postgres, lag, holds, stoppedShards, losses, overdue, findings, reconciled, frozen, queues,
    deadLetters, quarantined, pendingMoney,
  } = overview;
  const isRedisThere = checks['redis']?.ok === true && checks['ledger']?.ok === true;
  return [
    {
      title: 'Redis', value: isRedisThere ? 'there' : 'away',
      note: `ledger ${checks['ledger']?.detail ?? 'unknown'}; ${checks['redis']?.detail ?? ''}`,
      level: isRedisThere ? 'good' : 'bad',
    },
    {
      title: 'Postgres', value: 'value' in postgres ? 'there' : 'away',
      note: 'value' in postgres ? 'answers' : 'money in is refused; holds go on', level: 'value' in postgres ? 'good' : 'bad',
    },
    ...(checks['memory']?.ok === false ? [
      { title: 'Redis memory', value: 'high', note: checks['memory'].detail, level: 'bad' as const },
    ] : []),
    sign('Journal', lag, ({ entries, seconds }) => ({
      value: seconds < 1 ? 'up to date' : `${duration(seconds)} behind`,
      note: entries === 1 ? '1 entry waits for Postgres' : `${count(entries)} entries wait for Postgres`,
      level: seconds >= LAG_BAD_SECONDS ? 'bad' : seconds >= LAG_NOTICE_SECONDS ? 'notice' : 'good',
    })),
    sign('Open holds', holds, ({ open }) => ({ value: count(open), note: 'answers being written now', level: 'good' })),
    sign('Stuck holds', overdue, ({ length }) => ({
      value: atMost(length), note: 'open past the end of their lease', level: length === 0 ? 'good' : 'bad',
    })),
    driftSign(findings, reconciled, readAtMs),
    sign('Stopped shards', stoppedShards, ({ length }) => ({
      value: count(length), note: 'nothing of them reaches Postgres', level: length === 0 ? 'good' : 'bad',
    })),
    sign('Lost entries', losses, (rows) => ({
      value: count(rows.reduce((sum, { entries }) => sum + entries, 0)),
      note: rows.length === 0 ? 'Redis has lost nothing' : 'acknowledged by Redis, then lost', level: rows.length === 0 ? 'good' : 'bad',
    })),
    sign('Frozen accounts', frozen, ({ length }) => ({
      value: atMost(length), note: 'nothing of them moves until thawed', level: length === 0 ? 'good' : 'notice',
    })),
    sign('Queues', queues, (states) => {
      const oldest = Math.max(0, ...states.map(({ oldestSeconds }) => oldestSeconds ?? 0));
      const waiting = states.reduce((sum, each) => sum + each.waiting, 0);
      return {
        value: `${count(waiting)} waiting`, note: waiting === 0 ? 'nothing waits' : `the oldest for ${duration(oldest)}`,
        level: oldest >= WAITING_NOTICE_SECONDS ? 'bad' : 'good',
      };
    }),
    sign('Dead letters', deadLetters, (dead) => ({
      value: count(dead), note: 'settlements that wait for a decision', level: dead === 0 ? 'good' : 'bad',
    })),
    sign('Money pending', pendingMoney, ({ count: pending, oldestSeconds }) => ({
      value: count(pending), note: pending === 0 ? 'every grant is in the ledger' : `the oldest for ${duration(oldestSeconds)}`,
      level: pending === 0 ? 'good' : oldestSeconds >= WAITING_NOTICE_SECONDS ? 'bad' : 'notice',
    })),
    sign('Quarantine', quarantined, (texts) => ({
      value: count(texts), note: 'texts put aside; their money is in the ledger', level: texts === 0 ? 'good' : 'notice',
    })),
  ];
}

/** No findings are good news only while somebody looks. */
function driftSign(findings: Known<readonly Finding[]>, reconciled: Known<ReconcileState>, nowMs: number): Sign {
  const last = 'value' in reconciled ? reconciled.value : null;
  const lastAtMs = last?.lastBatchAtMs ?? null;
  const agoSeconds = lastAtMs === null ? null : Math.max(0, (nowMs - lastAtMs) / 1_000);
  return sign('Drift', findings, ({ length }) => ({
    value: atMost(length),
    note: last === null
      ? 'nobody knows when it was compared last'
      : agoSeconds === null ? 'nothing was compared yet' : `compared ${duration(agoSeconds)} ago; ${roundOf(last, nowMs)}`,
    level: length > 0 ? 'bad' : agoSeconds === null || agoSeconds >= COMPARED_NOTICE_SECONDS ? 'notice' : 'good',
  }));
}

const roundOf = ({ lastRoundAtMs, lastRoundAccounts }: ReconcileState, nowMs: number): string =>
  (lastRoundAtMs === null
    ? 'the first round is under way'
    : `last round of ${count(lastRoundAccounts ?? 0)} accounts ${duration(Math.max(0, (nowMs - lastRoundAtMs) / 1_000))} ago`);

const sign = <T>(title: string, known: Known<T>, say: (value: T) => Omit<Sign, 'title'>): Sign =>
  ('value' in known ? { title, ...say(known.value) } : { title, value: known.missing, note: 'unknown, so look', level: 'unknown' });

const atMost = (length: number): string => (length > LISTED_MAX ? `more than ${LISTED_MAX}` : count(length));

const part = <T>(known: Known<T>, show: (value: T) => Html): Html =>
  ('value' in known ? show(known.value) : html`<p class="note">Could not be read now.</p>`);

/**
 * The first rows of a list that was asked for with one row more. Nothing when there is no trouble, or when its card
 * says that nobody knows.
 */
function trouble<T>(title: string, known: Known<readonly T[]>, show: (rows: readonly T[]) => Html): Html {
  if (!('value' in known) || known.value.length === 0) return html``;
  return html`<h2>${title}</h2>
${show(known.value.slice(0, LISTED_MAX))}
${known.value.length > LISTED_MAX ? html`<p class="note">There are more than these ${LISTED_MAX}.</p>` : []}`;
}
