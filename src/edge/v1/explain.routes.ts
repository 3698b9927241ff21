import Type from 'typebox';
import type { Explained } from '../../credits/limits/explain-spending.js';
import { costOfUsage } from '../../credits/prices/price-tokens.js';
import type { PriceBooks } from '../../credits/prices/price-books.js';
import { refusedAs } from '../../credits/prices/price-usage.js';
import type { Payer } from '../../credits/pools/pools.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { LIMIT_TEXT_LENGTH_MAX, TOKENS_MAX } from '../../kit/limits.js';
import { ZERO, type Micros } from '../../kit/money/micros.js';
import { OVER_CAPTURES } from '../../ledger/hold-terms.js';
import type { Spending } from '../../ledger/limits.js';
import { callers } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { givenText, queryNumber, queryText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { AccountId, accountInPath, spenderOf } from './callers.js';
import {
  AmountIn, amountIn, AmountOrNull, AmountOut, creditsOrNull, creditsText, OptionalTimeOut, storable, TimeOut, timeText, timeTextOrNull,
} from './values.js';

export type ExplainRouteDeps = {
  /** explain-spending.ts, with its deps. */
  readonly explain: (accountId: string, amount: Micros, spending: Spending) => Promise<Explained>;
  readonly payerOf: (accountId: string) => Payer;
  readonly prices: Pick<PriceBooks, 'native'>;
};

const Text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: LIMIT_TEXT_LENGTH_MAX, description }));
const Count = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: TOKENS_MAX, description }));
const TextOrNull = () => Type.Union([Type.String(), Type.Null()]);
const query = {
  model: Text('with tokens: at its price'), inputTokens: Count('tokens of all of the prompt'),
  maxOutputTokens: Count('tokens of the answer'),
  amount: Type.Optional(AmountIn('instead of tokens: credits')), spender: Type.Optional(AccountId('who spends')),
  feature: Text('which limits and lots match'), key: Text('the name of the API key'),
};
const LimitNow = Type.Object({
  id: Type.String(), mode: Type.String(), used: AmountOut('spent and held in this window'), remaining: AmountOut(),
  resetsAt: OptionalTimeOut(),
});
const TermsNow = Type.Object({
  maxHold: AmountOrNull('the most that one hold may have; null: any amount'),
  overCapture: Type.Enum([...OVER_CAPTURES]), debtLimit: AmountOrNull('of overCapture debt; null: none'),
}, { description: 'by what holds are placed now: the terms of the account, or else of the gateway' });
const Explanation = Type.Object({
  account: Type.String({ description: 'who pays: of a member, its pool' }), spender: Type.String(),
  passes: Type.Boolean(), required: AmountOut(), available: AmountOut(),
  usable: AmountOut('the part of it that is for this model and feature, or for anything'), held: AmountOut(), debt: AmountOut(),
  refusedBy: Type.Union([Type.Object({
    kind: Type.Enum(['frozen', 'balance', 'restriction', 'limit', 'max_hold']), limit: TextOrNull(),
    shortBy: Type.Union([AmountOut(), Type.Null()]),
    resetsAt: OptionalTimeOut(),
  }), Type.Null()]),
  terms: TermsNow,
  limits: Type.Array(LimitNow, { description: 'those that match' }),
  freeze: Type.Union([Type.Object({ actor: TextOrNull(), reason: TextOrNull(), at: TimeOut() }), Type.Null()]),
  expired: Type.Array(Type.Object({ amount: AmountOut(), at: TimeOut() }), { description: 'credits that expired lately, latest first' }),
});

/** Would it pass now, and if not, why? Changes nothing. */
export function explainRoutes(add: AddRoute, { explain, payerOf, prices }: ExplainRouteDeps): void {
  add('GET', '/v1/accounts/:accountId/explain', callers('read'), {
    summary: 'Whether a hold or charge would pass now, and if not: which limit, restriction or balance, how much short, when it resets',
    params: { accountId: AccountId() }, query, replies: { 200: Explanation },
    errors: ['unknown_model', 'price_missing', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const asked = accountInPath(ctx, principal);
    const { accountId, spender } = payerOf(asked);
    const named = queryText(ctx, 'spender');
    const spending = {
      // A member spends under its own name.
      spender: named === undefined || accountId !== asked ? spender : spenderOf(named, 'query.spender'),
      ...modelIn(ctx, prices), feature: textIn(ctx, 'feature'), key: textIn(ctx, 'key'),
    };
    const amount = amountOf(ctx, prices);
    reply(ctx, 200, present(accountId, spending.spender, amount, await explain(accountId, amount, spending)));
  });
}

const textIn = (ctx: GatewayContext, name: string): string | undefined => {
  const text = givenText(ctx, name, LIMIT_TEXT_LENGTH_MAX);
  return text === undefined ? undefined : storable(text, `query.${name}`);
};

/** The model as it is named, and as its price is. */
function modelIn(ctx: GatewayContext, prices: ExplainRouteDeps['prices']): Pick<Spending, 'model' | 'otherModels'> {
  const model = textIn(ctx, 'model');
  if (model === undefined) return {};
  try {
    return { model, otherModels: [prices.native().priceOf(model).by.model] };
  } catch (error) {
    // Without tokens it needs no price.
    if (error instanceof GatewayError) return { model };
    throw error;
  }
}

function amountOf(ctx: GatewayContext, prices: ExplainRouteDeps['prices']): Micros {
  const text = queryText(ctx, 'amount');
  const inputTokens = queryNumber(ctx, 'inputTokens', 0, TOKENS_MAX);
  const outputTokens = queryNumber(ctx, 'maxOutputTokens', 0, TOKENS_MAX);
  if (inputTokens === undefined && outputTokens === undefined) return text === undefined ? ZERO : amountIn(text, 'query.amount');
  if (text !== undefined) throw invalid('query.amount', 'is given instead of tokens, not beside them');
  const model = textIn(ctx, 'model');
  if (model === undefined) throw invalid('query.model', 'is missing: tokens have the price of a model');
  const price = refusedAs('unknown_model', 'query', () => prices.native().priceOf(model));
  return refusedAs('price_missing', 'query', () => costOfUsage(price, { inputTokens, outputTokens }));
}

function present(accountId: string, spender: string, required: Micros, explained: Explained): object {
  const { balance, limits, refusedBy, freeze, expired, terms } = explained;
  return {
    account: accountId, spender, passes: refusedBy === null, required: creditsText(required),
    available: creditsText(balance.available), usable: creditsText(explained.usable),
    held: creditsText(balance.held), debt: creditsText(balance.debt),
    refusedBy: refusedBy === null ? null : {
      kind: refusedBy.kind, limit: refusedBy.kind === 'limit' ? refusedBy.limitId : null,
      shortBy: refusedBy.kind === 'frozen' ? null : creditsText(refusedBy.shortBy),
      resetsAt: refusedBy.kind === 'limit' ? timeTextOrNull(refusedBy.resetsAtMs) : null,
    },
    terms: { maxHold: creditsOrNull(terms.maxHold), overCapture: terms.overCapture, debtLimit: creditsOrNull(terms.debtLimit) },
    limits: limits.map(({ limitId, mode, used, remaining, resetsAtMs }) => ({
      id: limitId, mode, used: creditsText(used), remaining: creditsText(remaining), resetsAt: timeTextOrNull(resetsAtMs),
    })),
    freeze: freeze === null ? null : { actor: freeze.actor, reason: freeze.reason, at: timeText(freeze.atMs) },
    expired: expired.map(({ amount, atMs }) => ({ amount: creditsText(amount), at: timeText(atMs) })),
  };
}
