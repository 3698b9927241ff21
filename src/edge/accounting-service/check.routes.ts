import Type from 'typebox';
import { checkCredits } from '../../credits/accounts/check-credits.js';
import { GatewayError } from '../../kit/errors.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Ledger } from '../../ledger/ledger.js';
import { authenticated } from '../auth/allow.js';
import { Credits, readAmount } from '../http/amount.js';
import { answerCheck, CheckReply } from '../http/check-reply.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf } from '../http/schema.js';

const INVALID = 'Valid credits amount required';

const body = bodyOf(Type.Object({ credits: Type.Optional(Credits()), requiredCredits: Type.Optional(Credits()) }), INVALID);

/** Answers 200 either way; only `sufficient` tells (docs/contracts/accounting-service.md#credits). */
export function checkRoutes(add: AddRoute, deps: { readonly ledger: Pick<Ledger, 'readBalance'> }): void {
  add('POST', '/api/credits/check', authenticated(), {
    summary: 'Whether the caller has enough credits now', body, replies: { 200: CheckReply }, errors: ['ledger_unavailable'],
  }, async (ctx, call) => {
    const required = requiredAmount(call.body);
    answerCheck(ctx, await checkCredits(deps, { accountId: call.principal.accountId, required }));
  });
}

/** Both names of the amount are in the wild. Together they must agree: picking one would approve the other's request. */
function requiredAmount(
  { credits, requiredCredits }: { readonly credits?: number | string; readonly requiredCredits?: number | string },
): Micros {
  const newer = credits === undefined ? undefined : readAmount(credits, { path: 'body.credits', message: INVALID });
  const older = requiredCredits === undefined ? undefined : readAmount(requiredCredits, { path: 'body.requiredCredits', message: INVALID });
  const amount = newer ?? older;
  if (amount === undefined) throw refusal('body.credits', 'is missing');
  if (older !== undefined && older !== amount) throw refusal('body.requiredCredits', 'differs from credits; send one of them');
  return amount;
}

const refusal = (path: string, message: string): GatewayError =>
  new GatewayError('invalid_request', INVALID, { sources: [{ path, message }] });
