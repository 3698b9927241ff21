import Type from 'typebox';
import { allow, authenticated } from '../../auth/allow.js';
import { GatewayError } from '../../errors.js';
import { reply } from '../../http/json.js';
import type { AddRoute } from '../../http/routes.js';
import type { AccountSnapshot, Ledger, Lot } from '../../ledger/ledger.js';
import { toCredits } from '../../money/credits.js';
import type { CreditProfile, ReadCreditProfile } from '../../transactions/credit-profile.js';
import { ambiguous, pathTarget, type ResolveAccount } from './admin-target.js';
import { CreditsReply } from './amount.js';

const NullableTime = Type.Union([Type.String(), Type.Null()]);
const NullableText = Type.Union([Type.String(), Type.Null()]);
const NullableCredits = Type.Union([CreditsReply(), Type.Null()]);
const Allocation = Type.Object({
  id: Type.Union([Type.Integer(), Type.String()]), credits: CreditsReply(), remainingCredits: CreditsReply(), totalCredits: CreditsReply(), expiresAt: NullableTime, allocatedAt: Type.String(),
});
export const BalanceReply = Type.Object({
  totalCredits: CreditsReply(), activeAllocations: Type.Array(Allocation),
  credits: CreditsReply(), balance: CreditsReply(), spent: CreditsReply(), held: CreditsReply(), debt: CreditsReply(),
  userId: Type.String(), user_id: Type.String(),
  creditsBalance: CreditsReply(), creditsUsed: CreditsReply(), lifetime_credits_used: CreditsReply(),
  // Null while Postgres is away and has not told before.
  creditsPurchased: NullableCredits, lifetime_credits_purchased: NullableCredits,
  creditPlan: NullableText, credit_plan: Type.String(), lastCreditRefillAt: NullableTime, last_refill_at: NullableTime,
});

const Total = Type.Object({ totalCredits: CreditsReply() });
const params = { userId: Type.String({ description: 'id, username or e-mail' }) };

export type BalanceDeps = { readonly ledger: Pick<Ledger, 'readAccount' | 'readBalance'>; readonly resolveAccount: ResolveAccount; readonly creditProfile: ReadCreditProfile };

/** One answer for every client of this path: the superset of contract C-02. */
export function balanceRoutes(add: AddRoute, { ledger, resolveAccount, creditProfile }: BalanceDeps): void {
  add('GET', '/api/credits/balance', authenticated(), { summary: 'Credits of the caller', replies: { 200: BalanceReply }, errors: ['ledger_unavailable'] }, async (ctx, { principal: { accountId } }) => {
    const [account, profile] = await Promise.all([ledger.readAccount(accountId), creditProfile(accountId)]);
    reply(ctx, 200, presentBalance(accountId, account, profile));
  });

  add('GET', '/api/credits/total-balance', authenticated(), { summary: 'Credits of the caller, as one number', replies: { 200: Total }, errors: ['ledger_unavailable'] }, async (ctx, { principal }) => {
    const { available } = await ledger.readBalance(principal.accountId);
    reply(ctx, 200, { totalCredits: toCredits(available) });
  });

  add('GET', '/api/credits/balance/:userId', allow('admin', 'supervisor'), {
    summary: 'Credits of a user', params, replies: { 200: BalanceReply }, errors: ['account_not_found', 'conflict', 'ledger_unavailable'],
  }, async (ctx) => {
    const text = pathTarget(ctx);
    const found = await resolveAccount(text);
    if (found === 'ambiguous') throw ambiguous(text, 'path.userId');
    if (found === null) throw new GatewayError('account_not_found', text.includes('@') ? 'User not found with the provided email' : 'User not found');
    const [account, profile] = await Promise.all([ledger.readAccount(found.accountId), creditProfile(found.accountId)]);
    reply(ctx, 200, presentBalance(found.accountId, account, profile));
  });
}

export function presentBalance(accountId: string, account: AccountSnapshot, profile: CreditProfile | null): object {
  const available = toCredits(account.available);
  const spent = toCredits(account.totals.captured);
  const purchased = profile === null ? null : toCredits(profile.purchased);
  const plan = profile?.plan ?? null;
  const lastRefillAtMs = profile?.lastRefillAtMs ?? null;
  const lastRefillAt = lastRefillAtMs === null ? null : new Date(lastRefillAtMs).toISOString();
  return {
    totalCredits: available,
    activeAllocations: account.lots.filter(({ remaining }) => remaining > 0).map(presentLot),
    credits: available,
    balance: available,
    spent,
    held: toCredits(account.held),
    debt: toCredits(account.debt),
    userId: accountId,
    user_id: accountId,
    creditsBalance: available,
    creditsUsed: spent,
    lifetime_credits_used: spent,
    creditsPurchased: purchased,
    lifetime_credits_purchased: purchased,
    creditPlan: plan,
    credit_plan: plan ?? 'free',
    lastCreditRefillAt: lastRefillAt,
    last_refill_at: lastRefillAt,
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
export const allocationId = (lotId: string): number | string => (/^\d{1,15}$/.test(lotId) ? Number(lotId) : lotId);
