import type { Keyspace } from '../../../src/ledger/keys.js';
import { finding, type Finding } from '../../support/finding.js';
import type { Faults } from './breakage.js';
import type { Tap, TappedEntry } from './journal-tap.js';
import type { Op } from './record.js';
import type { LossRow, ToldBooks } from './told-books.js';

/** What excuses that something acknowledged is missing. Each excuse is as narrow as what the gateway tells of its losses. */
export type NamedLosses = {
  /**
   * Whether a loss that the gateway has named covers this missing operation. The loss is of its shard; its window and the time
   * of the operation overlap; it counts an entry of the account, or one of no named account, that no other missing operation has
   * taken; and the entry was in Redis' journal when that was lost, if it could be read then. Call it once for each operation.
   */
  covers(op: Op): boolean;
  /** Whether the shard was loaded from Postgres again after this was sent: what is never journaled is gone then. */
  wasReloadedAfter(op: Op): boolean;
  readonly covered: () => number;
  /** That no loss names more than was there, and that none is named without a fault. */
  findings(): Finding[];
};

/** Redis stamps entries with its clock, which is this machine's. */
const CLOCK_MS = 5;

/** When Redis may lose something. The last entry that it loses may be written at the end of that time. */
export type LosingTime = { readonly fromMs: number; readonly untilMs: number };

/** Whether a loss was noticed after one of these times began, and nothing that it lost was written after that ended. */
export const causedBy = (times: readonly LosingTime[]): Faults['mayCause'] => ({ toMs, noticedMs }) =>
  times.some(({ fromMs, untilMs }) => fromMs <= noticedMs + CLOCK_MS && (toMs ?? 0) <= untilMs + CLOCK_MS);

type Loss = LossRow & { readonly left: Map<string, number>; unnamed: number; readonly taps: readonly Tap[] };

export type LossFacts = Pick<Faults, 'taps' | 'mayCause'> & { readonly keys: Keyspace };

export function namedLosses({ losses: rows, entries }: ToldBooks, { keys, taps, mayCause }: LossFacts): NamedLosses {
  const losses = rows.map((row): Loss => ({
    ...row, left: new Map(Object.entries(row.accounts)), unnamed: row.entries - sum(Object.values(row.accounts)), taps: tapsOf(row, taps),
  }));
  let covered = 0;

  return {
    covers(op) {
      const { account, firstSentMs, endedMs } = op;
      // The latest first: an entry that was lost before the last try was written again by it.
      const loss = losses.toReversed().find((each) => each.shard === keys.shardOf(account)
        && ((each.left.get(account) ?? 0) > 0 || each.unnamed > 0)
        && (each.fromMs ?? 0) <= endedMs + CLOCK_MS && (each.toMs ?? 0) >= firstSentMs - CLOCK_MS
        && (each.taps.length === 0 || each.taps.some((tap) => mayHave(tap, op))));
      if (loss === undefined) return false;
      const left = loss.left.get(account) ?? 0;
      if (left > 0) loss.left.set(account, left - 1);
      else loss.unnamed -= 1;
      covered += 1;
      return true;
    },
    wasReloadedAfter: ({ account, firstSentMs }) =>
      rows.some(({ shard, noticedMs }) => shard === keys.shardOf(account) && noticedMs >= firstSentMs - CLOCK_MS),
    covered: () => covered,
    findings() {
      const most = finding('a named loss counts no more than Redis had, and Postgres has not');
      const inPostgres = new Set(entries.map(({ account, epoch, seq }) => `${account} ${epoch} ${seq}`));
      for (const loss of losses) {
        const tap = loss.taps.findLast(({ isFinal }) => isFinal);
        if (tap === undefined) continue;
        const gone = tap.entries.filter(({ accountId, seq }) => !inPostgres.has(`${accountId} ${tap.epoch} ${seq}`)).length;
        most.compare(loss.entries <= gone, () => `${nameOf(loss)}: ${gone} entries were lost`);
      }
      const caused = finding('an epoch ends only after a fault by which Redis may lose something of its shard');
      for (const row of rows) caused.compare(mayCause(row), () => nameOf(row));
      return [most.done(), caused.done()];
    },
  };
}

/** What was read of the epoch at or after the end of the loss. A later loss of the same epoch has later entries. */
const tapsOf = ({ shard, epoch, toMs }: LossRow, taps: readonly Tap[]): Tap[] =>
  taps.filter((tap) => tap.shard === shard && tap.epoch === epoch && tap.tappedMs >= (toMs ?? 0) - CLOCK_MS);

const mayHave = ({ entries, isFinal, beganMs }: Tap, op: Op): boolean =>
  (!isFinal && op.endedMs >= beganMs) || entries.some((entry) => entry.accountId === op.account && isOf(entry, op));

function isOf({ kind, key, holdId, about }: TappedEntry, op: Op): boolean {
  if (op.kind === 'place' || op.kind === 'progress') return kind === op.kind && holdId === op.hold;
  return op.kind === 'once' ? kind === 'charge' && about.includes(op.key) : key.slice(key.lastIndexOf(':') + 1) === op.key;
}

const sum = (counts: readonly number[]): number => counts.reduce((total, each) => total + each, 0);
const nameOf = ({ shard, epoch, entries, fromMs, toMs, noticedMs }: LossRow): string =>
  `shard ${shard}, epoch ${epoch}, ${entries} entries from ${timeOf(fromMs)} to ${timeOf(toMs)}, noticed at ${timeOf(noticedMs)}`;
const timeOf = (ms: number | null): string => (ms === null ? 'the beginning' : new Date(ms).toISOString());
