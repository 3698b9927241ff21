import Type, { type Static } from 'typebox';
import type { Paid } from '../../credits/pools/holds-of-members.js';
import type { RefundOf } from '../../credits/refunds/find-captured.js';
import type { RefundCommand, Refunded } from '../../credits/refunds/refund-credits.js';
import { callerOf } from '../../kit/caller.js';
import { invalid } from '../../kit/errors.js';
import {
  EXPIRY_DAYS_MAX, IDEMPOTENCY_KEY_LENGTH_MAX, MEMBER_HOLD_ID_LENGTH_MAX, NOTES_LENGTH_MAX, REFUND_GRACE_DAYS,
} from '../../kit/limits.js';
import { actorOf } from '../../kit/principal.js';
import { services } from '../auth/allow.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { storedText } from '../http/schema.js';
import { nativeBody, Strict } from './body.js';
import { AccountMember, accountOf } from './callers.js';
import { IdempotencyKeyHeader, keyOf, markReplayed } from './idempotency.js';
import { PreferHeader } from './prefer.js';
import { AmountIn, AmountOut, creditsText, positiveAmountIn } from './values.js';

/** `refundCredits` with its dependencies. */
export type RefundRouteDeps = { readonly refund: (command: RefundCommand) => Promise<Refunded & Paid> };

const DAY_MS = 86_400_000;

const Of = Strict({
  hold: Type.Optional(Type.String({
    minLength: 1, maxLength: MEMBER_HOLD_ID_LENGTH_MAX, pattern: '^[!-~]+$', description: 'the id of a hold that has ended',
  })),
  entry: Type.Optional(Type.Integer({
    minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'the number of an entry of the account: a charge, or an end of a hold',
  })),
  charge: Type.Optional(Type.String({
    minLength: 1, maxLength: IDEMPOTENCY_KEY_LENGTH_MAX, pattern: '^[!-~]+$', description: 'the Idempotency-Key of a charge that you made',
  })),
}, { description: 'what is refunded: exactly one of these' });

const body = nativeBody(Strict({
  account: AccountMember(),
  of: Of,
  amount: Type.Optional(AmountIn('at most what is left of it; without it, all that is left')),
  reason: storedText(1, NOTES_LENGTH_MAX, 'why; kept with the entry'),
  lotGraceDays: Type.Optional(Type.Integer({
    minimum: 0, maximum: EXPIRY_DAYS_MAX, default: REFUND_GRACE_DAYS,
    description: 'days that credits live whose lot has ended; 0: they expire at once',
  })),
}, { examples: [{ account: 'alice', of: { hold: 'message-1' }, amount: '0.5', reason: 'wrong answer' }] }));

const common = {
  id: Type.String(), account: Type.String(),
  spender: Type.Optional(Type.String({ description: 'the member of the pool `account` that spent it' })),
  amount: AmountOut(), left: AmountOut('of it, after this refund'),
};
const Done = Type.Object({
  ...common, state: Type.Literal('refunded'), debtPaid: AmountOut('the part that paid debt'),
  expired: AmountOut('the part that expired at once'), available: AmountOut('of the account, right after it'),
});
const Pending = Type.Object({ ...common, state: Type.Literal('pending') });

/** Giving back what was captured. */
export function refundRoutes(add: AddRoute, { refund }: RefundRouteDeps): void {
  add('POST', '/v1/refunds', services('grants'), {
    summary: 'Refund a hold or a charge, in whole or in part', body, headers: { ...IdempotencyKeyHeader, ...PreferHeader },
    replies: { 201: Done, 202: Pending }, replays: true,
    errors: ['not_found', 'hold_not_found', 'not_refundable', 'account_frozen', 'idempotency_mismatch', 'ledger_unavailable'],
  }, async (ctx, { principal, body: { account, of, amount, reason, lotGraceDays = REFUND_GRACE_DAYS } }) => {
    const refunded = await refund({
      accountId: accountOf(ctx, principal, account), of: refundOf(of), reason, actor: actorOf(principal), key: keyOf(ctx, principal),
      caller: callerOf(principal),
      amount: amount === undefined ? null : positiveAmountIn(amount, 'body.amount'),
      graceMs: lotGraceDays === 0 ? null : lotGraceDays * DAY_MS,
    });
    markReplayed(ctx, refunded.replayed);
    reply(ctx, refunded.status === 'refunded' ? 201 : 202, present(refunded));
  });
}

function refundOf({ hold, entry, charge }: Static<typeof Of>): RefundOf {
  const named: readonly RefundOf[] = [
    ...(hold === undefined ? [] : [{ hold }]), ...(entry === undefined ? [] : [{ entry }]), ...(charge === undefined ? [] : [{ charge }]),
  ];
  const [of] = named;
  if (of === undefined || named.length > 1) throw invalid('body.of', 'must have exactly one of hold, entry and charge');
  return of;
}

function present(refunded: Refunded & Paid): object {
  const { id, accountId, amount, left, status, payer } = refunded;
  const spender = payer === undefined ? {} : { spender: payer.spender };
  const told = { id: String(id), account: accountId, ...spender, amount: creditsText(amount), left: creditsText(left), state: status };
  if (refunded.status === 'pending') return told;
  const { debtPaid, expired, available } = refunded;
  return { ...told, debtPaid: creditsText(debtPaid), expired: creditsText(expired), available: creditsText(available) };
}
