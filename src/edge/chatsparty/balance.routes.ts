import type { ReadCreditProfile } from '../../credits/statement/credit-profile.js';
import type { Ledger } from '../../ledger/ledger.js';
import { authenticated } from '../auth/allow.js';
import { BalanceReply, presentBalance } from '../http/balance-reply.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';

export type BalanceDeps = { readonly ledger: Pick<Ledger, 'readFunds'>; readonly creditProfile: ReadCreditProfile };

/** The balance for callers without `/api`; with it, the accounting service's route answers the same (docs/contracts/README.md#c-02). */
export function balanceRoutes(add: AddRoute, { ledger, creditProfile }: BalanceDeps): void {
  add('GET', '/credits/balance', authenticated(), {
    summary: 'Credits of the caller', replies: { 200: BalanceReply },
    wording: { ledger_unavailable: { message: 'Failed to get credit balance', path: '' } },
  }, async (ctx, { principal: { accountId } }) => {
    const [account, profile] = await Promise.all([ledger.readFunds(accountId), creditProfile(accountId)]);
    reply(ctx, 200, presentBalance(accountId, account, profile));
  });
}
