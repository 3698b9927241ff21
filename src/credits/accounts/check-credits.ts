import { micros, type Micros } from '../../kit/money/micros.js';
import type { Ledger } from '../../ledger/ledger.js';

export type CreditsCheck = {
  readonly sufficient: boolean;
  readonly available: Micros;
  readonly required: Micros;
  /** `available − required`; negative when short. */
  readonly difference: Micros;
};

/**
 * Whether an account could pay `required` now. Advice, not a promise: nothing is reserved, and the next request may
 * spend it. A hold is the gate. Throws GatewayError ledger_unavailable: when in doubt nobody is told "sufficient" (I10).
 */
export async function checkCredits(
  { ledger }: { readonly ledger: Pick<Ledger, 'readBalance'> },
  { accountId, required }: { readonly accountId: string; readonly required: Micros },
): Promise<CreditsCheck> {
  const { available } = await ledger.readBalance(accountId);
  return { sufficient: available >= required, available, required, difference: micros(available - required) };
}
