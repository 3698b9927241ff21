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
 * Whether an account could pay `required` now. It reserves nothing, so the next request may spend the credits; use a hold
 * to be sure. Throws GatewayError ledger_unavailable: when the balance is unknown, the answer is never "sufficient" (I10).
 */
export async function checkCredits(
  { ledger }: { readonly ledger: Pick<Ledger, 'readBalance'> },
  { accountId, required }: { readonly accountId: string; readonly required: Micros },
): Promise<CreditsCheck> {
  const { available } = await ledger.readBalance(accountId);
  return { sufficient: available >= required, available, required, difference: micros(available - required) };
}
