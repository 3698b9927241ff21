import { html, type Html } from '../http/html.js';
import type { HoldRow } from '../holds/hold.table.js';
import { LISTED_MAX, type Finding, type FrozenAccount, type Known, type Overview, type QueueState } from './overview.js';
import { accountLink, badge, banner, card, count, credits, duration, holdLink, moment, table, when, type Level } from './parts.js';

/** One thing that is watched: how it is, in a word or a number, and what that means. */
type Sign = { readonly title: string; readonly value: string; readonly note: string; readonly level: Level };

const LAG_NOTICE_SECONDS = 2;
const LAG_BAD_SECONDS = 15;
const WAITING_NOTICE_SECONDS = 30;

/** The state at a glance, below the header of every page. */
export function glanceOf(overview: Overview): Html {
  const signs = signsOf(overview);
  const shown = signs.filter(({ level, title }) => level !== 'good' || ['Redis', 'Postgres', 'Journal'].includes(title)).filter(({ level, value }) => !(level === 'unknown' && value === 'not available'));
  return html`<ul class="glance" aria-label="State at a glance">${shown.map(({ title, value, level }) => html`<li>${badge(level, `${title}: ${value}`)}</li>`)}</ul>`;
}

export function overviewBody(overview: Overview): Html {
  const signs = signsOf(overview);
  const bad = signs.filter(({ level }) => level === 'bad');
  const silent = signs.filter(({ value }) => value === 'did not answer');
  const nowMs = overview.readAtMs;
  return html`<h1>${bad.length === 0 ? 'At a glance' : `${bad.map(({ title }) => title).join(', ')}: look here`}</h1>
<p class="lead">As of ${moment(nowMs)}. Shows itself again every 5 seconds.</p>
${silent.length === 0 ? [] : banner('bad', `${silent.map(({ title }) => title).join(', ')} could not be read. The rest is as it was read just now.`)}
<div class="cards">${signs.map(({ title, value, note, level }) => card(title, value, note, level, !/^\d/.test(value)))}</div>
<h2>Stuck holds</h2>
${listOf(overview.overdue, (holds) => overdueTable(holds, nowMs))}
<h2>Differences between Redis and Postgres</h2>
${listOf(overview.findings, (findings) => findingsTable(findings, nowMs))}
<h2>Frozen accounts</h2>
${listOf(overview.frozen, (frozen) => frozenTable(frozen, nowMs))}
<h2>Queues</h2>
${listOf(overview.queues, queuesTable)}
<p class="note">Every job: <a href="/console/queues">the queue board</a>. Settlements that failed for good: <code>npm run dead-letters -- list</code>, then <code>replay</code> or <code>discard</code>.</p>
${'value' in overview.stoppedShards && overview.stoppedShards.value.length > 0 ? html`<h2>Stopped shards</h2>${table('Stopped shards', [{ head: 'Shard' }, { head: 'Why', is: 'text' }], overview.stoppedShards.value.map(({ shard, reason }) => [shard, reason]), '')}` : []}`;
}

function signsOf(overview: Overview): Sign[] {
  const { readiness: { checks }, postgres, lag, holds, stoppedShards, overdue, findings, frozen, queues, deadLetters, quarantined, pendingMoney } = overview;
  const isRedisThere = checks['redis']?.ok === true && checks['ledger']?.ok === true;
  return [
    { title: 'Redis', value: isRedisThere ? 'there' : 'away', note: `ledger ${checks['ledger']?.detail ?? 'unknown'}; ${checks['redis']?.detail ?? ''}`, level: isRedisThere ? 'good' : 'bad' },
    { title: 'Postgres', value: 'value' in postgres ? 'there' : 'away', note: 'value' in postgres ? 'answers' : 'money in is refused; holds go on', level: 'value' in postgres ? 'good' : 'bad' },
    ...(checks['memory']?.ok === false ? [{ title: 'Redis memory', value: 'high', note: checks['memory'].detail, level: 'bad' as const }] : []),
    sign('Journal', lag, ({ entries, seconds }) => ({
      value: seconds < 1 ? 'up to date' : `${duration(seconds)} behind`, note: `${count(entries)} entries wait for Postgres`,
      level: seconds >= LAG_BAD_SECONDS ? 'bad' : seconds >= LAG_NOTICE_SECONDS ? 'notice' : 'good',
    })),
    sign('Open holds', holds, ({ open }) => ({ value: count(open), note: 'answers being written now', level: 'good' })),
    sign('Stuck holds', overdue, ({ length }) => ({ value: atMost(length), note: 'open past the end of their lease', level: length === 0 ? 'good' : 'bad' })),
    sign('Drift', findings, ({ length }) => ({ value: atMost(length), note: 'open findings of the reconciler', level: length === 0 ? 'good' : 'bad' })),
    sign('Stopped shards', stoppedShards, ({ length }) => ({ value: count(length), note: 'nothing of them reaches Postgres', level: length === 0 ? 'good' : 'bad' })),
    sign('Frozen accounts', frozen, ({ length }) => ({ value: atMost(length), note: 'nothing of them moves until thawed', level: length === 0 ? 'good' : 'notice' })),
    sign('Queues', queues, (states) => {
      const oldest = Math.max(0, ...states.map(({ oldestSeconds }) => oldestSeconds ?? 0));
      const waiting = states.reduce((sum, each) => sum + each.waiting, 0);
      return { value: `${count(waiting)} waiting`, note: waiting === 0 ? 'nothing waits' : `the oldest for ${duration(oldest)}`, level: oldest >= WAITING_NOTICE_SECONDS ? 'bad' : 'good' };
    }),
    sign('Dead letters', deadLetters, (dead) => ({ value: count(dead), note: 'settlements that wait for a decision', level: dead === 0 ? 'good' : 'bad' })),
    sign('Money pending', pendingMoney, ({ count: pending, oldestSeconds }) => ({
      value: count(pending), note: pending === 0 ? 'every grant is in the ledger' : `the oldest for ${duration(oldestSeconds)}`,
      level: pending === 0 ? 'good' : oldestSeconds >= WAITING_NOTICE_SECONDS ? 'bad' : 'notice',
    })),
    sign('Quarantine', quarantined, (texts) => ({ value: count(texts), note: 'texts put aside; their money is in the ledger', level: texts === 0 ? 'good' : 'notice' })),
  ];
}

const sign = <T>(title: string, known: Known<T>, say: (value: T) => Omit<Sign, 'title'>): Sign =>
  ('value' in known ? { title, ...say(known.value) } : { title, value: known.missing, note: known.missing === 'not available' ? 'not part of this gateway' : 'unknown, so look', level: 'unknown' });

const atMost = (length: number): string => (length > LISTED_MAX ? `more than ${LISTED_MAX}` : count(length));

/** The first rows of a list that was asked for with one row more. */
const listOf = <T>(known: Known<readonly T[]>, show: (rows: readonly T[]) => Html): Html => {
  if (!('value' in known)) return html`<p class="note">${known.missing === 'not available' ? 'Not part of this gateway.' : 'Could not be read now.'}</p>`;
  return html`${show(known.value.slice(0, LISTED_MAX))}${known.value.length > LISTED_MAX ? html`<p class="note">There are more than these ${LISTED_MAX}.</p>` : []}`;
};

const overdueTable = (holds: readonly HoldRow[], nowMs: number): Html => table(
  'Stuck holds', [{ head: 'Hold' }, { head: 'Account' }, { head: 'Credits', is: 'number' }, { head: 'Placed' }, { head: 'Lease ended' }],
  holds.map(({ accountId, holdId, amount, placedAtMs, expiresAtMs }) => [holdLink(accountId, holdId), accountLink(accountId), credits(amount), when(placedAtMs, nowMs), when(expiresAtMs, nowMs)]),
  'None: every hold ended within its lease.',
);

const findingsTable = (findings: readonly Finding[], nowMs: number): Html => table(
  'Differences', [{ head: 'Account' }, { head: 'Check' }, { head: 'Expected', is: 'text' }, { head: 'Found', is: 'text' }, { head: 'Micros', is: 'number' }, { head: 'First seen' }, { head: 'Last seen' }],
  findings.map((each) => [each.accountId === '' ? 'all together' : accountLink(each.accountId), whereOf(each), each.expected, each.actual, count(each.differenceMicros), when(each.firstSeenAtMs, nowMs), when(each.lastSeenAtMs, nowMs)]),
  'None.',
);

const whereOf = ({ check, shard, seq }: Finding): string =>
  `${check}${shard === null ? '' : `, shard ${shard}`}${seq === null ? '' : `, entry ${seq}`}`;

const frozenTable = (frozen: readonly FrozenAccount[], nowMs: number): Html => table(
  'Frozen accounts', [{ head: 'Account' }, { head: 'Why', is: 'text' }, { head: 'Who' }, { head: 'Since' }],
  frozen.map(({ accountId, reason, actor, atMs }) => [accountLink(accountId), reason ?? '', actor ?? 'unknown', when(atMs, nowMs)]),
  'None.',
);

const queuesTable = (queues: readonly QueueState[]): Html => table(
  'Queues', [{ head: 'Queue' }, { head: 'Waiting', is: 'number' }, { head: 'Active', is: 'number' }, { head: 'Delayed', is: 'number' }, { head: 'Failed', is: 'number' }, { head: 'Oldest waits', is: 'number' }],
  queues.map(({ name, waiting, active, delayed, failed, oldestSeconds }) => [
    html`<a href="/console/queues/queue/${encodeURIComponent(name)}">${name}</a>`, count(waiting), count(active), count(delayed), count(failed), oldestSeconds === null ? '' : duration(oldestSeconds),
  ]),
  'There are no queues.',
);
