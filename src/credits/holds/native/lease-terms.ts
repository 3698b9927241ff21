import { invalid } from '../../../kit/errors.js';
import type { Micros } from '../../../kit/money/micros.js';
import type { OverCapture } from '../../../ledger/ledger.js';

/** What pays for usage beyond a hold. */
export type Beyond = { readonly overCapture: OverCapture; readonly debtLimit: Micros | null };

/** From the laxest to the strictest. */
const STRICTNESS: readonly OverCapture[] = ['debt', 'available', 'cap'];

/**
 * The rule for usage beyond a hold: that of the deployment, or a stricter one that was asked for.
 *
 * @throws GatewayError invalid_request for a laxer one, and for a limit of debt where there is none.
 */
export function beyondHold(
  standard: Beyond, asked: { readonly overCapture?: OverCapture | undefined; readonly debtLimit?: Micros | undefined },
): Beyond {
  const overCapture = asked.overCapture ?? standard.overCapture;
  if (STRICTNESS.indexOf(overCapture) < STRICTNESS.indexOf(standard.overCapture)) {
    throw invalid('body.overCapture', `must be ${standard.overCapture} or stricter here`);
  }
  if (asked.debtLimit === undefined) return { overCapture, debtLimit: overCapture === 'debt' ? standard.debtLimit : null };
  if (overCapture !== 'debt') throw invalid('body.debtLimit', `contradicts overCapture ${overCapture}, which makes no debt`);
  if (standard.debtLimit !== null && asked.debtLimit > standard.debtLimit) {
    throw invalid('body.debtLimit', 'must not be above the limit of this gateway');
  }
  return { overCapture, debtLimit: asked.debtLimit };
}
