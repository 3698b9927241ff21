import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { readConfig } from '../config.js';
import { draftsOf, planImport, type ImportPlan } from '../credits/prices/plan-import.js';
import { priceBooks } from '../credits/prices/price-books.js';
import type { PriceHistory } from '../credits/prices/price-history.js';
import { readPriceMap } from '../credits/prices/price-map.js';
import { CREDITS_PER_DOLLAR, MESSAGE_BOOK, MODEL_BOOK, NATIVE_BOOK, TOKEN_BOOK } from '../credits/prices/price.js';
import { parseDecimal, toDecimal, type Rational } from '../credits/prices/rational.js';
import { systemClock } from '../kit/clock.js';
import { GatewayError } from '../kit/errors.js';
import { isBookName } from '../ledger/price-name.js';
import { withDatabase } from './database.js';
import { describeImport } from './describe-import.js';
import { say, UsageError, type Result } from './output.js';

/** `credit-gateway prices import`: shows what a community price map would change, and with --apply changes it. */

/** Who prices by a book (docs/contracts/README.md#prices). */
const READ_BY: ReadonlyMap<string, string> = new Map([
  [TOKEN_BOOK, 'the accounting service'], [MODEL_BOOK, 'the credits process'], [NATIVE_BOOK, '/v1'],
]);
/** Where an import goes that names no book: every book that prices tokens. The book of messages has prices per message. */
const PRICED_BY_TOKENS = [...READ_BY.keys()];

export type ImportOptions = {
  readonly apply: boolean;
  /** Also takes prices of 0 and changes of more than x10. */
  readonly force: boolean;
  readonly book?: string;
  readonly creditsPerDollar?: string;
};

/** `file`: a JSON object keyed by model, with input_cost_per_token, output_cost_per_token and so on, in dollars. */
export async function importPrices(file: string, options: ImportOptions): Promise<Result> {
  const { books: names, creditsPerDollar } = readOptions(options);
  const { apply, force } = options;
  const entries = readPriceMap(readFileSync(file, 'utf8'));
  const config = readConfig();
  const lines: string[] = [];
  return withDatabase(config, say, async (db) => {
    const books = await priceBooks({ db, clock: systemClock, unknownModel: config.unknownModel, onError: () => undefined });
    try {
      const actor = `import:${userInfo().username}`;
      const plan = (history: PriceHistory, book: string): ImportPlan => planImport(history, entries, {
        book, creditsPerDollar, force, nowMs: systemClock(), actor, note: `${basename(file)}, ${rateOf(book, creditsPerDollar)}`,
      });

      const shownAt = books.history.lastVersion();
      const plans = names.map((book) => ({ book, plan: plan(books.history, book) }));
      for (const { book, plan: planned } of plans) {
        const rate = rateOf(book, creditsPerDollar);
        lines.push(`book "${book}", read by ${READ_BY.get(book) ?? 'no route'}; ${rate}; prices in credits per million tokens\n`);
        lines.push(...describeImport(planned), ...names.length > 1 ? [''] : []);
      }
      const json = { books: plans.map(({ book, plan: { items, unused } }) => ({ book, items, unused: Object.fromEntries(unused) })) };
      if (!apply) return { json: { ...json, written: null }, text: [...lines, 'nothing was written: say --apply to write it'].join('\n') };
      const written = await books.write((history) => {
        if (history.lastVersion() !== shownAt) {
          throw new GatewayError('conflict', 'prices were changed in the meantime; nothing was written: run the command again');
        }
        return names.flatMap((book) => draftsOf(plan(history, book)));
      });
      const ofEach = names.map((book) => `${book} ${written.filter((row) => row.book === book).length}`).join(', ');
      const counts = names.length === 1 ? '' : ` (${ofEach})`;
      const last = `written: ${written.length} prices${counts}; every gateway has them within a second`;
      return { json: { ...json, written: written.length }, text: [...lines, last].join('\n') };
    } finally {
      await books.close();
    }
  });
}

function rateOf(book: string, creditsPerDollar: Rational): string {
  return book === MODEL_BOOK ? 'dollars divided by its price of a credit' : `${toDecimal(creditsPerDollar)} credits per dollar`;
}

function readOptions({ book, creditsPerDollar: rateText }: ImportOptions): {
  readonly books: readonly string[]; readonly creditsPerDollar: Rational;
} {
  if (book !== undefined && !isBookName(book)) {
    throw new UsageError(`--book "${book}" is no name of a book: lower-case letters, digits and dashes`);
  }
  if (book === MESSAGE_BOOK) throw new UsageError(`the book "${MESSAGE_BOOK}" has prices per message, and a price map has none`);
  if (book === MODEL_BOOK && rateText !== undefined) {
    throw new UsageError(`the book "${MODEL_BOOK}" keeps dollars and has its own price of a credit: leave out --credits-per-dollar`);
  }
  const creditsPerDollar = parseDecimal(rateText ?? String(CREDITS_PER_DOLLAR));
  if (creditsPerDollar === null || creditsPerDollar.numerator <= 0n) {
    throw new UsageError(`--credits-per-dollar must be a number above 0, not "${rateText ?? ''}"`);
  }
  return { books: book === undefined ? PRICED_BY_TOKENS : [book], creditsPerDollar };
}
