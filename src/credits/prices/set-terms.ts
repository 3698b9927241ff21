import type { Clock } from '../../kit/clock.js';
import { invalid } from '../../kit/errors.js';
import { unconditional, type Precondition } from '../../kit/precondition.js';
import { bookRevision } from './book-revision.js';
import { checkJumps, checkPrice, isSamePrice, type Insistence } from './check-price.js';
import type { PriceBooks } from './price-books.js';
import type { PriceDraft, PriceVersion } from './price.js';
import { compare, parseDecimal, plus, rational, toDecimal, ZERO_RATIONAL } from './rational.js';

export type SetTerms = Insistence & {
  readonly book: string;
  /** Every active profit, 0 to 100 each; they add up (docs/contracts/credits-process.md#end). Absent: the margins stay. */
  readonly profitPercents?: readonly string[] | undefined;
  /** The price of a credit. Absent: it stays. */
  readonly moneyPerCredit?: string | undefined;
  readonly effectiveFromMs?: number | undefined;
  readonly actor: string;
  readonly note?: string | undefined;
};

/**
 * Gives all prices of a book another margin or another price of a credit: a new version of each, in one transaction, so
 * that every version still prices alone. Prices that wait for a later moment get them, too.
 *
 * @throws GatewayError invalid_request (as setPrice), what `check` of the book's revision throws, ledger_unavailable.
 */
export async function setTerms(
  { books, clock }: { readonly books: PriceBooks; readonly clock: Clock }, command: SetTerms, check: Precondition = unconditional,
): Promise<{ readonly written: readonly PriceVersion[]; readonly revision: string | null }> {
  const { book, moneyPerCredit, actor, note = '' } = command;
  const marginPercent = command.profitPercents === undefined ? undefined : sumOf(command.profitPercents);
  let last = 0;
  const written = await books.write((history) => {
    last = history.lastVersion();
    check(bookRevision(history, book, clock()));
    const fromMs = Math.max(command.effectiveFromMs ?? 0, clock());
    const concerned = [
      ...history.current(book, fromMs).map(({ row }) => ({ row, effectiveFromMs: fromMs })),
      ...history.scheduled(book, fromMs).map(({ row }) => ({ row, effectiveFromMs: row.effectiveFromMs })),
    ];
    return concerned.flatMap(({ row, effectiveFromMs }): PriceDraft[] => {
      const draft: PriceDraft = {
        ...row, effectiveFromMs, createdBy: actor, note,
        marginPercent: marginPercent ?? row.marginPercent,
        moneyPerCredit: row.moneyPerCredit === null ? null : moneyPerCredit ?? row.moneyPerCredit,
      };
      if (isSamePrice(row, draft)) return [];
      // Free models stay free: no new price of 0 is set here.
      checkPrice(draft, { allowZero: true });
      checkJumps(row, draft, command);
      return [draft];
    });
  });
  return { written, revision: bookRevision(books.history, book, clock(), written.at(-1)?.version ?? last) };
}

function sumOf(percents: readonly string[]): string {
  const sum = percents.reduce((total, text) => {
    const percent = parseDecimal(text);
    if (percent === null || percent.numerator < 0n || compare(percent, rational(100n)) > 0) {
      throw invalid('profitPercents', `a profit must be from 0 to 100 percent, not ${JSON.stringify(text)}`);
    }
    return plus(total, percent);
  }, ZERO_RATIONAL);
  return toDecimal(sum);
}
