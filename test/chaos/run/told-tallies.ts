import { finding, type Finding } from '../../support/finding.js';
import type { NamedLosses } from './named-losses.js';
import type { ClientRecord, Op } from './record.js';
import type { HoldRow, ToldBooks } from './told-books.js';
import type { Index } from './told-index.js';

type Tally = { granted: number; captured: number; removed: number };
type Excuses = { readonly losses: NamedLosses; readonly lost: ReadonlySet<Op> };

/** What every account got and paid, by the record of the clients, without what is in a named loss. */
export function auditTallies(record: ClientRecord, { totals }: ToldBooks, { holds, entriesOfKey }: Index, excuses: Excuses): Finding[] {
  const checked = finding("every account was granted, charged and relieved of what the clients' own record says");
  const lapsed = finding('a lease that ended charged what was reported');
  const own = new Map<string, Tally>();
  const add = (account: string, name: keyof Tally, amount: number): void => {
    const tally = own.get(account) ?? { granted: 0, captured: 0, removed: 0 };
    tally[name] += amount;
    own.set(account, tally);
  };
  const settled = new Set<string>();
  const isThere = (op: Op): boolean =>
    (op.state === 'done' && !excuses.lost.has(op)) || (op.state === 'unknown' && entriesOfKey.has(op.key));
  for (const op of record.ops.filter(isThere)) {
    if (op.kind === 'grant') add(op.account, 'granted', op.amount);
    if (op.kind === 'charge' || op.kind === 'once') add(op.account, 'captured', op.amount);
    if (op.kind === 'refund') add(op.account, 'captured', 0 - op.amount);
    if (op.kind === 'transfer') {
      add(op.account, 'removed', op.amount);
      add(op.other, 'granted', op.amount);
    }
    if (op.kind === 'settle' || op.kind === 'void') {
      settled.add(`${op.account} ${op.hold}`);
      add(op.account, 'captured', Number(op.answer['captured'] ?? 0));
    }
  }
  const reports = reportsOf(record);
  for (const [name, rows] of holds) {
    if (settled.has(name)) continue;
    for (const row of rows) {
      add(row.account, 'captured', row.captured);
      lapsed.compare(isLapsed(row, reports.get(name) ?? [], excuses.losses), () =>
        `${name}: ${row.state}, captured ${row.captured} by ${row.policy}, reported ${JSON.stringify(reports.get(name) ?? [])}`);
    }
  }
  for (const { account, granted, captured, removed } of totals) {
    const mine = own.get(account) ?? { granted: 0, captured: 0, removed: 0 };
    checked.compare(mine.granted === granted && mine.captured === captured && mine.removed === removed, () =>
      `${account}: own ${JSON.stringify(mine)}, ledger ${JSON.stringify({ granted, captured, removed })}`);
  }
  return [checked.done(), lapsed.done()];
}

/** The reports of each hold, oldest first. */
function reportsOf({ ops }: ClientRecord): Map<string, Op[]> {
  const found = new Map<string, Op[]>();
  for (const op of ops.filter(({ kind }) => kind === 'progress')) {
    found.set(`${op.account} ${op.hold}`, [...found.get(`${op.account} ${op.hold}`) ?? [], op]);
  }
  return found;
}

/**
 * A hold that its lease has ended: at most what was reported, and at least what was acknowledged, unless Redis has been loaded from
 * Postgres since, which has not every report.
 */
function isLapsed({ state, captured, uncollected, policy }: HoldRow, reports: readonly Op[], losses: NamedLosses): boolean {
  if (state !== 'expired') return false;
  if (policy === 'release') return captured === 0;
  const most = Math.max(0, ...reports.map(({ amount }) => amount));
  const least = Math.max(0, ...reports.filter((op) => op.state === 'done' && !losses.wasReloadedAfter(op)).map(({ amount }) => amount));
  return captured <= most && captured + uncollected >= least;
}
