import { GatewayError } from '../../kit/errors.js';
import { AMOUNT_MAX, micros, type Micros } from '../../kit/money/micros.js';
import { modelKey, type ModelBook, type ModelItemDetails, type ModelUsage } from '../prices/model-book.js';
import type { PricedBy, PriceRule } from '../prices/price-tokens.js';
import { classCounts } from '../prices/token-usage.js';

export type PricedUsages = {
  readonly details: readonly ModelItemDetails[];
  /** What each item costs, in the order of `details`. */
  readonly charged: readonly Micros[];
  readonly total: Micros;
  /** Name of the price by model key ('' for usage that names none): finds the very same prices again. */
  readonly prices: Readonly<Record<string, string>>;
  /** The entry that priced each item, in the order of `details`. */
  readonly by: readonly PricedBy[];
};

const keyOf = ({ aiModel }: ModelUsage): string => (aiModel === undefined ? '' : modelKey(aiModel));

/**
 * Prices the items of one settlement: each rounded up by itself, then summed (docs/contracts/credits-process.md#end). With the names of an
 * earlier settlement at its prices, so that a repeat is told what the first was told, whatever the book says by now.
 *
 * @throws GatewayError invalid_request (a model that may not be sold, a class of tokens without a price), limit_exceeded. All or
 *   nothing: no item is charged when one has no price.
 */
export function priceUsages(book: ModelBook, usages: readonly ModelUsage[], earlier: Readonly<Record<string, string>> = {}): PricedUsages {
  const prices = new Map<string, string>(Object.entries(earlier));
  const items = usages.map((usage) => {
    const key = keyOf(usage);
    const name = prices.get(key);
    const item = name === undefined ? book.item(usage) : book.itemNamed(name, usage);
    prices.set(key, item.price);
    return item;
  });
  const total = items.reduce((sum, { charged }) => sum + charged, 0);
  if (total > AMOUNT_MAX) throw new GatewayError('limit_exceeded', 'this usage costs more than one operation may move');
  return {
    details: items.map(({ details }) => details), charged: items.map(({ charged }) => charged), total: micros(total),
    // Own properties by construction: a model called __proto__ is a model like any other.
    prices: Object.fromEntries(prices),
    by: items.map(({ by }) => by),
  };
}

/** What a use of several models is recorded as: one line per model, however many items there were. */
export type ModelSum = {
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly charged: Micros;
  /** Tokens by class, where more than plain ones were used. */
  readonly classes: Readonly<Record<string, number>> | null;
  /** The entry whose price it is, where it is not the model's own. */
  readonly pricedBy: { readonly model: string; readonly rule: PriceRule } | null;
};

export function sumByModel(usages: readonly ModelUsage[], { charged, by }: PricedUsages): ModelSum[] {
  const sums = new Map<string, { input: number; output: number; cost: number; classes: Map<string, number>; by: PricedBy | undefined }>();
  usages.forEach((usage, index) => {
    const sum = sums.get(keyOf(usage)) ?? { input: 0, output: 0, cost: 0, classes: new Map<string, number>(), by: by[index] };
    sums.set(keyOf(usage), sum);
    sum.input += usage.inputTokens;
    sum.output += usage.outputTokens;
    sum.cost += charged[index] ?? 0;
    for (const [each, count] of Object.entries(classCounts(usage))) sum.classes.set(each, (sum.classes.get(each) ?? 0) + count);
  });
  return [...sums].map(([model, { input, output, cost, classes, by: entry }]) => ({
    model, inputTokens: input, outputTokens: output, charged: micros(cost),
    classes: [...classes.keys()].every((each) => each === 'input' || each === 'output') ? null : Object.fromEntries(classes),
    pricedBy: entry === undefined || entry.rule === 'exact' ? null : { model: entry.model, rule: entry.rule },
  }));
}
