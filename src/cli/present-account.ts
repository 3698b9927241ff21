import type { ShownAccount } from '../credits/accounts/show-account.js';
import { toCredits } from '../kit/money/credits.js';

const timeText = (ms: number): string => new Date(ms).toISOString();

/** An account for operators; amounts in credits. */
export function presentAccount({ accountId, account, freeze }: ShownAccount) {
  const { seq, available, held, debt, totals, frozen, lots, holds } = account;
  return {
    accountId, seq, available: toCredits(available), held: toCredits(held), debt: toCredits(debt),
    totals: {
      granted: toCredits(totals.granted), captured: toCredits(totals.captured), expired: toCredits(totals.expired),
      removed: toCredits(totals.removed), uncollected: toCredits(totals.uncollected),
    },
    frozen,
    freeze: freeze === null ? null : { actor: freeze.actor, reason: freeze.reason, at: timeText(freeze.atMs) },
    lots: lots.map((lot) => ({
      lotId: lot.lotId, amount: toCredits(lot.amount), remaining: toCredits(lot.remaining), held: toCredits(lot.held),
      grantedAt: timeText(lot.grantedAtMs), expiresAt: lot.expiresAtMs === null ? null : timeText(lot.expiresAtMs),
    })),
    holds: holds.map(presentHold),
  };
}

export const presentHold = ({ holdId, amount, placedAtMs, expiresAtMs, price }: ShownAccount['account']['holds'][number]) => ({
  holdId, amount: toCredits(amount), placedAt: timeText(placedAtMs), expiresAt: timeText(expiresAtMs), price,
});
