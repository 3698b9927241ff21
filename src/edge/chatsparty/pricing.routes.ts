import Type from 'typebox';
import { PRICED_MODEL_LENGTH_MAX } from '../../credits/prices/check-price.js';
import { presentMessageCost } from '../../credits/prices/message-book.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { TOKENS_MAX } from '../../kit/limits.js';
import { toCredits } from '../../kit/money/credits.js';
import { allow, authenticated } from '../auth/allow.js';
import { CreditsReply, readAmount, readPositiveAmount } from '../http/amount.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { filledText, queryWord, WordField } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { booleanOrNull, bodyOf, storedText } from '../http/schema.js';
import { readingTokens } from '../http/token-fields.js';
import type { ModelPrices } from './library/model-prices.js';
import { PREFIXES } from './prefixes.js';

const NAMES_REQUIRED = 'Provider and model name are required';
const PRICE_REQUIRED = 'Provider, model name, and cost per message are required';
const COUNTS = `must be a whole number from 0 to ${TOKENS_MAX}`;

const Name = () => storedText(1, PRICED_MODEL_LENGTH_MAX);
/** Counts are looked at by hand: what is wrong with one is said in words of its own. */
const Count = () => Type.Optional(Type.Unsafe<unknown>({ type: ['integer', 'null'], minimum: 0, maximum: TOKENS_MAX }));
const Price = () => Type.Unsafe<number>({ type: 'number', minimum: 0 });
const PriceOrNull = () => Type.Unsafe<number | null>({ type: ['number', 'null'], minimum: 0 });

const countless = bodyOf(Type.Object({ provider: Name(), modelName: Name() }), NAMES_REQUIRED);
const costBody = readingTokens(bodyOf(
  Type.Object({ provider: Name(), modelName: Name(), messageCount: Count(), tokenCount: Count() }),
  `messageCount and tokenCount ${COUNTS}`,
), ['tokenCount'], 'Tokens are counted by tokenCount only');
const priceBody = bodyOf(Type.Object({
  provider: Name(), modelName: Name(), costPerMessage: Price(),
  costPer1kTokens: Type.Optional(PriceOrNull()), isDefaultModel: Type.Optional(booleanOrNull()), isActive: Type.Optional(booleanOrNull()),
  // More, or less, than ten times the price until now is taken for a slip unless it is forced.
  force: Type.Optional(booleanOrNull()), allowZero: Type.Optional(booleanOrNull()),
}), PRICE_REQUIRED);

const Pricing = Type.Object({
  provider: Type.String(), modelName: Type.String(), costPerMessage: CreditsReply(),
  costPer1kTokens: Type.Union([CreditsReply(), Type.Null()]),
  isDefaultModel: Type.Boolean(), isActive: Type.Boolean(),
});
const Cost = Type.Object({
  totalCost: CreditsReply(),
  breakdown: Type.Object({ messageCost: Type.Optional(CreditsReply()), tokenCost: Type.Optional(CreditsReply()) }),
  modelPricing: Pricing,
});

const params = { provider: Name(), modelName: Name() };
const YES_NO: ReadonlyMap<string, boolean> = new Map([['true', true], ['false', false]]);
const query = {
  provider: Type.Optional(storedText(0, PRICED_MODEL_LENGTH_MAX)),
  isActive: WordField(YES_NO, 'only models that are for sale, or only those that are not'),
};

/**
 * Prices per message and per 1 000 tokens (docs/contracts/chatsparty.md#rules). All users may read them, administrators
 * change them (P1).
 */
export function pricingRoutes(add: AddRoute, { prices }: { readonly prices: ModelPrices }): void {
  for (const prefix of PREFIXES) {
    add('POST', `${prefix}/calculate-cost`, authenticated(), {
      summary: 'Cost of messages and tokens of a model', body: costBodyParser, replies: { 200: Cost },
      // More than could ever be charged: the counts are wrong.
      wording: { limit_exceeded: { path: 'body.messageCount', status: 400 } },
    }, (ctx, { body }) => {
      const { provider, modelName, messageCount, tokenCount } = body;
      reply(ctx, 200, presentMessageCost(prices.cost({
        provider, modelName, messageCount: messageCount ?? undefined, tokenCount: tokenCount ?? undefined,
      })));
    });

    add('GET', `${prefix}/pricing`, authenticated(), {
      summary: 'Prices of models', query, replies: { 200: Type.Array(Pricing) },
    }, (ctx) => {
      reply(
        ctx, 200,
        prices.list({ provider: filledText(ctx, 'provider', PRICED_MODEL_LENGTH_MAX), isActive: queryWord(ctx, 'isActive', YES_NO) }),
      );
    });

    add('GET', `${prefix}/pricing/:provider/:modelName`, authenticated(), {
      summary: 'Price of a model', params, replies: { 200: Pricing }, errors: ['not_found'],
    }, (ctx) => {
      const { provider, modelName } = modelOf(ctx);
      reply(ctx, 200, prices.get(provider, modelName));
    });

    add('POST', `${prefix}/pricing`, allow('admin'), {
      summary: 'Set the price of a model from now on', body: priceBody, replies: { 200: Pricing }, errors: ['ledger_unavailable'],
    }, async (ctx, { principal, body }) => {
      const { provider, modelName, costPer1kTokens = null, isDefaultModel, isActive, force, allowZero } = body;
      const costPerMessage = toCredits(readPositiveAmount(body.costPerMessage, { path: 'body.costPerMessage', message: PRICE_REQUIRED }));
      const perThousand = costPer1kTokens === null
        ? null
        : toCredits(readAmount(costPer1kTokens, { path: 'body.costPer1kTokens', message: PRICE_REQUIRED }));
      // Zero is how some callers say that tokens cost nothing by themselves; a price of zero has to be meant.
      const pricing = {
        provider, modelName, costPerMessage, costPer1kTokens: perThousand === 0 && allowZero !== true ? null : perThousand,
        isDefaultModel: isDefaultModel ?? undefined, isActive: isActive ?? undefined,
      };
      reply(ctx, 200, await prices.upsert(pricing, {
        actor: principal.accountId, force: force ?? false, allowZero: allowZero ?? false,
      }).catch(inWordsOfBody));
    });

    add('POST', `${prefix}/pricing/initialize`, allow('admin'), {
      summary: 'Restore the default prices', replies: { 200: Type.Object({ message: Type.String() }) }, errors: ['ledger_unavailable'],
    }, async (ctx, { principal }) => {
      await prices.initialize(principal.accountId);
      reply(ctx, 200, { message: 'Default pricing initialized successfully' });
    });

    add('DELETE', `${prefix}/pricing/:provider/:modelName`, allow('admin'), {
      summary: 'Delete the price of a model', params, replies: { 204: Type.Null() }, errors: ['ledger_unavailable'],
    }, async (ctx, { principal }) => {
      const { provider, modelName } = modelOf(ctx);
      if (!await prices.remove(provider, modelName, principal.accountId)) {
        throw new GatewayError('invalid_request', 'Failed to delete model pricing', {
          sources: [{ path: 'path.modelName', message: 'has no price of its own' }],
        });
      }
      ctx.status = 204;
    });
  }
}

/** What the book calls a field, and what this API does. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ['prices.message', 'costPerMessage'], ['prices.input', 'costPer1kTokens'], ['prices.output', 'costPer1kTokens'],
  ['model', 'modelName'],
]);

function inWordsOfBody(error: unknown): never {
  if (!(error instanceof GatewayError) || error.code !== 'invalid_request') throw error;
  const sources = error.sources.map(({ path, message }) => ({
    path: path.startsWith('body') ? path : `body.${FIELDS.get(path) ?? path}`, message,
  }));
  throw new GatewayError(error.code, error.message, { sources, cause: error });
}

type CostRequest = {
  readonly provider: string;
  readonly modelName: string;
  readonly messageCount?: number | null;
  readonly tokenCount?: number | null;
};

/** Says that names are missing where they are, and that counts are wrong only where the names are not. */
const costBodyParser = {
  schema: costBody.schema,
  parse: (value: unknown): CostRequest => {
    countless.parse(value);
    return costBody.parse(value) as CostRequest;
  },
};

function modelOf({ params: given }: GatewayContext): { readonly provider: string; readonly modelName: string } {
  const { provider = '', modelName = '' } = given ?? {};
  if (provider.length > PRICED_MODEL_LENGTH_MAX || modelName.length > PRICED_MODEL_LENGTH_MAX) {
    throw invalid('path', `names have at most ${PRICED_MODEL_LENGTH_MAX} characters`);
  }
  return { provider, modelName };
}
