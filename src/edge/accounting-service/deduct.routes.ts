import Type from 'typebox';
import { deductCredits, type DeductCreditsDeps } from '../../credits/charges/deduct-credits.js';
import { toCredits } from '../../kit/money/credits.js';
import { authenticated } from '../auth/allow.js';
import { Credits, CreditsReply, readPositiveAmount } from '../http/amount.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf } from '../http/schema.js';

const INVALID = 'Valid, positive credits amount required';

const body = bodyOf(Type.Object({ credits: Credits() }), INVALID);
const Reply = Type.Object({ success: Type.Literal(true), message: Type.String(), remainingBalance: CreditsReply() });

/** A user's own service takes what it used, without a usage record. A refusal leaves the balance as it was (A3). */
export function deductRoutes(add: AddRoute, deps: DeductCreditsDeps): void {
  add('POST', '/api/credits/deduct', authenticated(), {
    summary: 'Charge the caller', headers: IdempotencyKeyHeader, body, replies: { 200: Reply }, replays: true, urgency: 'begin',
    errors: ['idempotency_mismatch', 'account_frozen', 'ledger_unavailable'],
    // The original's 400: its callers tell "not enough" by the text.
    wording: { insufficient_credits: { message: 'Insufficient credits', path: 'body.credits', status: 400 } },
  }, async (ctx, { principal, body: { credits } }) => {
    const amount = readPositiveAmount(credits, { path: 'body.credits', message: INVALID });
    const { available, replayed } = await deductCredits(deps, {
      accountId: principal.accountId, amount, key: idempotencyKey(ctx, principal),
    });
    markReplayed(ctx, replayed);
    reply(ctx, 200, {
      success: true, message: `Successfully deducted ${toCredits(amount)} credits.`, remainingBalance: toCredits(available),
    });
  });
}
