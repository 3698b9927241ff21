import Type from 'typebox';
import type { CreditsCheck } from '../../credits/accounts/check-credits.js';
import { toCredits } from '../../kit/money/credits.js';
import { CreditsReply } from './amount.js';
import type { GatewayContext } from './context.js';
import { reply } from './json.js';
import { refuse } from './refusals.js';

export const CheckReply = Type.Object({
  sufficient: Type.Boolean(), hasSufficientCredits: Type.Boolean(), hasEnoughCredits: Type.Boolean(),
  has_sufficient_credits: Type.Boolean(),
  credits: CreditsReply(), currentBalance: CreditsReply(), current_balance: CreditsReply(),
  requiredCredits: CreditsReply(), required_credits: CreditsReply(), difference: CreditsReply(),
  shortfall: Type.Optional(CreditsReply()), message: Type.Optional(Type.String()),
});

/** The answer of all routes that check a balance. A negative answer is not an error, but it is recorded as a refusal. */
export function answerCheck(ctx: GatewayContext, check: CreditsCheck): void {
  if (!check.sufficient) {
    refuse(ctx, 'check_negative', `${toCredits(check.required)} credits asked for, ${toCredits(check.available)} available`);
  }
  reply(ctx, 200, presentCheck(check));
}

/** The fields of all callers in one object (docs/contracts/README.md#c-04). */
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
