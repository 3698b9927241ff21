import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../config.js';
import { draftsOf, planImport, type ImportPlan } from '../credits/prices/plan-import.js';
import { priceBooks } from '../credits/prices/price-books.js';
import type { PriceHistory } from '../credits/prices/price-history.js';
import { readPriceMap } from '../credits/prices/price-map.js';
import { MESSAGE_BOOK, MODEL_BOOK, NATIVE_BOOK } from '../credits/prices/price.js';
import { parseDecimal, toDecimal, type Rational } from '../credits/prices/rational.js';
import { systemClock } from '../kit/clock.js';
import { GatewayError } from '../kit/errors.js';
import { isBookName } from '../ledger/price-name.js';
import { openDatabase } from './database.js';
import { describeImport } from './describe-import.js';

/** `npm run prices:import -- <file>`: shows what a community price map would change; `--apply` applies it. */

const USAGE = `usage: npm run prices:import -- <file> [--apply] [--credits-per-dollar 100000] [--book native] [--force]

<file> is a JSON object keyed by model, with input_cost_per_token, output_cost_per_token and so on, in dollars.
Without --apply nothing is written. --force also takes prices of 0 and changes of more than x10.`;
/** A credit is 0.00001 dollars (docs/contracts/credits-process.md#end). */
const CREDITS_PER_DOLLAR = '100000';

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
  const { file, book, creditsPerDollar, isApplied, force } = readArguments();
  const entries = readPriceMap(readFileSync(file, 'utf8'));
  const config = readConfig();
  const database = await openDatabase(config, progress);
  const books = await priceBooks({ db: database.db, clock: systemClock, unknownModel: config.unknownModel, onError: () => undefined });
  try {
    const rate = book === MODEL_BOOK ? 'dollars divided by its price of a credit' : `${toDecimal(creditsPerDollar)} credits per dollar`;
    const actor = `import:${userInfo().username}`;
    const note = `${basename(file)}, ${rate}`;
    const plan = (history: PriceHistory): ImportPlan =>
      planImport(history, entries, { book, creditsPerDollar, force, nowMs: systemClock(), actor, note });

    const shownAt = books.history.lastVersion();
    const shown = plan(books.history);
    say(`book "${book}", ${rate}; prices in credits per million tokens\n`);
    for (const line of describeImport(shown)) say(line);
    if (!isApplied) {
      say('nothing was written: say --apply to write it');
      return;
    }
    const written = await books.write((history) => {
      if (history.lastVersion() !== shownAt) {
        throw new GatewayError('conflict', 'prices were changed in the meantime; nothing was written: run the command again');
      }
      return draftsOf(plan(history));
    });
    say(`written: ${written.length} prices; every gateway has them within a second`);
  } finally {
    await books.close();
    await database.close();
  }
}

type Arguments = {
  readonly file: string;
  readonly book: string;
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
      book: { type: 'string', default: NATIVE_BOOK },
      'credits-per-dollar': { type: 'string' },
    },
  });
  if (file === undefined || others.length > 0) throw new Error('name one file');
  const { book, apply, force } = values;
  if (!isBookName(book)) throw new Error(`--book "${book}" is no name of a book: lower-case letters, digits and dashes`);
  if (book === MESSAGE_BOOK) throw new Error(`the book "${MESSAGE_BOOK}" has prices per message, and a price map has none`);
  const { 'credits-per-dollar': rateText } = values;
  if (book === MODEL_BOOK && rateText !== undefined) {
    throw new Error(`the book "${MODEL_BOOK}" keeps dollars and has its own price of a credit: leave out --credits-per-dollar`);
  }
  const creditsPerDollar = parseDecimal(rateText ?? CREDITS_PER_DOLLAR);
  if (creditsPerDollar === null || creditsPerDollar.numerator <= 0n) {
    throw new Error(`--credits-per-dollar must be a number above 0, not "${rateText ?? ''}"`);
  }
  return { file, book, creditsPerDollar, isApplied: apply, force };
}
