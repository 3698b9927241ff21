import Type from 'typebox';
import { costOfTokens, type TokenBook } from '../../credits/prices/token-book.js';
import { toCredits } from '../../kit/money/credits.js';
import { authenticated } from '../auth/allow.js';
import { CreditsReply } from '../http/amount.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf } from '../http/schema.js';
import { byOneCount, ModelId, Tokens, wholeTokens } from './tokens.js';

const INVALID = 'Valid modelId and tokens required';
const body = byOneCount(bodyOf(Type.Object({ modelId: ModelId(), tokens: Tokens() }), INVALID), INVALID);
const Reply = Type.Object({ credits: CreditsReply(), requiredCredits: CreditsReply(), modelId: Type.String(), tokens: Type.Number() });

export function calculateRoutes(add: AddRoute, { tokenBook }: { readonly tokenBook: TokenBook }): void {
  add('POST', '/api/credits/calculate', authenticated(), {
    summary: 'Cost of tokens of a model', body, replies: { 200: Reply },
  }, (ctx, call) => {
    const { modelId, tokens } = call.body;
    const credits = toCredits(costOfTokens(tokenBook.priceOf(modelId), wholeTokens(tokens)));
    reply(ctx, 200, { credits, requiredCredits: credits, modelId, tokens });
  });
}
