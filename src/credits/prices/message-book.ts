import { GatewayError, invalid } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import { priceName } from '../../ledger/price-name.js';
import { byText } from './native-book.js';
import type { PriceFinder } from './price-finder.js';
import type { StoredPrice } from './price-history.js';
import type { PriceRule } from './price-tokens.js';
import { MESSAGE_BOOK } from './price.js';
import { roundedUp, type Rate } from './rate.js';
import { decimal, toNumber } from './rational.js';

/** A model's price in the words of the credit service (docs/contracts/chatsparty.md#endpoints), in credits. */
export type ModelPricing = {
  readonly provider: string;
  readonly modelName: string;
  readonly costPerMessage: number;
  readonly costPer1kTokens: number | null;
  readonly isDefaultModel: boolean;
  readonly isActive: boolean;
};

export type MessageUsage = {
  readonly provider: string;
  readonly modelName: string;
  readonly messageCount?: number | undefined;
  readonly tokenCount?: number | undefined;
};

export type MessageCost = {
  readonly totalCost: Micros;
  readonly breakdown: { readonly messageCost?: Micros; readonly tokenCost?: Micros };
  readonly modelPricing: ModelPricing;
  /** Name of the price, for the hold or the charge. */
  readonly price: string;
};

export type PricingFilter = { readonly provider?: string | undefined; readonly isActive?: boolean | undefined };

/** The prices of the credit service: per message, and per 1 000 tokens or part of them (docs/contracts/chatsparty.md#rules). */
export interface MessageBook {
  /**
   * What a usage costs now.
   * @throws GatewayError invalid_request for a model without a price, an inactive one, and counts that are none.
   */
  cost(usage: MessageUsage): MessageCost;
  /** The same at the price of a name that `cost` gave. Throws as `PriceFinder.named`. */
  costNamed(name: string, usage: Omit<MessageUsage, 'provider' | 'modelName'>): MessageCost;
  /** The model's price; the provider's default under the requested name for one it does not know. @throws GatewayError not_found */
  get(provider: string, modelName: string): ModelPricing;
  /** By provider, the default first, then by name. */
  list(filter?: PricingFilter): ModelPricing[];
}

type Looked = { readonly stored: StoredPrice; readonly view: ModelPricing; readonly rule: PriceRule };

/** The token part counts started thousands. */
const BLOCK_TOKENS = 1_000n;

export function messageBook(finder: PriceFinder): MessageBook {
  const { history, clock } = finder;

  const pricing = ({ row }: StoredPrice, modelName: string, isDefaultModel: boolean): ModelPricing => ({
    provider: row.provider,
    modelName,
    costPerMessage: toNumber(decimal(row.prices.message ?? '0')),
    costPer1kTokens: row.prices.input === null ? null : toNumber(decimal(row.prices.input)),
    isDefaultModel,
    isActive: row.state === 'active',
  });

  const look = (provider: string, modelName: string): Looked | null => {
    const found = finder.resolve(MESSAGE_BOOK, provider, modelName);
    if (found.status === 'unknown') return null;
    const { stored } = found;
    const rule = found.status === 'inactive' ? 'exact' : found.rule;
    const isDefault = rule !== 'default' && history.isDefault(stored.row, clock());
    return { stored, rule, view: { ...pricing(stored, modelName, isDefault), provider } };
  };

  return {
    cost: (usage) => {
      const { provider, modelName } = usage;
      const found = look(provider, modelName);
      if (found === null) throw invalid('body.modelName', nothingFound(provider, modelName));
      if (!found.view.isActive) throw invalid('body.modelName', 'Model pricing is not active');
      const { stored, view, rule } = found;
      finder.priced(MESSAGE_BOOK, rule);
      return { ...costAt(stored.rate, usage), modelPricing: view, price: priceName(MESSAGE_BOOK, stored.row.version, modelName) };
    },
    costNamed: (name, usage) => {
      const { price, stored } = finder.named(MESSAGE_BOOK, name);
      return { ...costAt(stored.rate, usage), modelPricing: pricing(stored, price.modelId, stored.row.isDefault), price: name };
    },
    get: (provider, modelName) => {
      const found = look(provider, modelName);
      if (found === null) throw new GatewayError('not_found', nothingFound(provider, modelName));
      return found.view;
    },
    list: ({ provider, isActive } = {}) =>
      history.current(MESSAGE_BOOK, clock())
        .map((stored) => pricing(stored, stored.row.model, history.isDefault(stored.row, clock())))
        .filter((each) => (provider === undefined || each.provider === provider) && (isActive === undefined || each.isActive === isActive))
        .sort((a, b) =>
          byText(a.provider, b.provider) || Number(b.isDefaultModel) - Number(a.isDefaultModel) || byText(a.modelName, b.modelName)),
  };
}

const nothingFound = (provider: string, modelName: string): string => `No pricing found for ${provider}:${modelName}`;

/**
 * messageCount · per message + ceil(tokenCount / 1000) · per 1 000 tokens; neither given → one message. Tokens alone, of
 * a model that has no token price, are one message, too: the original gave them away.
 */
function costAt(
  rate: Rate, { messageCount, tokenCount }: Omit<MessageUsage, 'provider' | 'modelName'>,
): Pick<MessageCost, 'totalCost' | 'breakdown'> {
  const messages = countOf('body.messageCount', messageCount);
  const tokens = countOf('body.tokenCount', tokenCount);
  const perToken = rate.weights.input;
  const tokenCost = tokens === undefined || perToken === null
    ? undefined
    : roundedUp(((tokens + BLOCK_TOKENS - 1n) / BLOCK_TOKENS) * BLOCK_TOKENS * perToken, rate.denominator, rate.roundTo);
  const counted = messages ?? (tokenCost === undefined ? 1n : undefined);
  const messageCost = counted === undefined ? undefined : roundedUp(counted * (rate.weights.message ?? 0n), rate.denominator, rate.roundTo);
  return {
    totalCost: micros((messageCost ?? 0) + (tokenCost ?? 0)),
    breakdown: { ...(messageCost !== undefined && { messageCost }), ...(tokenCost !== undefined && { tokenCost }) },
  };
}

function countOf(path: string, count: number | undefined): bigint | undefined {
  if (count === undefined) return undefined;
  if (!Number.isSafeInteger(count) || count < 0) throw invalid(path, `${path} must be a whole number, 0 or more`);
  return BigInt(count);
}

/** What the credit service answers to calculate-cost: the same in credits. */
export const presentMessageCost = ({ totalCost, breakdown, modelPricing }: MessageCost) => ({
  totalCost: toCredits(totalCost),
  breakdown: {
    ...(breakdown.messageCost !== undefined && { messageCost: toCredits(breakdown.messageCost) }),
    ...(breakdown.tokenCost !== undefined && { tokenCost: toCredits(breakdown.tokenCost) }),
  },
  modelPricing,
});
