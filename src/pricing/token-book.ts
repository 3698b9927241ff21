import { MICROS_PER_CREDIT, micros, type Micros } from '../money/micros.js';

/** Micro-credits per 1 000 tokens, for each direction, and how a price that is not a whole unit is rounded (up). */
type TokenRate = { readonly input: number; readonly output: number; readonly roundUpTo: 'credit' | 'micro' };

/** One model's price as a hold stores it. `name` finds the very same price again, whatever the book says later. */
export type TokenPrice = { readonly name: string; readonly modelId: string; readonly rate: TokenRate };

/** The prices of the accounting dialect: one blended price per model, per 1 000 tokens (contract §2.6). */
export interface TokenBook {
  /** The current price of a model; the book's default for one it does not know. */
  priceOf(modelId: string): TokenPrice;
  /** The price that a hold was placed with, by its stored name. Throws RangeError for a name no book ever gave. */
  named(name: string): TokenPrice;
}

const VERSION = '1';
const perThousand = (input: number, output: number): TokenRate => ({ input, output, roundUpTo: 'credit' });
const DEFAULT_RATE = perThousand(200_000, 500_000);

/** A Map, not an object: `__proto__` is a model like any other that nobody knows (contract §6.1 #13). */
const RATES: ReadonlyMap<string, TokenRate> = new Map([
  ['amazon.nova-micro-v1:0', perThousand(60_000, 60_000)],
  ['amazon.nova-lite-v1:0', perThousand(250_000, 800_000)],
  ['amazon.titan-text-express-v1', perThousand(200_000, 600_000)],
  ['meta.llama3-70b-instruct-v1:0', perThousand(265_000, 350_000)],
  ['anthropic.claude-3-sonnet-20240229-v1:0', perThousand(3_000_000, 3_000_000)],
  ['anthropic.claude-3-haiku-20240307-v1:0', perThousand(250_000, 250_000)],
  ['anthropic.claude-instant-v1', perThousand(800_000, 800_000)],
  // Seed 000 prices gpt-4 at 0.005 a token and does not round: 1 500 tokens are 7.50.
  ['gpt-4', { input: 5_000_000, output: 5_000_000, roundUpTo: 'micro' }],
]);

/** The book that contract §2.6 documents, built in. */
export const builtInTokenBook: TokenBook = {
  priceOf: (modelId) => ({ name: `tokens/${VERSION}/${modelId}`, modelId, rate: RATES.get(modelId) ?? DEFAULT_RATE }),
  named: (name) => {
    const prefix = `tokens/${VERSION}/`;
    if (!name.startsWith(prefix)) throw new RangeError(`no such price: ${name}`);
    return builtInTokenBook.priceOf(name.slice(prefix.length));
  },
};

/**
 * What `tokens` cost, half of them input and half output, as the original blends them:
 * ceil(tokens/2/1000 × input + tokens/2/1000 × output). Exact, rounded up once at the end (I11).
 */
export function costOfTokens({ rate }: TokenPrice, tokens: number): Micros {
  const unit = rate.roundUpTo === 'credit' ? BigInt(MICROS_PER_CREDIT) : 1n;
  const thousandths = BigInt(tokens) * BigInt(rate.input + rate.output);
  return micros(Number(ceilDivide(thousandths, 2_000n * unit) * unit));
}

/** What a stream's hold reserves for an estimated cost: a fifth more, in whole credits (contract §2.4). */
export function bufferedEstimate(estimate: Micros): Micros {
  const credit = BigInt(MICROS_PER_CREDIT);
  return micros(Number(ceilDivide(BigInt(estimate) * 12n, 10n * credit) * credit));
}

const ceilDivide = (dividend: bigint, divisor: bigint): bigint => (dividend + divisor - 1n) / divisor;
