import Type from 'typebox';
import { authenticated } from '../../auth/allow.js';
import { reply } from '../../http/json.js';
import type { AddRoute } from '../../http/routes.js';
import type { AccountSnapshot, Ledger, Lot } from '../../ledger/ledger.js';
import { toCredits } from '../../money/credits.js';
import { CreditsReply } from './amount.js';

const NullableTime = Type.Union([Type.String(), Type.Null()]);
const Allocation = Type.Object({
  id: Type.Integer(), credits: CreditsReply(), remainingCredits: CreditsReply(), totalCredits: CreditsReply(), expiresAt: NullableTime, allocatedAt: Type.String(),
});
const Reply = Type.Object({
  totalCredits: CreditsReply(), activeAllocations: Type.Array(Allocation),
  credits: CreditsReply(), balance: CreditsReply(), spent: CreditsReply(), held: CreditsReply(), debt: CreditsReply(),
  userId: Type.String(), user_id: Type.String(),
});

/** One answer for every client of this path: the superset of contract C-02. */
export function balanceRoutes(add: AddRoute, { ledger }: { readonly ledger: Pick<Ledger, 'readAccount'> }): void {
  add('GET', '/api/credits/balance', authenticated(), { summary: 'Credits of the caller', replies: { 200: Reply } }, async (ctx, { principal }) => {
    reply(ctx, 200, presentBalance(principal.accountId, await ledger.readAccount(principal.accountId)));
  });
}

export function presentBalance(accountId: string, account: AccountSnapshot): object {
  const available = toCredits(account.available);
  return {
    totalCredits: available,
    activeAllocations: account.lots.filter(({ remaining }) => remaining > 0).map(presentLot),
    credits: available,
    balance: available,
    spent: toCredits(account.totals.captured),
    held: toCredits(account.held),
    debt: toCredits(account.debt),
    userId: accountId,
    user_id: accountId,
  };
}

function presentLot({ lotId, amount, remaining, expiresAtMs, grantedAtMs }: Lot): object {
  return {
    id: allocationId(lotId),
    credits: toCredits(remaining),
    remainingCredits: toCredits(remaining),
    totalCredits: toCredits(amount),
    expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
    allocatedAt: new Date(grantedAtMs).toISOString(),
  };
}

/** Clients take an allocation's id for an integer (contract C-25), and the ids of granted lots are; others stay text. */
const allocationId = (lotId: string): number | string => (/^\d{1,15}$/.test(lotId) ? Number(lotId) : lotId);
