import { TransactionReason, TransactionType } from '../../books/transaction.js';
import { invalid } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import type { MoneyIn, MoneyInResult } from '../grants/money-in.js';
import { refusalOf } from '../grants/money-request.js';

export type ReferralDeps = { readonly moneyIn: Pick<MoneyIn, 'grant'> };

export type ReferralCommand = {
  /** Account ids of the user who referred and of the user who was referred. */
  readonly referrer: string;
  readonly referee: string;
  /** Greater than 0. */
  readonly referrerAmount: Micros;
  /** 0: the referee gets nothing. */
  readonly refereeAmount: Micros;
  readonly actor: string;
};

/** `pending`: recorded, and applied as soon as Redis is available. `replayed`: it had been granted before. */
export type Referral = { readonly status: 'granted' | 'pending'; readonly replayed: boolean };

/**
 * Rewards a referral. A user can be referred once: repeating the same referral changes nothing; another referrer, or other
 * amounts, for the same referee are refused.
 *
 * @throws GatewayError invalid_request, idempotency_mismatch (referred before, otherwise), limit_exceeded,
 *   account_frozen, ledger_unavailable. A repeat continues where the first attempt stopped.
 */
export async function grantReferral({ moneyIn }: ReferralDeps, command: ReferralCommand): Promise<Referral> {
  const { referrer, referee, referrerAmount, refereeAmount, actor } = command;
  if (referrer === referee) throw invalid('body.referrer', 'a user cannot refer themselves');
  const grant = async (side: 'referrer' | 'referee', amount: Micros): Promise<MoneyInResult> => {
    const result = await moneyIn.grant({
      accountId: side === 'referrer' ? referrer : referee, amount, expiresAtMs: null, retriesRefused: true,
      idempotency: { scope: 'referral', key: `${referee}/${side}` },
      fingerprint: fingerprint('referral', referrer, referrerAmount, refereeAmount),
      about: writeFacts({
        type: 'change', source: 'referral', actor, reason: 'referral',
        transaction: {
          type: TransactionType.BONUS, reason: TransactionReason.REFERRAL_BONUS, description: 'Referral bonus',
          metadata: { referrer, referee },
        },
      }),
    });
    if (result.status === 'refused') throw refusalOf(result.reason);
    return result;
  };
  const results = [await grant('referrer', referrerAmount), ...(refereeAmount > 0 ? [await grant('referee', refereeAmount)] : [])];
  return {
    status: results.some(({ status }) => status === 'pending') ? 'pending' : 'granted',
    replayed: results.every((result) => result.status === 'applied' && result.replayed),
  };
}
