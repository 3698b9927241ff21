import Type from 'typebox';
import { priceAll, type ChargeAccount, type Charged } from '../../credits/charges/charge-account.js';
import type { Paid } from '../../credits/pools/holds-of-members.js';
import type { NativeBook } from '../../credits/prices/native-book.js';
import { sumOf } from '../../credits/prices/price-usage.js';
import { invalid } from '../../kit/errors.js';
import { LIST_BODY_BYTES_MAX } from '../../kit/limits.js';
import { creditsText } from '../../kit/money/credits.js';
import { actorOf } from '../../kit/principal.js';
import { callers } from '../auth/allow.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { storedText } from '../http/schema.js';
import { MetadataMember, metadataOf, nativeBody, Strict } from './body.js';
import { AccountMember, accountOf, reasonOf, ReasonMember, SpendingMembers, spendingOf } from './callers.js';
import { IdempotencyKeyHeader, keyOf, markReplayed } from './idempotency.js';
import { PreferHeader } from './prefer.js';
import { PricedReply, presentPriced, usageMembers, usagesIn } from './usage-fields.js';
import { AmountIn, AmountOut, positiveAmountIn, timeText, TimeOut } from './values.js';

export type ChargeRouteDeps = {
  /** `chargeAccount` with its deps. */
  readonly charge: (command: ChargeAccount) => Promise<Charged & Paid>;
  readonly book: () => NativeBook;
};

const FEATURE_LENGTH_MAX = 100;
const USED = { model: 'gpt-4o', usage: { inputTokens: 1_000, outputTokens: 400 } };
const chargeBody = nativeBody(Strict({
  account: AccountMember(), ...SpendingMembers, amount: Type.Optional(AmountIn()), ...usageMembers,
  feature: Type.Optional(storedText(1, FEATURE_LENGTH_MAX, 'what the credits are for, such as `chat`; limits match it')),
  reason: ReasonMember(), metadata: MetadataMember(),
}, { examples: [{ account: 'alice', ...USED, feature: 'chat' }] }));
const quoteBody = nativeBody(Strict(usageMembers, { examples: [USED] }));

const ChargedReply = Type.Object({
  account: Type.String(), spender: Type.Optional(Type.String({ description: 'the member of the pool `account` that spends' })),
  entry: Type.Integer({ description: '`seq` of its entry: GET /v1/accounts/:accountId/entries/:seq is the receipt' }),
  at: TimeOut(), amount: AmountOut(), available: AmountOut('what can be spent after it'), usages: Type.Array(PricedReply),
});
const Quote = Type.Object({ amount: AmountOut(), usages: Type.Array(PricedReply) });
const priceErrors = ['unknown_model', 'price_missing', 'limit_exceeded'] as const;

/** Charges in one step, and what they would cost. */
export function chargeRoutes(add: AddRoute, { charge, book }: ChargeRouteDeps): void {
  add('POST', '/v1/charges', callers('charges'), {
    summary: 'Charge an amount, or what was used, in one step: all or nothing', body: chargeBody, replays: true, urgency: 'begin',
    bodyBytesMax: LIST_BODY_BYTES_MAX,
    headers: { ...IdempotencyKeyHeader, ...PreferHeader }, replies: { 201: ChargedReply },
    errors: [...priceErrors, 'insufficient_credits', 'limit_reached', 'idempotency_mismatch', 'account_frozen', 'ledger_unavailable'],
  }, async (ctx, { principal, body }) => {
    const accountId = accountOf(ctx, principal, body.account);
    const reason = reasonOf(principal, accountId, body.reason);
    const usages = usagesIn(body);
    if ((usages === null) === (body.amount === undefined)) throw invalid('body.amount', 'give exactly one of amount, usage and usages');
    const charged = await charge({
      accountId, reason, actor: actorOf(principal), feature: body.feature ?? null,
      spending: spendingOf(principal, accountId, body), metadata: metadataOf(body.metadata),
      what: usages ?? { amount: positiveAmountIn(body.amount ?? 0, 'body.amount') }, key: keyOf(ctx, principal),
    });
    markReplayed(ctx, charged.replayed);
    reply(ctx, 201, presentCharged(accountId, charged));
  });

  add('POST', '/v1/quotes', callers('read'), {
    summary: 'What usage would cost now, in every part; changes nothing', body: quoteBody, isRepeatable: true, replies: { 200: Quote },
    bodyBytesMax: LIST_BODY_BYTES_MAX,
    errors: priceErrors,
  }, (ctx, { body }) => {
    const asked = usagesIn(body);
    if (asked === null) throw invalid('body.usage', 'is missing');
    const priced = priceAll(book(), asked.usages, asked.paths);
    reply(ctx, 200, { amount: creditsText(sumOf(priced)), usages: priced.map(presentPriced) });
  });
}

const presentCharged = (asked: string, { seq, atMs, amount, available, priced, payer }: Charged & Paid): object => ({
  account: payer?.accountId ?? asked, ...(payer === undefined ? {} : { spender: payer.spender }),
  entry: seq, at: timeText(atMs), amount: creditsText(amount), available: creditsText(available),
  usages: priced.map(presentPriced),
});
