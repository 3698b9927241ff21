import { onUnknown, type UnknownModelPolicy } from '../../config/unknown-model.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { parsePriceName, priceName } from '../../ledger/price-name.js';
import { foldName, otherNames } from './model-names.js';
import type { PriceHistory, StoredPrice } from './price-history.js';
import { priceResolver, type Resolve } from './price-resolver.js';
import type { Price, PriceRule } from './price-tokens.js';
import { ANY_MODEL } from './price.js';

export type PriceFinderDeps = {
  readonly history: PriceHistory;
  readonly clock: Clock;
  readonly unknownModel: UnknownModelPolicy;
  /** Told when a name points at a version that this process has not read yet. */
  readonly behind: () => void;
  /** Told of each price that is given out, to count how often a default is. */
  readonly priced: (book: string, rule: PriceRule) => void;
};

export type FoundPrice = { readonly price: Price; readonly stored: StoredPrice };

/** Finds prices in the books of this process: by model now, or by name for ever. Never waits, never asks Postgres. */
export interface PriceFinder {
  readonly history: PriceHistory;
  readonly clock: Clock;
  /** @throws GatewayError invalid_request for a model that is inactive, ambiguous, or unknown where that is refused. */
  priceOf(book: string, provider: string, model: string): FoundPrice;
  /** Told of a price that is given out; `priceOf` does so itself. */
  readonly priced: (book: string, rule: PriceRule) => void;
  /** Which entry prices a model. Throws for an ambiguous name only. */
  readonly resolve: Resolve;
  /**
   * The price with that name. Throws RangeError for a name no book ever gave, and GatewayError ledger_unavailable when
   * another process gave it a moment ago and this one has yet to read it: nothing happened, and a retry finds it.
   */
  named(book: string, name: string): FoundPrice;
}

export function priceFinder({ history, clock, unknownModel, behind, priced }: PriceFinderDeps): PriceFinder {
  const resolve = priceResolver({ history, clock, refusesUnknown: (book) => onUnknown(unknownModel, book) === 'refuse' });
  return {
    history,
    clock,
    resolve,
    priced,
    priceOf: (book, provider, model) => {
      const found = resolve(book, provider, model);
      switch (found.status) {
        case 'found':
          priced(book, found.rule);
          return { price: toPrice(found.stored, model, found.rule), stored: found.stored };
        case 'inactive':
          throw invalid('model', `the price of model "${model}" is not active`);
        case 'unknown':
          throw invalid('model', `no price is known for model "${model}"`);
      }
    },
    named: (book, name) => {
      const parsed = parsePriceName(name);
      const stored = history.byVersion(parsed.version);
      if (parsed.version > history.lastVersion()) {
        behind();
        throw new GatewayError('ledger_unavailable', 'this price has not reached this process yet; try again', { outcome: 'not_executed' });
      }
      if (parsed.book !== book || stored?.row.book !== book) throw new RangeError(`no such price: ${name}`);
      return { price: toPrice(stored, parsed.model, ruleBetween(history, stored, parsed.model)), stored };
    },
  };
}

export function toPrice({ row, rate }: StoredPrice, modelId: string, rule: PriceRule): Price {
  const { book, provider, model, version, marginPercent, maxInputTokens, maxOutputTokens } = row;
  return {
    name: priceName(book, version, modelId), modelId, rate, marginPercent, maxInputTokens, maxOutputTokens,
    by: { book, provider, model, version, rule, isDefault: rule === 'default' },
  };
}

/** By which rule a name led to an entry at the time: a price's name tells the model that was asked for and the version. */
function ruleBetween(history: PriceHistory, { row }: StoredPrice, asked: string): PriceRule {
  if (row.model === ANY_MODEL) return 'default';
  if (row.model === asked) return 'exact';
  const folded = foldName(row.model);
  if (foldName(asked) === folded) return 'case';
  const other = otherNames(asked).find(({ name }) => foldName(name) === folded);
  if (other !== undefined) return other.rule;
  return history.wasAlias(row.book, asked, row.model) ? 'alias' : 'default';
}
