import type { AccountSource, EndedHoldImage, HoldName } from '../ledger/account-image.js';

/** Asks at once for all holds that are about to be placed. Returns what forgets the answers. */
export type ForeseeHolds = (names: readonly HoldName[]) => () => void;

/**
 * A source that answers `recallEndedHold` and `recallEndedHolds` from a look-up that was begun ahead, so that a thousand
 * placements, of which some run at once, cost one statement. An answer may be as old as the batch: a hold that has ended since
 * is still in Redis.
 */
export function foreseeing(source: AccountSource): AccountSource & { readonly foresee: ForeseeHolds } {
  /** Where the answer is: in those to the look-up, at this place. */
  type Foreseen = { readonly answers: ReturnType<AccountSource['recallEndedHolds']>; readonly index: number };
  const foreseen = new Map<string, Foreseen>();
  // No id contains NUL.
  const textOf = (accountId: string, holdId: string): string => `${accountId}\0${holdId}`;
  return {
    ...source,
    recallEndedHold: (accountId, holdId) => {
      const known = foreseen.size === 0 ? undefined : foreseen.get(textOf(accountId, holdId));
      if (known === undefined) return source.recallEndedHold(accountId, holdId);
      // What fails all of them, such as one row that cannot be read, fails none of the others alone.
      return known.answers.then((answers) => answers[known.index] ?? null, () => source.recallEndedHold(accountId, holdId));
    },
    recallEndedHolds: async (names) => {
      const found: (EndedHoldImage | null)[] = [];
      let last: Pick<Foreseen, 'answers'> & { readonly known: Awaited<Foreseen['answers']> } | undefined;
      for (const { accountId, holdId } of names) {
        const ahead = foreseen.get(textOf(accountId, holdId));
        if (ahead === undefined) return source.recallEndedHolds(names);
        // Mostly all are of one batch, and so of one look-up.
        if (last?.answers !== ahead.answers) last = { answers: ahead.answers, known: await ahead.answers };
        found.push(last.known[ahead.index] ?? null);
      }
      return found;
    },
    foresee: (names) => {
      if (names.length === 0) return () => undefined;
      const answers = source.recallEndedHolds(names);
      answers.catch(() => undefined); // it may be that no placement gets as far as to ask
      const texts = names.map(({ accountId, holdId }) => textOf(accountId, holdId));
      texts.forEach((text, index) => foreseen.set(text, { answers, index }));
      return () => { for (const text of texts) if (foreseen.get(text)?.answers === answers) foreseen.delete(text); };
    },
  };
}
