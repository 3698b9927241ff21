import Type from 'typebox';
import type { AccountPlan, Plan, StoredPlan } from '../../credits/plans/plan.js';
import type { Referral, ReferralCommand } from '../../credits/plans/referral-bonus.js';
import { invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_RULE, isAccountId } from '../../kit/ids.js';
import { creditsText } from '../../kit/money/credits.js';
import { ZERO } from '../../kit/money/micros.js';
import type { Precondition } from '../../kit/precondition.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { accountIdText, integerOrNull, storedText } from '../http/schema.js';
import { nativeBody, Strict } from './body.js';
import { ConditionHeaders, preconditionOf, setEtag } from './etag.js';
import { ListOf, wholeList } from './lists.js';
import { amountIn, AmountIn, AmountOut, OptionalTimeOut, positiveAmountIn, TimeOut, timeText, timeTextOrNull } from './values.js';

/** The use cases of manage-plans.ts and referral-bonus.ts, with their deps. */
export type PlanRouteDeps = {
  readonly listPlans: () => Promise<readonly StoredPlan[]>;
  readonly showPlan: (planId: string) => Promise<StoredPlan>;
  readonly definePlan: (plan: Plan, actor: string, check: Precondition) => Promise<StoredPlan>;
  readonly removePlan: (planId: string, check: Precondition) => Promise<void>;
  readonly assignPlan: (command: { readonly accountId: string; readonly planId: string; readonly actor: string }) => Promise<AccountPlan>;
  readonly planOf: (accountId: string) => Promise<AccountPlan>;
  readonly endPlan: (accountId: string) => Promise<void>;
  readonly grantReferral: (command: ReferralCommand) => Promise<Referral>;
};

const PLAN_ID_LENGTH_MAX = 64;
const NAME_LENGTH_MAX = 100;
/** A hundred years. */
const EXPIRES_AFTER_SECONDS_MAX = 36_500 * 86_400;
const PERIOD_SECONDS_MAX = 366 * 86_400;

/** Without '/', which separates the plan in the keys of its grants (refill-plans.ts). */
const PLAN_ID = /^[A-Za-z0-9_][A-Za-z0-9._@|+=~$-]*$/;
const PlanId = () => Type.String({ minLength: 1, maxLength: PLAN_ID_LENGTH_MAX, pattern: PLAN_ID.source });
const planBody = nativeBody(Strict({
  name: storedText(1, NAME_LENGTH_MAX),
  credits: AmountIn(),
  period: Type.Enum(['day', 'week', 'month', 'seconds']),
  periodSeconds: Type.Optional(integerOrNull(1, PERIOD_SECONDS_MAX)),
  mode: Type.Optional(Type.Enum(['roll_over', 'reset'])),
  missed: Type.Optional(Type.Enum(['each', 'latest'])),
  expiresAfterSeconds: Type.Optional(integerOrNull(1, EXPIRES_AFTER_SECONDS_MAX)),
}));
const assignBody = nativeBody(Strict({ plan: PlanId() }));
const referralBody = nativeBody(
  Strict({ referrer: accountIdText(), referee: accountIdText(), credits: AmountIn(), refereeCredits: Type.Optional(AmountIn()) }),
);

const PlanReply = Type.Object({
  plan: Type.String(), name: Type.String(), credits: AmountOut(), period: Type.String(),
  periodSeconds: Type.Union([Type.Integer(), Type.Null()]),
  mode: Type.String(), missed: Type.String(), expiresAfterSeconds: Type.Union([Type.Integer(), Type.Null()]),
});
const AccountPlanReply = Type.Object({
  account: Type.String(), plan: Type.String(), startedAt: TimeOut(), nextPeriod: Type.Integer(),
  lastRefillAt: OptionalTimeOut(), problem: Type.Union([Type.String(), Type.Null()]),
});
const params = { planId: PlanId() };
const accountParams = { accountId: accountIdText() };

/** Plans, who has which, and bonuses for referrals. For administrators. */
export function planRoutes(add: AddRoute, deps: PlanRouteDeps): void {
  add('GET', '/v1/plans', allow('admin'), {
    summary: 'The credit plans', replies: { 200: ListOf(PlanReply) }, errors: ['ledger_unavailable'],
  }, async (ctx) => {
    reply(ctx, 200, wholeList((await deps.listPlans()).map(presentPlan)));
  });

  add('GET', '/v1/plans/:planId', allow('admin'), {
    summary: 'A plan, with its ETag', params, replies: { 200: PlanReply }, hasEtag: true, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx) => {
    answerPlan(ctx, await deps.showPlan(planIdIn(ctx)));
  });

  add('PUT', '/v1/plans/:planId', allow('admin'), {
    summary: 'Create or change a plan; changes apply from the next refill of each account on', params, headers: ConditionHeaders,
    body: planBody, replies: { 200: PlanReply }, hasEtag: true, errors: ['conflict', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal, body }) => {
    answerPlan(ctx, await deps.definePlan(toPlan(planIdIn(ctx), body), principal.accountId, preconditionOf(ctx)));
  });

  add('DELETE', '/v1/plans/:planId', allow('admin'), {
    summary: 'Remove a plan that no account has', params, headers: ConditionHeaders, replies: { 204: Type.Null() },
    errors: ['not_found', 'conflict', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx) => {
    await deps.removePlan(planIdIn(ctx), preconditionOf(ctx));
    ctx.status = 204;
  });

  add('GET', '/v1/account-plans/:accountId', allow('admin'), {
    summary: 'The plan of an account', params: accountParams, replies: { 200: AccountPlanReply },
    errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx) => {
    reply(ctx, 200, presentAccountPlan(await deps.planOf(accountIdIn(ctx))));
  });

  add('PUT', '/v1/account-plans/:accountId', allow('admin'), {
    summary: 'Assign a plan to an account; its first period starts now, or at the end of the last granted period',
    params: accountParams, body: assignBody, replies: { 200: AccountPlanReply }, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal, body }) => {
    const accountId = accountIdIn(ctx);
    reply(ctx, 200, presentAccountPlan(await deps.assignPlan({ accountId, planId: body.plan, actor: principal.accountId })));
  });

  add('DELETE', '/v1/account-plans/:accountId', allow('admin'), {
    summary: 'End the plan of an account; granted credits stay and are not granted again', params: accountParams,
    replies: { 204: Type.Null() }, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx) => {
    await deps.endPlan(accountIdIn(ctx));
    ctx.status = 204;
  });

  add('POST', '/v1/referrals', allow('admin'), {
    summary: 'Reward a referral, once per referee', body: referralBody, replays: true,
    replies: { 200: Type.Object({ status: Type.Enum(['granted', 'pending']) }) },
    errors: ['idempotency_mismatch', 'limit_exceeded', 'account_frozen', 'ledger_unavailable'],
  }, async (ctx, { principal, body: { referrer, referee, credits, refereeCredits } }) => {
    const { status, replayed } = await deps.grantReferral({
      referrer, referee, actor: principal.accountId,
      referrerAmount: positiveAmountIn(credits, 'body.credits'),
      refereeAmount: refereeCredits === undefined ? ZERO : amountIn(refereeCredits, 'body.refereeCredits'),
    });
    markReplayed(ctx, replayed);
    reply(ctx, 200, { status });
  });
}

function planIdIn({ params: given }: GatewayContext): string {
  const id = given?.['planId'] ?? '';
  if (id.length > PLAN_ID_LENGTH_MAX || !PLAN_ID.test(id)) {
    throw invalid('path.planId', `must be 1 to ${PLAN_ID_LENGTH_MAX} letters, digits or any of ._@|+=~$-`);
  }
  return id;
}

function accountIdIn({ params: given }: GatewayContext): string {
  const id = given?.['accountId'] ?? '';
  if (!isAccountId(id)) throw invalid('path.accountId', ACCOUNT_ID_RULE);
  return id;
}

/** The defaults: credits roll over and missed periods are all granted; a reset plan grants only the latest one. */
function toPlan(planId: string, body: ReturnType<typeof planBody.parse>): Plan {
  const {
    name, credits, period, periodSeconds = null, mode = 'roll_over', missed = mode === 'reset' ? 'latest' : 'each',
    expiresAfterSeconds = null,
  } = body;
  if ((period === 'seconds') !== (periodSeconds !== null)) {
    throw invalid('body.periodSeconds', 'belongs to the period "seconds", and to no other');
  }
  return {
    planId, name, mode, missed, expiresAfterSeconds,
    amount: positiveAmountIn(credits, 'body.credits'),
    period: period === 'seconds' ? { unit: period, seconds: periodSeconds ?? 0 } : { unit: period },
  };
}

function answerPlan(ctx: GatewayContext, plan: StoredPlan): void {
  setEtag(ctx, plan.version);
  reply(ctx, 200, presentPlan(plan));
}

const presentPlan = ({ planId, name, amount, period, mode, missed, expiresAfterSeconds }: Plan): object => ({
  plan: planId, name, credits: creditsText(amount), period: period.unit,
  periodSeconds: period.unit === 'seconds' ? period.seconds : null, mode, missed, expiresAfterSeconds,
});

const presentAccountPlan = ({ accountId, planId, anchorMs, nextPeriod, lastRefillAtMs, problem }: AccountPlan): object => ({
  account: accountId, plan: planId, startedAt: timeText(anchorMs), nextPeriod, lastRefillAt: timeTextOrNull(lastRefillAtMs), problem,
});
