import Type from 'typebox';
import { PRICED_MODEL_LENGTH_MAX } from '../../credits/prices/check-price.js';
import type { ModelUsage, PricedUsage } from '../../credits/prices/price-usage.js';
import { SERVICE_TIERS } from '../../credits/prices/price.js';
import { TOKEN_USAGE_FIELDS, type TokenUsage } from '../../credits/prices/token-usage.js';
import { invalid } from '../../kit/errors.js';
import { TOKENS_MAX } from '../../kit/limits.js';
import { creditsText } from '../../kit/money/credits.js';
import { storedText } from '../http/schema.js';
import { Strict } from './body.js';
import { USAGE_NOTES } from './usage-notes.js';
import { AmountOut } from './values.js';

/** Models of one request: what is told of them stays within what an entry may tell. */
const USAGES_MAX = 32;

/** Tokens by class. `inputTokens` and `outputTokens` are totals, the others are parts of them. */
export const UsageMember = () => Type.Unsafe<TokenUsage>(Strict(
  Object.fromEntries(TOKEN_USAGE_FIELDS.map((name) => [
    name, Type.Optional(Type.Integer({ minimum: 0, maximum: TOKENS_MAX, description: USAGE_NOTES[name] })),
  ])),
  { description: 'what was used, by class of token; `inputTokens` and `outputTokens` are totals, the others are parts of them' },
));

const model = () => storedText(1, PRICED_MODEL_LENGTH_MAX, 'the model that was used');
const provider = () => Type.Optional(storedText(1, PRICED_MODEL_LENGTH_MAX, 'where several providers sell the model'));
const serviceTier = () => Type.Optional(Type.Enum([...SERVICE_TIERS], { description: '`standard` by default' }));

/** Either one model with its `usage`, or several in `usages`. `usagesIn` reads them. */
export const usageMembers = {
  model: Type.Optional(model()), provider: provider(), serviceTier: serviceTier(), usage: Type.Optional(UsageMember()),
  usages: Type.Optional(Type.Array(
    Strict({ model: model(), provider: provider(), serviceTier: serviceTier(), usage: UsageMember() }),
    { minItems: 1, maxItems: USAGES_MAX, description: 'several models in one charge' },
  )),
};

export type UsageBody = Partial<ModelUsage> & { readonly usages?: readonly ModelUsage[] | undefined };

/** The usages of a body with their places in it; null when it has none. Throws GatewayError invalid_request. */
export function usagesIn(body: UsageBody): { readonly usages: readonly ModelUsage[]; readonly paths: readonly string[] } | null {
  const { model: only, provider: of, serviceTier: tier, usage, usages } = body;
  if (usages !== undefined) {
    const other = (['model', 'provider', 'serviceTier', 'usage'] as const).find((name) => body[name] !== undefined);
    if (other !== undefined) throw invalid(`body.${other}`, 'must not be there beside usages');
    return { usages, paths: usages.map((_, index) => `body.usages.${index}`) };
  }
  if (usage === undefined) {
    if (of !== undefined || tier !== undefined) throw invalid('body.usage', 'is missing');
    return null;
  }
  if (only === undefined) throw invalid('body.model', 'is missing');
  return { usages: [{ model: only, provider: of, serviceTier: tier, usage }], paths: ['body'] };
}

/** How an amount came about: Σ components + margin + rounding is the amount. Rates and components are exact decimal text. */
export const PricedReply = Type.Object({
  model: Type.String({ description: 'as it was asked for' }),
  amount: AmountOut(),
  price: Type.Object({
    book: Type.String(), provider: Type.String(), model: Type.String({ description: 'the entry of the book that prices it' }),
    version: Type.Integer(), rule: Type.String({ description: 'why this entry prices it' }), isDefault: Type.Boolean(),
  }),
  components: Type.Array(Type.Object({
    tokenClass: Type.String(), tokens: Type.Integer(), rate: Type.String({ description: 'credits for `per` of them' }), per: Type.Integer(),
    amount: Type.String(), pricedAs: Type.Union([Type.String(), Type.Null()]), aboveInputTokens: Type.Integer(), serviceTier: Type.String(),
  })),
  margin: Type.Object({ percent: Type.String(), amount: Type.String() }),
  rounding: Type.Object({ upTo: Type.String(), amount: Type.String() }),
});

export const presentPriced = ({ asked, amount, price, components, margin, rounding }: PricedUsage): object =>
  ({ model: asked.model, amount: creditsText(amount), price, components, margin, rounding });
