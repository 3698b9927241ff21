import { invalid, type GatewayError } from '../../../kit/errors.js';
import { toCredits } from '../../../kit/money/credits.js';
import type { Micros } from '../../../kit/money/micros.js';
import type { AskedTerms, LaxerTerms, OverCapture } from '../../../ledger/ledger.js';

/** What pays for usage beyond a hold. */
export type Beyond = { readonly overCapture: OverCapture; readonly debtLimit: Micros | null };

/** The rule that a place asks for. @throws GatewayError invalid_request for a limit of debt with a rule that makes none. */
export function termsIn({ overCapture, debtLimit }: AskedTerms): AskedTerms {
  if (debtLimit !== undefined && overCapture !== undefined && overCapture !== 'debt') throw noDebt(overCapture);
  return { overCapture, debtLimit };
}

/** Why a rule was refused that is laxer than that of the account, or else of the gateway. */
export function laxerTerms(refused: LaxerTerms): GatewayError {
  switch (refused.term) {
    case 'over_capture':
      return invalid('body.overCapture', `must be ${refused.allowed} or stricter for this account`);
    case 'no_debt':
      return noDebt(refused.allowed);
    case 'debt_limit':
      return invalid('body.debtLimit', `must not be above ${toCredits(refused.allowed)}, the limit of this account`);
  }
}

const noDebt = (overCapture: OverCapture): GatewayError =>
  invalid('body.debtLimit', `contradicts overCapture ${overCapture}, which makes no debt`);
