import Type, { type Static } from 'typebox';
import type { StoredTerms } from '../../books/account-terms.table.js';
import type { ChangedTerms, TermsChange } from '../../credits/terms/manage-terms.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { NOTES_LENGTH_MAX } from '../../kit/limits.js';
import { actorOf, type NativeCaller } from '../../kit/principal.js';
import { isNoTerms, type AccountTerms } from '../../ledger/account-terms.js';
import { OVER_CAPTURES } from '../../ledger/hold-terms.js';
import { callers, services } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { givenText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { nativeBody, Strict } from './body.js';
import { AccountId, accountInPath, ReasonMember, reasonOf } from './callers.js';
import { ConditionHeaders, preconditionOf, setEtag } from './etag.js';
import { AmountIn, amountIn, AmountOrNull, creditsOrNull, positiveAmountIn, storable, TimeOut, timeText } from './values.js';

/** The use cases of manage-terms.ts, with their deps. */
export type TermsRouteDeps = {
  readonly showTerms: (accountId: string) => Promise<StoredTerms | null>;
  readonly setTerms: (accountId: string, terms: AccountTerms, change: TermsChange) => Promise<ChangedTerms>;
  readonly removeTerms: (accountId: string, change: TermsChange) => Promise<{ readonly applied: boolean } | null>;
};

const PATH = '/v1/accounts/:accountId/terms';
const orNull = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]));
const termsBody = nativeBody(Strict({
  maxHold: orNull(AmountIn('the most that one hold may have, above zero; HOLD_MAX of the gateway binds, too')),
  overCapture: orNull(Type.Enum([...OVER_CAPTURES], { description: 'what pays for usage beyond a hold, in place of OVER_CAPTURE' })),
  debtLimit: orNull(AmountIn('credits of debt at most with overCapture debt, in place of DEBT_LIMIT')),
  reason: ReasonMember(),
}, { examples: [{ maxHold: '5', overCapture: 'debt', debtLimit: '20', reason: 'contract of 2026' }] }));
type TermsBody = ReturnType<typeof termsBody.parse>;

const TextOrNull = (description: string) => Type.Union([Type.String(), Type.Null()], { description });
const Terms = Type.Object({
  account: Type.String(), maxHold: AmountOrNull('null: what the gateway allows'),
  overCapture: Type.Union([Type.Enum([...OVER_CAPTURES]), Type.Null()], { description: 'null: that of the gateway' }),
  debtLimit: AmountOrNull('null: that of the gateway'),
  reason: TextOrNull('why they were changed last; null to a user'), changedBy: TextOrNull('null to a user'), changedAt: TimeOut(),
});
const NotApplied = Type.Object({ applied: Type.Literal(false) });
const params = { accountId: AccountId('the account that pays') };

/** What an account allows its holds (docs/contracts/native.md#terms-of-an-account). */
export function termsRoutes(add: AddRoute, { showTerms, setTerms, removeTerms }: TermsRouteDeps): void {
  add('GET', PATH, callers('read'), {
    summary: 'What an account allows its holds, with its ETag', params, replies: { 200: Terms }, hasEtag: true,
    errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const accountId = accountInPath(ctx, principal);
    const terms = await showTerms(accountId);
    if (terms === null) throw noTerms();
    setEtag(ctx, terms.version);
    reply(ctx, 200, present(accountId, terms, principal));
  });

  add('PUT', PATH, services('admin'), {
    summary: 'Replace what an account allows its holds. 202: Redis is away, and it applies when Redis is back',
    params, headers: ConditionHeaders, body: termsBody, hasEtag: true,
    replies: { 200: Terms, 201: Terms, 202: Type.Intersect([Terms, NotApplied]) }, errors: ['precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal, body }) => {
    const accountId = accountInPath(ctx, principal);
    const change = changeOf(ctx, principal, reasonOf(principal, accountId, body.reason));
    const { terms, isNew, applied } = await setTerms(accountId, termsIn(body), change);
    setEtag(ctx, terms.version);
    const shown = present(accountId, terms, principal);
    if (applied) reply(ctx, isNew ? 201 : 200, shown);
    else reply(ctx, 202, { ...shown, applied });
  });

  add('DELETE', PATH, services('admin'), {
    summary: 'Remove the terms of an account: those of the gateway hold. 202: Redis is away, and they hold until Redis is back',
    params, query: { reason: Type.Optional(Type.String({ minLength: 1, maxLength: NOTES_LENGTH_MAX, description: 'why; kept' })) },
    headers: ConditionHeaders, replies: { 202: NotApplied, 204: Type.Null() },
    errors: ['not_found', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const accountId = accountInPath(ctx, principal);
    const told = givenText(ctx, 'reason', NOTES_LENGTH_MAX);
    const reason = reasonOf(principal, accountId, told === undefined ? undefined : storable(told, 'query.reason'), 'query.reason');
    const removed = await removeTerms(accountId, changeOf(ctx, principal, reason));
    if (removed === null) throw noTerms();
    if (removed.applied) ctx.status = 204;
    else reply(ctx, 202, removed);
  });
}

const noTerms = (): GatewayError => new GatewayError('not_found', 'The account has no terms of its own');

const changeOf = (ctx: GatewayContext, caller: NativeCaller, reason: string | null): TermsChange =>
  ({ check: preconditionOf(ctx), actor: actorOf(caller), reason });

function termsIn({ maxHold = null, overCapture = null, debtLimit = null }: TermsBody): AccountTerms {
  if (debtLimit !== null && overCapture !== null && overCapture !== 'debt') {
    throw invalid('body.debtLimit', `contradicts overCapture ${overCapture}, which makes no debt`);
  }
  const terms = {
    maxHold: maxHold === null ? null : positiveAmountIn(maxHold, 'body.maxHold'), overCapture,
    debtLimit: debtLimit === null ? null : amountIn(debtLimit, 'body.debtLimit'),
  };
  if (isNoTerms(terms)) throw invalid('body', 'needs `maxHold`, `overCapture` or `debtLimit`; DELETE removes the terms');
  return terms;
}

function present(accountId: string, { terms, reason, actor, atMs }: StoredTerms, caller: NativeCaller): Static<typeof Terms> {
  const isUser = caller.kind === 'user';
  return {
    account: accountId, maxHold: creditsOrNull(terms.maxHold), overCapture: terms.overCapture, debtLimit: creditsOrNull(terms.debtLimit),
    reason: isUser ? null : reason, changedBy: isUser ? null : actor, changedAt: timeText(atMs),
  };
}
