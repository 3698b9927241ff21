import Type from 'typebox';
import { authenticated } from '../../auth/allow.js';
import { checkCredits, type CreditsCheck } from '../../accounts/check-credits.js';
import { GatewayError } from '../../errors.js';
import type { GatewayContext } from '../../http/context.js';
import { reply } from '../../http/json.js';
import { refuse } from '../../http/refusals.js';
import type { AddRoute } from '../../http/routes.js';
import { bodyOf } from '../../http/schema.js';
import type { Ledger } from '../../ledger/ledger.js';
import { toCredits } from '../../money/credits.js';
import type { Micros } from '../../money/micros.js';
import { Credits, CreditsReply, readAmount } from './amount.js';

const INVALID = 'Valid credits amount required';

const body = bodyOf(Type.Object({ credits: Type.Optional(Credits()), requiredCredits: Type.Optional(Credits()) }), INVALID);

export const CheckReply = Type.Object({
  sufficient: Type.Boolean(), hasSufficientCredits: Type.Boolean(), hasEnoughCredits: Type.Boolean(), has_sufficient_credits: Type.Boolean(),
  credits: CreditsReply(), currentBalance: CreditsReply(), current_balance: CreditsReply(),
  requiredCredits: CreditsReply(), required_credits: CreditsReply(), difference: CreditsReply(),
  shortfall: Type.Optional(CreditsReply()), message: Type.Optional(Type.String()),
});

/** Answers 200 either way; only `sufficient` tells (contract §2.3). */
export function checkRoutes(add: AddRoute, deps: { readonly ledger: Pick<Ledger, 'readBalance'> }): void {
  add('POST', '/api/credits/check', authenticated(), { summary: 'Could the caller pay this now', body, replies: { 200: CheckReply }, errors: ['ledger_unavailable'] }, async (ctx, call) => {
    const required = requiredAmount(call.body);
    answerCheck(ctx, await checkCredits(deps, { accountId: call.principal.accountId, required }));
  });
}

/** Both names of the amount are in the wild. Together they must agree: picking one would approve the other's request. */
function requiredAmount({ credits, requiredCredits }: { readonly credits?: number | string; readonly requiredCredits?: number | string }): Micros {
  const newer = credits === undefined ? undefined : readAmount(credits, { path: 'body.credits', message: INVALID });
  const older = requiredCredits === undefined ? undefined : readAmount(requiredCredits, { path: 'body.requiredCredits', message: INVALID });
  const amount = newer ?? older;
  if (amount === undefined) throw refusal('body.credits', 'is missing');
  if (older !== undefined && older !== amount) throw refusal('body.requiredCredits', 'differs from credits; send one of them');
  return amount;
}

const refusal = (path: string, message: string): GatewayError => new GatewayError('invalid_request', INVALID, { sources: [{ path, message }] });

/** Answers any of the routes that ask whether there is enough. A no is no error, but somebody was refused. */
export function answerCheck(ctx: GatewayContext, check: CreditsCheck): void {
  if (!check.sufficient) refuse(ctx, 'check_negative', `${toCredits(check.required)} credits asked for, ${toCredits(check.available)} available`);
  reply(ctx, 200, presentCheck(check));
}

/** The union of every shape that clients have learned to read (contract C-04). */
function presentCheck({ sufficient, available, required, difference }: CreditsCheck): object {
  const credits = toCredits(available);
  const requiredCredits = toCredits(required);
  return {
    sufficient,
    hasSufficientCredits: sufficient,
    hasEnoughCredits: sufficient,
    has_sufficient_credits: sufficient,
    credits,
    currentBalance: credits,
    current_balance: credits,
    requiredCredits,
    required_credits: requiredCredits,
    difference: toCredits(difference),
    ...(sufficient ? {} : { shortfall: -toCredits(difference), message: 'Insufficient credits' }),
  };
}
