import Type from 'typebox';
import { checkCredits } from '../../credits/accounts/check-credits.js';
import { invalid } from '../../kit/errors.js';
import { micros, MICROS_PER_CREDIT } from '../../kit/money/micros.js';
import type { Ledger } from '../../ledger/ledger.js';
import { authenticated } from '../auth/allow.js';
import { Credits, readPositiveAmount } from '../http/amount.js';
import { answerCheck, CheckReply } from '../http/check-reply.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf } from '../http/schema.js';
import { PREFIXES } from './prefixes.js';

const INVALID = 'Invalid amount';
/** A number only: the original took texts and NaN for amounts (P6). */
const body = bodyOf(Type.Object({ amount: Type.Unsafe<number>({ ...Credits(), type: 'number' }) }), INVALID);
const AMOUNT_PATH = /^\d{1,9}$/;
const params = { amount: Type.Integer({ minimum: 0, maximum: 999_999_999, description: 'whole credits' }) };

/** Two routes that check a balance. Both answer with the fields of all callers (docs/contracts/README.md#c-04). */
export function checkRoutes(add: AddRoute, deps: { readonly ledger: Pick<Ledger, 'readBalance'> }): void {
  for (const prefix of PREFIXES) {
    add('POST', `${prefix}/validate`, authenticated(), {
      summary: 'Whether the caller has this many credits', body, replies: { 200: CheckReply }, errors: ['ledger_unavailable'],
    }, async (ctx, { principal: { accountId }, body: { amount } }) => {
      const required = readPositiveAmount(amount, { path: 'body.amount', message: INVALID });
      answerCheck(ctx, await checkCredits(deps, { accountId, required }));
    });

    add('GET', `${prefix}/check/:amount`, authenticated(), {
      summary: 'Whether the caller has this many whole credits', params, replies: { 200: CheckReply }, errors: ['ledger_unavailable'],
      wording: { invalid_request: { path: 'path.amount', status: 422 } },
    }, async (ctx, { principal: { accountId } }) => {
      const text = ctx.params?.['amount'] ?? '';
      if (!AMOUNT_PATH.test(text)) throw invalid('path.amount', 'amount must be a whole number of credits, from 0 to 999999999');
      const required = micros(Number(text) * MICROS_PER_CREDIT);
      answerCheck(ctx, await checkCredits(deps, { accountId, required }));
    });
  }
}
