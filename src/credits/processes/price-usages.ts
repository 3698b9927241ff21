import { GatewayError } from '../../kit/errors.js';
import { AMOUNT_MAX, micros, type Micros } from '../../kit/money/micros.js';
import { modelKey, type ModelBook, type ModelItemDetails, type ModelUsage } from '../prices/model-book.js';

export type PricedUsages = {
  readonly details: readonly ModelItemDetails[];
  /** What each item costs, in the order of `details`. */
  readonly charged: readonly Micros[];
  readonly total: Micros;
  /** Name of the price by model key ('' for usage that names none): finds the very same prices again. */
  readonly prices: Readonly<Record<string, string>>;
};

const keyOf = ({ aiModel }: ModelUsage): string => (aiModel === undefined ? '' : modelKey(aiModel));

/**
 * Prices the items of one settlement: each rounded up by itself, then summed (docs/contracts/credits-process.md#end). With the names of an
 * earlier settlement at its prices, so that a repeat is told what the first was told, whatever the book says by now.
 *
 * @throws GatewayError invalid_request (a model that may not be sold), limit_exceeded. All or nothing: no item is
 *   charged when one has no price.
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
  };
}

/** What a use of several models is recorded as: one line per model, however many items there were. */
export type ModelSum = readonly [model: string, inputTokens: number, outputTokens: number, charged: Micros];

export function sumByModel(usages: readonly ModelUsage[], charged: readonly Micros[]): ModelSum[] {
  const sums = new Map<string, [number, number, number]>();
  usages.forEach((usage, index) => {
    const [input, output, cost] = sums.get(keyOf(usage)) ?? [0, 0, 0];
    sums.set(keyOf(usage), [input + usage.inputTokens, output + usage.outputTokens, cost + (charged[index] ?? 0)]);
  });
  return [...sums].map(([model, [input, output, cost]]) => [model, input, output, micros(cost)]);
}
