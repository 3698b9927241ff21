import Type from 'typebox';
import type { BalanceThreshold } from '../../credits/webhooks/balance-threshold.js';
import { GatewayError } from '../../kit/errors.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Precondition } from '../../kit/precondition.js';
import { actorOf } from '../../kit/principal.js';
import { callers, services } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { nativeBody, Strict } from './body.js';
import { AccountId, accountInPath } from './callers.js';
import { ConditionHeaders, preconditionOf, setEtag } from './etag.js';
import { AmountIn, AmountOut, creditsText, positiveAmountIn } from './values.js';

/** The use cases of balance-threshold.ts, with their deps. */
export type LowBalanceRouteDeps = {
  readonly thresholds: {
    readonly read: (accountId: string) => Promise<BalanceThreshold | null>;
    readonly set: (
      accountId: string, amount: Micros, by: { readonly check: Precondition; readonly actor: string },
    ) => Promise<{ readonly threshold: BalanceThreshold; readonly isNew: boolean }>;
    readonly remove: (accountId: string, check: Precondition) => Promise<void>;
  };
};

const PATH = '/v1/accounts/:accountId/low-balance';
const params = { accountId: AccountId('its id') };
const body = nativeBody(Strict({ amount: AmountIn('above zero') }));
const LowBalance = Type.Object({ account: Type.String(), amount: AmountOut('`balance.low` when the balance falls below it') });

/** The balance below which an account causes `balance.low`. */
export function lowBalanceRoutes(add: AddRoute, { thresholds }: LowBalanceRouteDeps): void {
  const answer = (ctx: GatewayContext, status: number, account: string, { amount, version }: BalanceThreshold): void => {
    setEtag(ctx, version);
    reply(ctx, status, { account, amount: creditsText(amount) });
  };

  add('GET', PATH, callers('read'), {
    summary: 'The threshold of `balance.low` of an account, with its ETag', params, replies: { 200: LowBalance },
    errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const accountId = accountInPath(ctx, principal);
    const threshold = await thresholds.read(accountId);
    if (threshold === null) throw new GatewayError('not_found', 'the account has no threshold');
    answer(ctx, 200, accountId, threshold);
  });

  add('PUT', PATH, services('admin'), {
    summary: 'Set the threshold of `balance.low` of an account', params, headers: ConditionHeaders, body,
    replies: { 200: LowBalance, 201: LowBalance }, errors: ['precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal, body: { amount } }) => {
    const accountId = accountInPath(ctx, principal);
    const by = { check: preconditionOf(ctx), actor: actorOf(principal) };
    const { threshold, isNew } = await thresholds.set(accountId, positiveAmountIn(amount, 'body.amount'), by);
    answer(ctx, isNew ? 201 : 200, accountId, threshold);
  });

  add('DELETE', PATH, services('admin'), {
    summary: 'Remove the threshold of `balance.low` of an account', params, headers: ConditionHeaders, replies: { 204: Type.Null() },
    errors: ['not_found', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    await thresholds.remove(accountInPath(ctx, principal), preconditionOf(ctx));
    ctx.status = 204;
  });
}
