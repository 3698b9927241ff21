import type { LabelOf } from '../kit/metrics/bounded-labels.js';
import type { LabelsOf } from '../kit/metrics/catalogue.js';
import type { Meter } from '../kit/metrics/metrics.js';
import { MICROS_PER_CREDIT } from '../kit/money/micros.js';
import type { EntryKind, JournalEntry } from '../ledger/entry.js';
import { modelUses } from './model-uses.js';
import { LEASE_END_REASONS, type LeaseEndReason } from '../ledger/facts.js';
import type { WrittenEntry } from './write-batch.js';

type Flow = LabelsOf<'credits'>['flow'];
type Ending = LabelsOf<'holdsEnded'>['ending'];

const ENDINGS: Partial<Readonly<Record<EntryKind, Ending>>> = {
  settle: 'settled', void: 'voided', expire_hold: 'expired', late_settle: 'late_settled', give_back: 'late_settled', correct: 'corrected',
};

const MS_PER_SECOND = 1_000;

/** The sums of one model. */
type ModelSums = { held: number; captured: number; tokens: number; messages: number };

/**
 * Counts entries in the metrics of money, once Postgres has them: an entry is committed once, so it counts once, and no
 * request waits for it. Adds up a batch first, because a counter costs more than an addition and a batch has up to a
 * thousand entries. The sums are floating-point, like all metrics; exact amounts are in the books (of models:
 * books/model-hours.table.ts). Never throws for the content of an entry.
 */
export function countEntries(meter: Meter, labelOf: LabelOf, entries: readonly WrittenEntry[]): void {
  const flows: Record<Flow, number> = {
    granted: 0, captured: 0, expired: 0, removed: 0, held: 0, released: 0, overage: 0, debt: 0, debt_paid: 0, uncollected: 0,
    refused: 0, refunded: 0, given_back: 0,
  };
  const ended: Record<Ending, number> = { settled: 0, voided: 0, expired: 0, late_settled: 0, corrected: 0 };
  const models = new Map<string, ModelSums>();
  let placed = 0;
  for (const written of entries) {
    const { entry, placedAtMs } = written;
    addFlows(flows, entry);
    if (entry.kind === 'place') placed += 1;
    const ending = ENDINGS[entry.kind];
    if (ending !== undefined) ended[ending] += 1;
    // Late-settled and corrected holds had ended before.
    if (ending !== undefined && ending !== 'late_settled' && ending !== 'corrected' && placedAtMs !== null) {
      meter.observe('holdSeconds', { ending }, Math.max(0, entry.atMs - placedAtMs) / MS_PER_SECOND);
    }
    if (written.facts.type === 'lease_end') meter.count('leasesEnded', { reason: reasonOf(written.facts.reason) }, 1);
    addModels(models, labelOf, written);
  }
  meter.count('holdsPlaced', {}, placed);
  for (const [ending, count] of Object.entries(ended) as [Ending, number][]) meter.count('holdsEnded', { ending }, count);
  for (const [flow, amount] of Object.entries(flows) as [Flow, number][]) meter.count('credits', { flow }, amount / MICROS_PER_CREDIT);
  for (const [model, { held, captured, tokens, messages }] of models) {
    meter.count('modelHeld', { model }, held / MICROS_PER_CREDIT);
    meter.count('modelCaptured', { model }, captured / MICROS_PER_CREDIT);
    meter.count('modelTokens', { model }, tokens);
    meter.count('modelMessages', { model }, messages);
  }
}

const reasonOf = (told: string | null): LeaseEndReason | 'none' => LEASE_END_REASONS.find((each) => each === told) ?? 'none';

function addFlows(flows: Record<Flow, number>, entry: JournalEntry): void {
  const { held, debt, captured, overage, expired } = entry;
  flows.granted += entry.granted;
  // A refund and a giving back take from what was captured; counters only grow.
  if (captured >= 0) flows.captured += captured;
  else flows[entry.kind === 'give_back' ? 'given_back' : 'refunded'] -= captured;
  flows.expired += expired;
  flows.removed += entry.removed;
  flows.overage += overage;
  // A charge that collects refused usage has a negative amount here; counters only grow.
  flows[entry.kind === 'refuse_usage' ? 'refused' : 'uncollected'] += Math.max(0, entry.uncollected);
  if (debt > 0) flows.debt += debt;
  else flows.debt_paid -= debt;
  if (held > 0) flows.held += held;
  // The part of a hold that was neither captured nor expired with its lot was released.
  else if (held < 0) flows.released += Math.max(0, 0 - held - (captured - overage) - expired);
}

function addModels(sumsOf: Map<string, ModelSums>, labelOf: LabelOf, written: WrittenEntry): void {
  for (const { model, messages, tokens, held, captured } of modelUses(written)) {
    const label = labelOf(model);
    let sums = sumsOf.get(label);
    if (sums === undefined) sumsOf.set(label, sums = { held: 0, captured: 0, tokens: 0, messages: 0 });
    sums.held += held;
    sums.captured += Math.max(0, captured);
    sums.tokens += tokens;
    sums.messages += messages;
  }
}
