import type { Finding } from '../../journal/reconcile/finding.table.js';
import type { ReconcileState } from '../../journal/reconcile/reconcile-state.table.js';
import { LISTED_MAX, type Known, type Overview } from './overview.js';
import { count, duration, type Level } from './parts.js';

/** One figure of the overview: its value as a word or a number, and a note that explains it. */
export type Sign = { readonly title: string; readonly value: string; readonly note: string; readonly level: Level };

const LAG_NOTICE_SECONDS = 2;
export const LAG_BAD_SECONDS = 15;
const WAITING_NOTICE_SECONDS = 30;
/** The reconciler runs every five seconds. */
const COMPARED_NOTICE_SECONDS = 60;

/** What the runbook says about a figure: its section, by anchor. */
const SECTIONS: Readonly<Record<string, string>> = {
  'Redis': 'redis-down', 'Postgres': 'postgres-down', 'Redis memory': 'redis-memory', 'Journal': 'journal-lag',
  'Stuck holds': 'holds-overdue', 'Drift': 'drift', 'Stopped shards': 'shard-stopped', 'Lost entries': 'journal-lost',
  'Frozen accounts': 'accounts-frozen', 'Queues': 'queue-age', 'Dead letters': 'dead-letters', 'Money pending': 'money-in-pending',
  'Quarantine': 'quarantine',
};

/** Where the runbook says what to do about a figure that is not good; null for one that is. */
export const runbookOf = ({ title, level }: Sign): string | null => {
  const section = SECTIONS[title];
  return level === 'good' || level === 'unknown' || section === undefined ? null : `/console/runbook#${section}`;
};

/** The figures of the overview, in their order. */
export function signsOf(overview: Overview): Sign[] {
  const {
    readAtMs, readiness: { checks }, postgres, lag, holds, stoppedShards, losses, overdue, findings, reconciled, frozen, queues,
    deadLetters, quarantined, pendingMoney,
  } = overview;
  const isRedisUp = checks['redis']?.ok === true && checks['ledger']?.ok === true;
  return [
    {
      title: 'Redis', value: isRedisUp ? 'up' : 'down',
      note: `ledger ${checks['ledger']?.detail ?? 'unknown'}; ${checks['redis']?.detail ?? ''}`,
      level: isRedisUp ? 'good' : 'bad',
    },
    {
      title: 'Postgres', value: 'value' in postgres ? 'up' : 'down',
      note: 'value' in postgres ? 'answers' : 'grants are refused; holds continue', level: 'value' in postgres ? 'good' : 'bad',
    },
    ...(checks['memory']?.ok === false ? [
      { title: 'Redis memory', value: 'high', note: checks['memory'].detail, level: 'bad' as const },
    ] : []),
    sign('Journal', lag, ({ entries, seconds }) => ({
      value: seconds < 1 ? 'up to date' : `${duration(seconds)} behind`,
      note: entries === 1 ? '1 entry waits for Postgres' : `${count(entries)} entries wait for Postgres`,
      level: seconds >= LAG_BAD_SECONDS ? 'bad' : seconds >= LAG_NOTICE_SECONDS ? 'notice' : 'good',
    })),
    sign('Open holds', holds, ({ open }) => ({ value: count(open), note: 'answers in progress', level: 'good' })),
    sign('Stuck holds', overdue, ({ length }) => ({
      value: atMost(length), note: 'still open after their lease ended', level: length === 0 ? 'good' : 'bad',
    })),
    driftSign(findings, reconciled, readAtMs),
    sign('Stopped shards', stoppedShards, ({ length }) => ({
      value: count(length), note: 'their journal is not written to Postgres', level: length === 0 ? 'good' : 'bad',
    })),
    sign('Lost entries', losses, (rows) => ({
      value: count(rows.reduce((sum, { entries }) => sum + entries, 0)),
      note: rows.length === 0 ? 'Redis has lost no entries' : 'acknowledged by Redis, then lost', level: rows.length === 0 ? 'good' : 'bad',
    })),
    sign('Frozen accounts', frozen, ({ length }) => ({
      value: atMost(length), note: 'all writes are refused until thawed', level: length === 0 ? 'good' : 'notice',
    })),
    sign('Queues', queues, (states) => {
      const oldest = Math.max(0, ...states.map(({ oldestSeconds }) => oldestSeconds ?? 0));
      const waiting = states.reduce((sum, each) => sum + each.waiting, 0);
      return {
        value: `${count(waiting)} waiting`, note: waiting === 0 ? 'no jobs wait' : `the oldest for ${duration(oldest)}`,
        level: oldest >= WAITING_NOTICE_SECONDS ? 'bad' : 'good',
      };
    }),
    sign('Dead letters', deadLetters, (dead) => ({
      value: count(dead), note: 'failed settlements of BullMQ; the page has those of RabbitMQ, too', level: dead === 0 ? 'good' : 'bad',
    })),
    sign('Money pending', pendingMoney, ({ count: pending, oldestSeconds }) => ({
      value: count(pending), note: pending === 0 ? 'every grant is in the ledger' : `the oldest for ${duration(oldestSeconds)}`,
      level: pending === 0 ? 'good' : oldestSeconds >= WAITING_NOTICE_SECONDS ? 'bad' : 'notice',
    })),
    sign('Quarantine', quarantined, (texts) => ({
      value: count(texts), note: 'descriptions set aside; their amounts are in the ledger', level: texts === 0 ? 'good' : 'notice',
    })),
  ];
}

/** An empty list of findings is only good when a comparison ran recently. */
function driftSign(findings: Known<readonly Finding[]>, reconciled: Known<ReconcileState>, nowMs: number): Sign {
  const last = 'value' in reconciled ? reconciled.value : null;
  const lastAtMs = last?.lastBatchAtMs ?? null;
  const agoSeconds = lastAtMs === null ? null : Math.max(0, (nowMs - lastAtMs) / 1_000);
  return sign('Drift', findings, ({ length }) => ({
    value: atMost(length),
    note: last === null
      ? 'time of the last comparison unknown'
      : agoSeconds === null ? 'nothing compared yet' : `compared ${duration(agoSeconds)} ago; ${roundOf(last, nowMs)}`,
    level: length > 0 ? 'bad' : agoSeconds === null || agoSeconds >= COMPARED_NOTICE_SECONDS ? 'notice' : 'good',
  }));
}

const roundOf = ({ lastRoundAtMs, lastRoundAccounts }: ReconcileState, nowMs: number): string =>
  (lastRoundAtMs === null
    ? 'first round in progress'
    : `last round of ${count(lastRoundAccounts ?? 0)} accounts ${duration(Math.max(0, (nowMs - lastRoundAtMs) / 1_000))} ago`);

const sign = <T>(title: string, known: Known<T>, say: (value: T) => Omit<Sign, 'title'>): Sign =>
  ('value' in known ? { title, ...say(known.value) } : { title, value: known.missing, note: 'state unknown', level: 'unknown' });

const atMost = (length: number): string => (length > LISTED_MAX ? `more than ${LISTED_MAX}` : count(length));
