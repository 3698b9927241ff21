import Type from 'typebox';
import type { CreditProfile } from '../../credits/statement/credit-profile.js';
import { toCredits } from '../../kit/money/credits.js';
import type { AccountFunds, Lot } from '../../ledger/account-snapshot.js';
import { CreditsReply } from './amount.js';

const NullableTime = Type.Union([Type.String(), Type.Null()]);
const NullableText = Type.Union([Type.String(), Type.Null()]);
const NullableCredits = Type.Union([CreditsReply(), Type.Null()]);
const Allocation = Type.Object({
  id: Type.Union([Type.Integer(), Type.String()]), credits: CreditsReply(), remainingCredits: CreditsReply(), totalCredits: CreditsReply(),
  expiresAt: NullableTime, allocatedAt: Type.String(),
});
/** One balance for every client: the superset of docs/contracts/README.md#c-02. */
export const BalanceReply = Type.Object({
  totalCredits: CreditsReply(), activeAllocations: Type.Array(Allocation),
  credits: CreditsReply(), balance: CreditsReply(), spent: CreditsReply(), held: CreditsReply(), debt: CreditsReply(),
  userId: Type.String(), user_id: Type.String(),
  creditsBalance: CreditsReply(), creditsUsed: CreditsReply(), lifetime_credits_used: CreditsReply(),
  // Null while Postgres is down and the profile was not read before.
  creditsPurchased: NullableCredits, lifetime_credits_purchased: NullableCredits,
  creditPlan: NullableText, credit_plan: Type.String(), lastCreditRefillAt: NullableTime, last_refill_at: NullableTime,
});

export function presentBalance(accountId: string, account: AccountFunds, profile: CreditProfile | null): object {
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

/** Clients take an allocation's id for an integer (docs/contracts/README.md#c-25), and the ids of granted lots are; others stay text. */
export const allocationId = (lotId: string): number | string => (/^\d{1,15}$/.test(lotId) ? Number(lotId) : lotId);
