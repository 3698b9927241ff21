/** The words of a price book: what a price is made of, and which books there are. No logic but reading names. */

/**
 * What is paid for. The kinds exclude each other: input tokens that were read from a cache are `cachedRead` and not also
 * `input`; reasoning tokens are not also `output`. `cachedWrite` is a cache entry of five minutes, `cachedWrite1h` one of an hour.
 */
export const DIMENSIONS = [
  'input', 'output', 'cachedRead', 'cachedWrite', 'cachedWrite1h', 'audioInput', 'imageInput', 'reasoning', 'audioOutput', 'imageOutput',
  'message', 'request', 'inputImage', 'outputImage',
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Priced one by one, whatever the unit of the tokens is. `inputImage`, `outputImage`: a whole picture, however many tokens it is. */
const PIECES: ReadonlySet<Dimension> = new Set(['message', 'request', 'inputImage', 'outputImage']);
export const isPiece = (dimension: Dimension): boolean => PIECES.has(dimension);

/** How urgently a provider serves a call. `priority` costs more than `standard`, `flex` and `batch` less. */
export const SERVICE_TIERS = ['standard', 'priority', 'flex', 'batch'] as const;
export type ServiceTier = (typeof SERVICE_TIERS)[number];

/** How many tokens a token price is for. Messages and requests are priced one by one. */
export const UNITS = [1, 1_000, 1_000_000] as const;
export type Unit = (typeof UNITS)[number];

/**
 * What a cost is rounded up to, once, at its end. `micro` is exact wherever the cost has no fraction of a micro-credit,
 * and never below exact.
 */
export const ROUNDINGS = ['micro', 'credit'] as const;
export type Rounding = (typeof ROUNDINGS)[number];

/** `inactive`: known and not for sale, so it is refused. `deleted`: as if it had never been known. */
export type PriceState = 'active' | 'inactive' | 'deleted';

/** Decimal text per dimension, exact; null: not sold by that. */
export type Prices = Readonly<Record<Dimension, string | null>>;

/** Prices that hold instead of the usual ones: for prompts of more than so many tokens (0: of any length), in one service tier. */
export type PriceTier = {
  readonly aboveInputTokens: number;
  readonly serviceTier: ServiceTier;
  readonly prices: Readonly<Partial<Record<Dimension, string>>>;
};

/** Everything that makes a cost. All of it is in every version, so that a version alone prices for ever. */
export type PriceTerms = {
  readonly prices: Prices;
  /** Other than (0, standard), which is `prices`; each length and service tier once. */
  readonly tiers: readonly PriceTier[];
  readonly unit: Unit;
  readonly rounding: Rounding;
  /** Added to the cost; the sum of all profit percentages. */
  readonly marginPercent: string;
  /** Not null: `prices` are money, and this much money is one credit. Null: `prices` are credits. */
  readonly moneyPerCredit: string | null;
};

export type PriceDraft = PriceTerms & {
  readonly book: string;
  /** '' in books that do not tell providers apart. */
  readonly provider: string;
  readonly model: string;
  /** Not null: this is another name for that model of the book, and has no prices of its own. */
  readonly aliasOf: string | null;
  /** The most tokens that the model reads and writes in one call; null: not known. */
  readonly maxInputTokens: number | null;
  readonly maxOutputTokens: number | null;
  readonly effectiveFromMs: number;
  /** Prices the models of its provider that have no price of their own. */
  readonly isDefault: boolean;
  readonly state: PriceState;
  readonly createdBy: string;
  readonly note: string;
};

/** One price of one model, from one moment on. Never changes: a change is another version. */
export type PriceVersion = PriceDraft & { readonly version: number };

/** The model whose price is that of "anything else" of its provider, after the models that claim to be the default. */
export const ANY_MODEL = '*';

/** The dialects' books; every other name is a native book. */
export const TOKEN_BOOK = 'tokens';
export const MESSAGE_BOOK = 'messages';
export const MODEL_BOOK = 'models';
export const NATIVE_BOOK = 'native';

/** How many credits an import takes a dollar for: a credit is 0.00001 dollars (docs/contracts/credits-process.md#end). */
export const CREDITS_PER_DOLLAR = 100_000n;

/** A book's name as a label of a metric: operators may name any number of others. */
export function knownBook(book: string): 'tokens' | 'messages' | 'models' | 'native' | 'other' {
  return book === TOKEN_BOOK || book === MESSAGE_BOOK || book === MODEL_BOOK || book === NATIVE_BOOK ? book : 'other';
}

export type BookTraits = { readonly unit: Unit; readonly rounding: Rounding; readonly hasProviders: boolean };

/** How a book writes a price that says nothing else. */
export function traitsOf(book: string): BookTraits {
  switch (book) {
    case TOKEN_BOOK: return { unit: 1_000, rounding: 'credit', hasProviders: false };
    case MESSAGE_BOOK: return { unit: 1_000, rounding: 'micro', hasProviders: true };
    case MODEL_BOOK: return { unit: 1, rounding: 'credit', hasProviders: false };
    default: return { unit: 1_000_000, rounding: 'micro', hasProviders: true };
  }
}

export const NO_PRICES: Prices = Object.freeze(Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, null])) as Prices);

/** What a draft of a plain price has of the members that only some prices have. */
export const PLAIN = { tiers: [], aliasOf: null, maxInputTokens: null, maxOutputTokens: null } as const;
