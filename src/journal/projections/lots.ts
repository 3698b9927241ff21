import { changeLots, insertLots, type LotDelta, type NewLot } from '../../books/lot.table.js';
import { joined } from '../../kit/ids.js';
import { micros } from '../../kit/money/micros.js';
import type { JournalEntry } from '../../ledger/entry.js';
import type { Facts } from '../../ledger/facts.js';
import type { PlacedEntry } from '../fold-accounts.js';
import { Contradiction } from '../shard-fault.js';
import { oncePerBatch, type Projection } from './projection.js';

const lotsOf = oncePerBatch(({ fresh, factsOf }) => foldLots(fresh, factsOf));

export const openedLots: Projection<readonly NewLot[]> = {
  name: 'opened lots',
  fold: (batch, trx) => lotsOf(batch, trx).opened,
  write: insertLots,
};

export const changedLots: Projection<readonly LotDelta[]> = {
  name: 'changed lots',
  fold: (batch, trx) => lotsOf(batch, trx).changed,
  write: async (trx, rows) => {
    if (!await changeLots(trx, rows)) throw new Contradiction('an entry changes a lot that was never opened');
  },
};

export type FoldedLots = { readonly opened: readonly NewLot[]; readonly changed: readonly LotDelta[] };

/** What a batch makes of lots: those it opens, with all that happened to them since, and the deltas of the others. */
export function foldLots(fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => Facts): FoldedLots {
  const opened = new Map<string, NewLot>();
  const changed = new Map<string, LotDelta>();
  for (const { entry } of fresh) {
    const { accountId, atMs } = entry;
    const revokedAtMs = entry.kind === 'revoke' ? atMs : null;
    for (const { lotId, remaining, held, opened: facts } of entry.lots) {
      const name = joined(accountId, lotId);
      const known = opened.get(name);
      if (facts !== null && known === undefined) {
        const { source, actor, reason, notes } = factsOf(entry);
        opened.set(name, {
          accountId, lotId, amount: facts.amount, remaining, held, grantedAtMs: atMs, expiresAtMs: facts.expiresAtMs,
          openedSeq: entry.seq, kind: entry.kind, source, actor, reason, notes, changedAtMs: atMs,
          rule: facts.rule,
        });
      } else if (known !== undefined) {
        opened.set(name, {
          ...known, remaining: micros(known.remaining + remaining), held: micros(known.held + held), changedAtMs: atMs,
          expiresAtMs: revokedAtMs ?? known.expiresAtMs,
        });
      } else {
        const before = changed.get(name);
        changed.set(name, {
          accountId, lotId, changedAtMs: atMs, revokedAtMs: revokedAtMs ?? before?.revokedAtMs ?? null,
          remaining: micros((before?.remaining ?? 0) + remaining), held: micros((before?.held ?? 0) + held),
        });
      }
    }
  }
  return { opened: [...opened.values()], changed: [...changed.values()] };
}
