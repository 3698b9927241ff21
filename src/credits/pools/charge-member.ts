import type { ChargeAccount, Charged } from '../charges/charge-account.js';
import type { Paid } from './holds-of-members.js';
import type { Pools } from './pools.js';

/** Charges an account: of a member its pool, under the name of the member. @throws what `charge` throws */
export async function chargeMember(
  pools: Pick<Pools, 'payerOf'>, command: ChargeAccount, charge: (command: ChargeAccount) => Promise<Charged>,
): Promise<Charged & Paid> {
  const payer = pools.payerOf(command.accountId);
  if (payer.accountId === command.accountId) return charge(command);
  const { accountId, spender } = payer;
  return { ...await charge({ ...command, accountId, spending: { ...command.spending, spender } }), payer };
}
