import { onUnknown, type UnknownModelPolicy } from '../../config/unknown-model.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { parsePriceName, priceName } from '../../ledger/price-name.js';
import type { PriceHistory, StoredPrice } from './price-history.js';
import type { Price } from './rate.js';

export type PriceFinderDeps = {
  readonly history: PriceHistory;
  readonly clock: Clock;
  readonly unknownModel: UnknownModelPolicy;
  /** Told when a name points at a version that this process has not read yet. */
  readonly behind: () => void;
};

/** Finds prices in the books of this process: by model now, or by name for ever. Never waits, never asks Postgres. */
export interface PriceFinder {
  readonly history: PriceHistory;
  readonly clock: Clock;
  /** @throws GatewayError invalid_request for a model that is inactive, or unknown where that is refused. */
  priceOf(book: string, provider: string, model: string): { readonly price: Price; readonly stored: StoredPrice; readonly isOwn: boolean };
  /** The same, with null for a model without a price. Inactive ones are found: the caller decides. */
  look(book: string, provider: string, model: string): { readonly stored: StoredPrice; readonly isOwn: boolean } | null;
  /**
   * The price with that name. Throws RangeError for a name no book ever gave, and GatewayError ledger_unavailable when
   * another process gave it a moment ago and this one has yet to read it: nothing happened, and a retry finds it.
   */
  named(book: string, name: string): { readonly price: Price; readonly stored: StoredPrice };
}

export function priceFinder({ history, clock, unknownModel, behind }: PriceFinderDeps): PriceFinder {
  const find = (book: string, provider: string, model: string) =>
    history.find(book, provider, model, clock(), onUnknown(unknownModel, book) === 'refuse');
  return {
    history,
    clock,
    priceOf: (book, provider, model) => {
      const found = find(book, provider, model);
      switch (found.status) {
        case 'found':
          return { price: toPrice(found.stored, model), stored: found.stored, isOwn: found.isOwn };
        case 'inactive':
          throw invalid('model', `the price of model "${model}" is not active`);
        case 'unknown':
          throw invalid('model', `no price is known for model "${model}"`);
      }
    },
    look: (book, provider, model) => {
      const found = find(book, provider, model);
      switch (found.status) {
        case 'found': return { stored: found.stored, isOwn: found.isOwn };
        case 'inactive': return { stored: found.stored, isOwn: true };
        case 'unknown': return null;
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
      return { price: toPrice(stored, parsed.model), stored };
    },
  };
}

export const toPrice = ({ row, rate }: StoredPrice, modelId: string): Price => ({
  name: priceName(row.book, row.version, modelId), modelId, rate,
});
