import type { EntryKind, JournalEntry } from '../journal/entry.js';
import type { WrittenEntry } from '../journal/write-batch.js';
import { MICROS_PER_CREDIT } from '../money/micros.js';
import type { LabelOf } from './bounded-labels.js';
import type { LabelsOf } from './catalogue.js';
import type { Meter } from './metrics.js';
import { modelUses } from './model-uses.js';

type Flow = LabelsOf<'credits'>['flow'];
type Ending = LabelsOf<'holdsEnded'>['ending'];

const ENDINGS: Partial<Readonly<Record<EntryKind, Ending>>> = { settle: 'settled', void: 'voided', expire_hold: 'expired', late_settle: 'late_settled' };
/** Somebody used a model and paid for it. Whoever voids a hold, or lets it expire, has not said so. */
const IS_MESSAGE: ReadonlySet<EntryKind> = new Set(['settle', 'late_settle', 'charge']);

const MS_PER_SECOND = 1_000;

/**
 * Counts what entries mean in money, once Postgres has them: an entry is committed once, so it counts once, and no
 * request waits for it. Sums are made here first, because a counter costs more than an addition and a batch has a
 * thousand entries. Never throws for what an entry says.
 */
export function countEntries(meter: Meter, labelOf: LabelOf, entries: readonly WrittenEntry[]): void {
  const flows = new Sums<Flow>();
  const ended = new Sums<Ending>();
  const models = { modelHeld: new Sums<string>(), modelCaptured: new Sums<string>(), modelTokens: new Sums<string>(), modelMessages: new Sums<string>() };
  let placed = 0;
  for (const written of entries) {
    const { entry, placedAtMs } = written;
    addFlows(flows, entry);
    if (entry.kind === 'place') placed += 1;
    const ending = ENDINGS[entry.kind];
    if (ending !== undefined) ended.add(ending, 1);
    // The late one's life ended when it expired.
    if (ending !== undefined && ending !== 'late_settled' && placedAtMs !== null) {
      meter.observe('holdSeconds', { ending }, Math.max(0, entry.atMs - placedAtMs) / MS_PER_SECOND);
    }
    if (ending === undefined && entry.kind !== 'charge') continue;
    for (const { model, tokens, share } of modelUses(written)) {
      const label = labelOf(model);
      models.modelHeld.add(label, share * Math.max(0, 0 - entry.held));
      models.modelCaptured.add(label, share * entry.captured);
      models.modelTokens.add(label, tokens);
      models.modelMessages.add(label, IS_MESSAGE.has(entry.kind) ? 1 : 0);
    }
  }
  meter.count('holdsPlaced', {}, placed);
  for (const [ending, count] of ended) meter.count('holdsEnded', { ending }, count);
  for (const [flow, amount] of flows) meter.count('credits', { flow }, amount / MICROS_PER_CREDIT);
  for (const [model, amount] of models.modelHeld) meter.count('modelHeld', { model }, amount / MICROS_PER_CREDIT);
  for (const [model, amount] of models.modelCaptured) meter.count('modelCaptured', { model }, amount / MICROS_PER_CREDIT);
  for (const [model, tokens] of models.modelTokens) meter.count('modelTokens', { model }, tokens);
  for (const [model, messages] of models.modelMessages) meter.count('modelMessages', { model }, messages);
}

function addFlows(flows: Sums<Flow>, entry: JournalEntry): void {
  const { kind, held, debt, captured, overage, expired } = entry;
  flows.add('granted', entry.granted);
  flows.add('captured', captured);
  flows.add('expired', expired);
  flows.add('removed', entry.removed);
  flows.add('overage', overage);
  flows.add('uncollected', entry.uncollected);
  if (debt > 0) flows.add('debt', debt);
  else flows.add('debt_paid', 0 - debt);
  if (kind === 'place') flows.add('held', held);
  // What of a hold was neither spent nor lost with its lot went back.
  else if (held < 0) flows.add('released', Math.max(0, 0 - held - (captured - overage) - expired));
}

/** Sums by name, in numbers: these are metrics, and exact amounts are in the books. */
class Sums<Name extends string> {
  readonly #sums = new Map<Name, number>();

  add(name: Name, amount: number): void {
    if (amount !== 0 || !this.#sums.has(name)) this.#sums.set(name, (this.#sums.get(name) ?? 0) + amount);
  }

  [Symbol.iterator](): MapIterator<[Name, number]> {
    return this.#sums[Symbol.iterator]();
  }
}
