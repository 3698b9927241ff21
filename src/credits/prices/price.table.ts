import type { Micros } from '../../kit/money/micros.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { fromMs, toMs, unnestSource } from '../../stores/postgres/unnest.js';
import {
  NO_PRICES, type Dimension, type PriceDraft, type PriceState, type PriceTier, type PriceVersion, type Prices, type Rounding,
  type ServiceTier, type Unit,
} from './price.js';

/** What a process listens to. Postgres sends it when a transaction that gave versions commits (migration 0004). */
export const PRICES_CHANNEL = 'credit_gateway_prices';

/** Prices that have no column, as migration 0014 describes them. */
type StoredRates = { readonly above: number; readonly tier: ServiceTier; readonly prices: Readonly<Partial<Record<Dimension, string>>> };

/** A row as Postgres gives it. `numeric` comes as text, digit by digit, which is what a price is. */
type Row = {
  readonly version: number;
  readonly book: string;
  readonly provider: string;
  readonly model: string;
  readonly effectiveFromMs: Micros;
  readonly input: string | null;
  readonly output: string | null;
  readonly cachedRead: string | null;
  readonly cachedWrite: string | null;
  readonly reasoning: string | null;
  readonly message: string | null;
  readonly request: string | null;
  readonly moreRates: readonly StoredRates[];
  readonly maxInputTokens: number | null;
  readonly maxOutputTokens: number | null;
  readonly aliasOf: string | null;
  readonly unit: Unit;
  readonly rounding: Rounding;
  readonly marginPercent: string;
  readonly moneyPerCredit: string | null;
  readonly isDefault: boolean;
  readonly state: PriceState;
  readonly createdBy: string;
  readonly note: string;
};

const COLUMNS = `version, book, provider, model, ${toMs('effective_from')} as "effectiveFromMs", input, output, cached_read as "cachedRead",
  cached_write as "cachedWrite", reasoning, per_message as "message", per_request as "request", more_rates as "moreRates",
  max_input_tokens as "maxInputTokens", max_output_tokens as "maxOutputTokens", alias_of as "aliasOf", token_unit as unit, rounding,
  margin_percent as "marginPercent", money_per_credit as "moneyPerCredit", is_default as "isDefault", state,
  created_by as "createdBy", note`;

/** The newest version of any book: one row, read by every process twice a second. */
export async function readLastVersion(db: Db | Trx): Promise<number> {
  const { rows } = await db.raw<{ rows: { last: number }[] }>('select last_version as last from price_counter');
  return rows[0]?.last ?? 0;
}

/** The same, and no other transaction gives versions until this one has ended. */
export async function lockLastVersion(trx: Trx): Promise<number> {
  const { rows } = await trx.raw<{ rows: { last: number }[] }>('select last_version as last from price_counter for update');
  return rows[0]?.last ?? 0;
}

/** Versions above `version`, oldest first. */
export async function readPricesAfter(db: Db | Trx, version: number): Promise<PriceVersion[]> {
  const { rows } = await db.raw<{ rows: Row[] }>(`select ${COLUMNS} from prices where version > ? order by version`, [version]);
  return rows.map(({ input, output, cachedRead, cachedWrite, reasoning, message, request, moreRates, ...rest }) => ({
    ...rest,
    prices: { ...NO_PRICES, ...baseOf(moreRates), input, output, cachedRead, cachedWrite, reasoning, message, request },
    tiers: moreRates.filter((each) => !isBase(each)).map(({ above, tier, prices }): PriceTier => ({
      aboveInputTokens: above, serviceTier: tier, prices,
    })),
  }));
}

const isBase = ({ above, tier }: StoredRates): boolean => above === 0 && tier === 'standard';
const baseOf = (rates: readonly StoredRates[]): Partial<Prices> => rates.find(isBase)?.prices ?? {};

/** Classes with a column of their own (migration 0004). */
const COLUMN_OF: ReadonlySet<Dimension> = new Set(['input', 'output', 'cachedRead', 'cachedWrite', 'reasoning', 'message', 'request']);

function moreRatesOf({ prices, tiers }: PriceDraft): string {
  const others = Object.entries(prices).filter(([dimension, text]) => text !== null && !COLUMN_OF.has(dimension as Dimension));
  const base: object[] = others.length === 0 ? [] : [{ above: 0, tier: 'standard', prices: Object.fromEntries(others) }];
  return JSON.stringify([...base, ...tiers.map((each): object => ({
    above: each.aboveInputTokens, tier: each.serviceTier, prices: each.prices,
  }))]);
}

const source = unnestSource<PriceVersion>('p', {
  version: ['bigint', (row) => row.version],
  book: ['text', (row) => row.book],
  provider: ['text', (row) => row.provider],
  model: ['text', (row) => row.model],
  effective_from_ms: ['double precision', (row) => row.effectiveFromMs],
  input: ['text', (row) => row.prices.input],
  output: ['text', (row) => row.prices.output],
  cached_read: ['text', (row) => row.prices.cachedRead],
  cached_write: ['text', (row) => row.prices.cachedWrite],
  reasoning: ['text', (row) => row.prices.reasoning],
  per_message: ['text', (row) => row.prices.message],
  per_request: ['text', (row) => row.prices.request],
  more_rates: ['text', moreRatesOf],
  max_input_tokens: ['bigint', (row) => row.maxInputTokens],
  max_output_tokens: ['bigint', (row) => row.maxOutputTokens],
  alias_of: ['text', (row) => row.aliasOf],
  token_unit: ['integer', (row) => row.unit],
  rounding: ['text', (row) => row.rounding],
  margin_percent: ['text', (row) => row.marginPercent],
  money_per_credit: ['text', (row) => row.moneyPerCredit],
  is_default: ['boolean', (row) => row.isDefault],
  state: ['text', (row) => row.state],
  created_by: ['text', (row) => row.createdBy],
  note: ['text', (row) => row.note],
});
const NUMERIC = new Set([
  'input', 'output', 'cached_read', 'cached_write', 'reasoning', 'per_message', 'per_request', 'margin_percent',
  'money_per_credit',
]);
const NAMES = source.names.map((name) => (name === 'effective_from_ms' ? 'effective_from' : name)).join(', ');
const VALUES = source.names.map((name) => {
  if (NUMERIC.has(name)) return `${name}::numeric`;
  if (name === 'more_rates') return `${name}::jsonb`;
  return name === 'effective_from_ms' ? fromMs(name) : name;
}).join(', ');

/** Writes drafts as the next versions. Call with the counter locked; its change tells every process (migration 0004). */
export async function insertPrices(trx: Trx, last: number, drafts: readonly PriceDraft[]): Promise<PriceVersion[]> {
  if (drafts.length === 0) return [];
  const versions = drafts.map((draft, index): PriceVersion => ({ ...draft, version: last + 1 + index }));
  await trx.raw(`insert into prices (${NAMES}) select ${VALUES} from ${source.sql}`, source.bind(versions));
  await trx.raw('update price_counter set last_version = ?', [last + versions.length]);
  return versions;
}
