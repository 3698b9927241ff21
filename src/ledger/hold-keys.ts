import type { AccountKeys } from './keys.js';

/** Keys of every step on a hold. Written out: this is the hot path, and a spread would cost more than everything else in Node. */
export const holdKeys = (holdId: string) => (account: AccountKeys) => ({
  fence: account.fence, account: account.account, lots: account.lots, lot: account.lot,
  lots_due: account.lotsDue, journal: account.journal,
  hold: account.hold(holdId), open: account.open, holds_due: account.holdsDue, limits: account.limits,
});

/** The same with the receipt of the request's key. Without one ('') no script reads it, and it is the hold's key once more. */
export const keyedHoldKeys = (holdId: string, key: string) => (account: AccountKeys) => {
  const hold = account.hold(holdId);
  return {
    fence: account.fence, account: account.account, lots: account.lots, lot: account.lot,
    lots_due: account.lotsDue, journal: account.journal,
    hold, open: account.open, holds_due: account.holdsDue, limits: account.limits, receipt: key === '' ? hold : account.receipt(key),
  };
};

/** The same for a place, which must not repeat a hold that has ended. */
export const placeKeys = (holdId: string, key: string) => (account: AccountKeys) => {
  const hold = account.hold(holdId);
  return {
    fence: account.fence, account: account.account, lots: account.lots, lot: account.lot,
    lots_due: account.lotsDue, journal: account.journal,
    hold, open: account.open, holds_due: account.holdsDue, limits: account.limits, receipt: key === '' ? hold : account.receipt(key),
    ended: account.ended(holdId),
  };
};
