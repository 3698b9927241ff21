import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
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
import { openDatabase } from './database.js';
import { describeImport } from './describe-import.js';

/** `npm run prices:import -- <file>`: shows what a community price map would change; `--apply` applies it. */

const USAGE = `usage: npm run prices:import -- <file> [--apply] [--credits-per-dollar 100000] [--book <book>] [--force]

<file> is a JSON object keyed by model, with input_cost_per_token, output_cost_per_token and so on, in dollars.
Without --book the prices go to every book that routes price tokens from: tokens (accounting service), models (credits
process) and native (/v1). The book "models" keeps dollars and has its own price of a credit.
Without --apply nothing is written. --force also takes prices of 0 and changes of more than x10.`;

/** Who prices by a book (docs/contracts/README.md#prices). */
const READ_BY: ReadonlyMap<string, string> = new Map([
  [TOKEN_BOOK, 'the accounting service'], [MODEL_BOOK, 'the credits process'], [NATIVE_BOOK, '/v1'],
]);
/** Where an import goes that names no book: every book that prices tokens. The book of messages has prices per message. */
const PRICED_BY_TOKENS = [...READ_BY.keys()];

const say = (line: string): void => { console.log(line); };
const progress = (line: string): void => { console.error(line); };

try {
  await run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (!(error instanceof GatewayError)) console.error(`\n${USAGE}`);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const { file, books: names, creditsPerDollar, isApplied, force } = readArguments();
  const entries = readPriceMap(readFileSync(file, 'utf8'));
  const config = readConfig();
  const database = await openDatabase(config, progress);
  const books = await priceBooks({ db: database.db, clock: systemClock, unknownModel: config.unknownModel, onError: () => undefined });
  try {
    const actor = `import:${userInfo().username}`;
    const plan = (history: PriceHistory, book: string): ImportPlan => planImport(history, entries, {
      book, creditsPerDollar, force, nowMs: systemClock(), actor, note: `${basename(file)}, ${rateOf(book, creditsPerDollar)}`,
    });

    const shownAt = books.history.lastVersion();
    for (const book of names) {
      const readBy = READ_BY.get(book) ?? 'no route';
      const rate = rateOf(book, creditsPerDollar);
      say(`book "${book}", read by ${readBy}; ${rate}; prices in credits per million tokens\n`);
      for (const line of describeImport(plan(books.history, book))) say(line);
      if (names.length > 1) say('');
    }
    if (!isApplied) {
      say('nothing was written: say --apply to write it');
      return;
    }
    const written = await books.write((history) => {
      if (history.lastVersion() !== shownAt) {
        throw new GatewayError('conflict', 'prices were changed in the meantime; nothing was written: run the command again');
      }
      return names.flatMap((book) => draftsOf(plan(history, book)));
    });
    const ofEach = names.map((book) => `${book} ${written.filter((row) => row.book === book).length}`).join(', ');
    const counts = names.length === 1 ? '' : ` (${ofEach})`;
    say(`written: ${written.length} prices${counts}; every gateway has them within a second`);
  } finally {
    await books.close();
    await database.close();
  }
}

function rateOf(book: string, creditsPerDollar: Rational): string {
  return book === MODEL_BOOK ? 'dollars divided by its price of a credit' : `${toDecimal(creditsPerDollar)} credits per dollar`;
}

type Arguments = {
  readonly file: string;
  readonly books: readonly string[];
  readonly creditsPerDollar: Rational;
  readonly isApplied: boolean;
  readonly force: boolean;
};

function readArguments(): Arguments {
  const { values, positionals: [file, ...others] } = parseArgs({
    allowPositionals: true,
    options: {
      apply: { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      book: { type: 'string' },
      'credits-per-dollar': { type: 'string' },
    },
  });
  if (file === undefined || others.length > 0) throw new Error('name one file');
  const { book, apply, force } = values;
  if (book !== undefined && !isBookName(book)) {
    throw new Error(`--book "${book}" is no name of a book: lower-case letters, digits and dashes`);
  }
  if (book === MESSAGE_BOOK) throw new Error(`the book "${MESSAGE_BOOK}" has prices per message, and a price map has none`);
  const { 'credits-per-dollar': rateText } = values;
  if (book === MODEL_BOOK && rateText !== undefined) {
    throw new Error(`the book "${MODEL_BOOK}" keeps dollars and has its own price of a credit: leave out --credits-per-dollar`);
  }
  const creditsPerDollar = parseDecimal(rateText ?? String(CREDITS_PER_DOLLAR));
  if (creditsPerDollar === null || creditsPerDollar.numerator <= 0n) {
    throw new Error(`--credits-per-dollar must be a number above 0, not "${rateText ?? ''}"`);
  }
  return { file, books: book === undefined ? PRICED_BY_TOKENS : [book], creditsPerDollar, isApplied: apply, force };
}
