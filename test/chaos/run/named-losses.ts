import type { Keyspace } from '../../../src/ledger/keys.js';
import { finding, type Finding } from '../../support/finding.js';
import type { Faults } from './breakage.js';
import type { Op } from './record.js';
import type { LossRow, ToldBooks } from './told-books.js';

export type NamedLosses = {
  /** Whether a loss that the gateway has named covers an acknowledged operation that is missing: its shard, its account, its time. */
  covers(op: Op): boolean;
  /** The same for an answer that follows from a loss, which is no missing operation itself. */
  explains(op: Op): boolean;
  readonly covered: () => number;
  /** That no loss names less than is missing, or more than was there. */
  findings(): Finding[];
};

/** Redis stamps entries with its clock, which is this machine's. */
const CLOCK_MS = 5;

export function namedLosses({ losses, entries }: ToldBooks, keys: Keyspace, { lost: tapped, mayEnd }: Pick<Faults, 'lost' | 'mayEnd'>): NamedLosses {
  const missing = new Map<LossRow, number>();
  let covered = 0;
  const isNamed = ({ accounts, entries: count }: LossRow, account: string): boolean =>
    account in accounts || Object.values(accounts).reduce((sum, each) => sum + each, 0) < count;
  const lossOf = (op: Op): LossRow | undefined => losses.find((each) =>
    each.shard === keys.shardOf(op.account) && each.entries > 0 && isNamed(each, op.account)
      && (each.fromMs ?? 0) <= op.endedMs + CLOCK_MS && (each.toMs ?? 0) >= op.firstSentMs - CLOCK_MS);
  return {
    explains: (op) => losses.some(({ shard, entries: count }) => count > 0 && shard === keys.shardOf(op.account)),
    covers(op) {
      const loss = lossOf(op);
      if (loss === undefined) return false;
      missing.set(loss, (missing.get(loss) ?? 0) + 1);
      covered += 1;
      return true;
    },
    covered: () => covered,
    findings() {
      const least = finding('a named loss counts at least the acknowledged operations that are missing');
      for (const [loss, count] of missing) {
        least.compare(count <= loss.entries, () => `${nameOf(loss)}: ${count} acknowledged operations are missing`);
      }
      const most = finding('a named loss counts no more than Redis had, and Postgres has not');
      const inPostgres = new Set(entries.map(({ account, epoch, seq }) => `${account} ${epoch} ${seq}`));
      const gone = tapped.filter(({ accountId, epoch, seq }) => !inPostgres.has(`${accountId} ${epoch} ${seq}`));
      // A later loss of the same epoch, of which nothing was read before, has later entries.
      const tappedAtMs = new Map(tapped.map(({ shard, epoch, tappedMs }) => [`${shard} ${epoch}`, tappedMs]));
      for (const loss of losses.filter(({ shard, epoch, toMs }) => (tappedAtMs.get(`${shard} ${epoch}`) ?? 0) >= (toMs ?? 0) - CLOCK_MS
        && tappedAtMs.has(`${shard} ${epoch}`))) {
        const there = gone.filter(({ shard, epoch }) => shard === loss.shard && epoch === loss.epoch).length;
        most.compare(loss.entries <= there, () => `${nameOf(loss)}: ${there} entries were lost`);
      }
      const reasoned = finding('no epoch ends but of a shard that a fault has hit, at that time');
      for (const loss of losses) reasoned.compare(mayEnd(loss), () => `${nameOf(loss)}, noticed ${timeOf(loss.noticedMs)}`);
      return [least.done(), most.done(), reasoned.done()];
    },
  };
}

const nameOf = ({ shard, epoch, entries, fromMs, toMs }: LossRow): string =>
  `shard ${shard}, epoch ${epoch}, ${entries} entries from ${timeOf(fromMs)} to ${timeOf(toMs)}`;
const timeOf = (ms: number | null): string => (ms === null ? 'the beginning' : new Date(ms).toISOString());
