import Type from 'typebox';
import type { ReadCreditProfile } from '../../credits/statement/credit-profile.js';
import { GatewayError } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import type { Ledger } from '../../ledger/ledger.js';
import { allow, authenticated } from '../auth/allow.js';
import { ambiguous, type ResolveAccount } from '../http/account-target.js';
import { CreditsReply } from '../http/amount.js';
import { BalanceReply, presentBalance } from '../http/balance-reply.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { pathTarget } from './admin-target.js';

const Total = Type.Object({ totalCredits: CreditsReply() });
const params = { userId: Type.String({ description: 'id, username or e-mail' }) };

export type BalanceDeps = {
  readonly ledger: Pick<Ledger, 'readBalance' | 'readFunds'>;
  readonly resolveAccount: ResolveAccount;
  readonly creditProfile: ReadCreditProfile;
};

/** One answer for every client of this path: the superset of docs/contracts/README.md#c-02. */
export function balanceRoutes(add: AddRoute, { ledger, resolveAccount, creditProfile }: BalanceDeps): void {
  add('GET', '/api/credits/balance', authenticated(), {
    summary: 'Credits of the caller', replies: { 200: BalanceReply }, errors: ['ledger_unavailable'],
  }, async (ctx, { principal: { accountId } }) => {
    const [account, profile] = await Promise.all([ledger.readFunds(accountId), creditProfile(accountId)]);
    reply(ctx, 200, presentBalance(accountId, account, profile));
  });

  add('GET', '/api/credits/total-balance', authenticated(), {
    summary: 'Credits of the caller, as one number', replies: { 200: Total }, errors: ['ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const { available } = await ledger.readBalance(principal.accountId);
    reply(ctx, 200, { totalCredits: toCredits(available) });
  });

  add('GET', '/api/credits/balance/:userId', allow('admin', 'supervisor'), {
    summary: 'Credits of a user', params, replies: { 200: BalanceReply }, errors: ['account_not_found', 'conflict', 'ledger_unavailable'],
  }, async (ctx) => {
    const text = pathTarget(ctx);
    const found = await resolveAccount(text);
    if (found === 'ambiguous') throw ambiguous(text, 'path.userId');
    if (found === null) {
      throw new GatewayError('account_not_found', text.includes('@') ? 'User not found with the provided email' : 'User not found');
    }
    const [account, profile] = await Promise.all([ledger.readFunds(found.accountId), creditProfile(found.accountId)]);
    reply(ctx, 200, presentBalance(found.accountId, account, profile));
  });
}
