import Type from 'typebox';
import { PRICED_MODEL_LENGTH_MAX } from '../../credits/prices/check-price.js';
import {
  DIMENSIONS, ROUNDINGS, SERVICE_TIERS, UNITS, type Dimension, type PriceTier, type PriceVersion,
} from '../../credits/prices/price.js';
import { compare, parseDecimal, rational } from '../../credits/prices/rational.js';
import { invalid } from '../../kit/errors.js';
import { TOKENS_MAX } from '../../kit/limits.js';
import { integerOrNull, storedText } from '../http/schema.js';
import { nativeBody, Strict } from './body.js';
import { TimeIn, TimeOut, timeText } from './values.js';

/** The bodies and answers of the price books. */

const NOTE_LENGTH_MAX = 1_000;
const DECIMAL_LENGTH_MAX = 64;
const PROFITS_MAX = 100;
/** What the columns of prices hold (migration 0004). */
const DECIMAL_MAX = rational(10n ** 15n);

const Decimal = () => Type.Unsafe<number | string>({
  type: ['number', 'string'], maxLength: DECIMAL_LENGTH_MAX, description: 'a decimal number; as text, every digit counts',
});
const DecimalOrNull = () => Type.Unsafe<number | string | null>({ type: ['number', 'string', 'null'], maxLength: DECIMAL_LENGTH_MAX });
const Moment = () => TimeIn('from when it holds; now, when left out');
const Name = (lengthMin: number) => storedText(lengthMin, PRICED_MODEL_LENGTH_MAX);
type GivenPrices = Readonly<Partial<Record<Dimension, number | string | null>>>;
const Classes = (description: string) => Type.Unsafe<GivenPrices>(Strict(
  Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, Type.Optional(DecimalOrNull())])), { description },
));
const Limit = () => Type.Optional(integerOrNull(1, TOKENS_MAX));
const Above = () => Type.Integer({
  minimum: 0, maximum: TOKENS_MAX, description: 'for prompts of more tokens than that: all their tokens',
});

export const priceBody = nativeBody(Strict({
  provider: Type.Optional(Name(0)), model: Name(1), prices: Type.Optional(Classes('a class that is not named has no price of its own')),
  tiers: Type.Optional(Type.Array(Strict({
    aboveInputTokens: Above(), serviceTier: Type.Enum([...SERVICE_TIERS]), prices: Classes('the classes that have another price there'),
  }))),
  aliasOf: Type.Optional(Type.Union([Name(1), Type.Null()], { description: 'the model is another name for this one' })),
  maxInputTokens: Limit(), maxOutputTokens: Limit(),
  unit: Type.Optional(Type.Enum([...UNITS])), rounding: Type.Optional(Type.Enum([...ROUNDINGS])),
  marginPercent: Type.Optional(Decimal()), moneyPerCredit: Type.Optional(DecimalOrNull()),
  isDefault: Type.Optional(Type.Boolean()), state: Type.Optional(Type.Enum(['active', 'inactive'])),
  effectiveFrom: Type.Optional(Moment()), note: Type.Optional(storedText(0, NOTE_LENGTH_MAX)),
  force: Type.Optional(Type.Boolean()), allowZero: Type.Optional(Type.Boolean()),
}));
export const termsBody = nativeBody(Strict({
  profitPercents: Type.Optional(Type.Array(Decimal(), { maxItems: PROFITS_MAX })), moneyPerCredit: Type.Optional(Decimal()),
  effectiveFrom: Type.Optional(Moment()), note: Type.Optional(storedText(0, NOTE_LENGTH_MAX)), force: Type.Optional(Type.Boolean()),
}));

const TextOrNull = () => Type.Union([Type.String(), Type.Null()]);
const IntegerOrNull = () => Type.Union([Type.Integer(), Type.Null()]);
const ClassesReply = (schema: () => ReturnType<typeof Type.String> | ReturnType<typeof TextOrNull>, isPartial: boolean) =>
  Type.Object(Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, isPartial ? Type.Optional(schema()) : schema()])));
export const priceReply = {
  book: Type.String(), provider: Type.String(), model: Type.String(), version: Type.Integer(), effectiveFrom: TimeOut(),
  prices: ClassesReply(TextOrNull, false),
  tiers: Type.Array(Type.Object({
    aboveInputTokens: Type.Integer(), serviceTier: Type.String(), prices: ClassesReply(() => Type.String(), true),
  })),
  aliasOf: TextOrNull(), maxInputTokens: IntegerOrNull(), maxOutputTokens: IntegerOrNull(),
  unit: Type.Integer(), rounding: Type.String(), marginPercent: Type.String(), moneyPerCredit: TextOrNull(),
  isDefault: Type.Boolean(), state: Type.String(), createdBy: Type.String(), note: Type.String(),
};
export const PriceReply = Type.Object(priceReply);
export const AliasReply = Type.Object({
  book: Type.String(), provider: Type.String(), alias: Type.String({ description: 'the other name' }),
  model: Type.String({ description: 'the model that it leads to' }), version: Type.Integer(), effectiveFrom: TimeOut(),
  state: Type.String(), createdBy: Type.String(), note: Type.String(),
});

export const presentPrice = ({ effectiveFromMs, ...row }: PriceVersion): object => ({
  ...row, effectiveFrom: timeText(effectiveFromMs),
});

export const presentAlias = (row: PriceVersion): object => ({
  book: row.book, provider: row.provider, alias: row.model, model: row.aliasOf, version: row.version,
  effectiveFrom: timeText(row.effectiveFromMs), state: row.state, createdBy: row.createdBy, note: row.note,
});

type PriceBody = ReturnType<typeof priceBody.parse>;

export const readPrices = (prices: GivenPrices = {}): Partial<Record<Dimension, string | null>> => textsOf('body.prices', prices);

export const readTiers = (tiers: PriceBody['tiers']): readonly PriceTier[] | undefined => tiers?.map((tier, index) => ({
  aboveInputTokens: tier.aboveInputTokens, serviceTier: tier.serviceTier,
  prices: Object.fromEntries(Object.entries(textsOf(`body.tiers.${index}.prices`, tier.prices)).filter(([, text]) => text !== null)),
}));

const textsOf = (path: string, prices: GivenPrices): Partial<Record<Dimension, string | null>> => Object.fromEntries(
  DIMENSIONS.flatMap((name): [Dimension, string | null][] => {
    const value = prices[name];
    return value === undefined ? [] : [[name, value === null ? null : decimalText(`${path}.${name}`, value)]];
  }),
);

/** A number as the caller wrote it: its shortest decimal, for any of up to fifteen digits. The use case says the rest. */
export function decimalText(path: string, value: number | string): string {
  const text = String(value);
  const number = parseDecimal(text);
  if (number === null) throw invalid(path, `${path.replace('body.', '')} must be a decimal number, not ${JSON.stringify(text)}`);
  if (compare(number, DECIMAL_MAX) >= 0) throw invalid(path, `${path.replace('body.', '')} must be below 1e15`);
  return text;
}

/** A book whose prices are credits has no use for it, and would not look at it. */
export function positiveText(path: string, value: number | string): string {
  const text = decimalText(path, value);
  if ((parseDecimal(text)?.numerator ?? 0n) <= 0n) throw invalid(path, `${path.replace('body.', '')} must be above 0`);
  return text;
}
