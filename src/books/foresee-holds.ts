import type { AccountSource, EndedHoldImage } from '../ledger/account-image.js';

export type HoldName = { readonly accountId: string; readonly holdId: string };

/** Asks at once for all holds that are about to be placed. Returns what forgets the answers. */
export type ForeseeHolds = (names: readonly HoldName[]) => () => void;

/**
 * A source that answers `recallEndedHold` from a look-up that was begun ahead, so that a thousand placements, of which some
 * run at once, cost one statement. An answer may be as old as the batch: a hold that has ended since is still in Redis.
 */
export function foreseeing(source: AccountSource): AccountSource & { readonly foresee: ForeseeHolds } {
  const foreseen = new Map<string, Promise<EndedHoldImage | null>>();
  // No id contains NUL.
  const textOf = (accountId: string, holdId: string): string => `${accountId}\0${holdId}`;
  return {
    ...source,
    recallEndedHold: (accountId, holdId) =>
      (foreseen.size === 0 ? undefined : foreseen.get(textOf(accountId, holdId))) ?? source.recallEndedHold(accountId, holdId),
    foresee: (names) => {
      const begun = names.map(({ accountId, holdId }) => {
        const answer = [textOf(accountId, holdId), source.recallEndedHold(accountId, holdId)] as const;
        foreseen.set(...answer);
        return answer;
      });
      return () => { for (const [name, answer] of begun) if (foreseen.get(name) === answer) foreseen.delete(name); };
    },
  };
}
