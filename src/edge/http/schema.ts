import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { GatewayError, type ErrorSource } from '../../kit/errors.js';
import { isStorable } from '../../kit/ids.js';
import { ACCOUNT_ID_LENGTH_MAX, ACCOUNT_NAME_LENGTH_MAX } from '../../kit/limits.js';
import { sourcesOf } from './error-sources.js';

/** Checks a value against a schema that was compiled once, at start. */
export type Parser<T> = {
  readonly schema: TSchema;
  /** The value, now typed. Throws GatewayError invalid_request that names every field at fault. */
  readonly parse: (value: unknown) => T;
};

/**
 * A parser for request bodies. `message` is what the legacy API says for any bad body; what exactly is wrong goes into
 * `sources`. Fields that the schema does not name are ignored, as the contract wants.
 */
export function bodyOf<const Schema extends TSchema>(schema: Schema, message: string): Parser<Static<Schema>> {
  return parserOf(schema, () => message);
}

/**
 * The same for a message that says that fields are missing. It is used where one is: absent, null, empty, or a number that
 * is not above zero, which the legacy APIs count as missing. Otherwise the message says what is wrong with the first field.
 */
export function requiredBodyOf<const Schema extends TSchema>(schema: Schema, message: string): Parser<Static<Schema>> {
  const { required = [] } = schema as { readonly required?: readonly string[] };
  return parserOf(schema, (value, [first]) => {
    const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
    if (first === undefined || typeof value !== 'object' || required.some((name) => isMissing(fields[name]))) return message;
    return `${first.path.replace(/^body\./, '')} ${first.message}`;
  });
}

const isMissing = (field: unknown): boolean =>
  field === undefined || field === null || field === '' || (typeof field === 'number' && field <= 0);

function parserOf<const Schema extends TSchema>(
  schema: Schema, messageFor: (value: unknown, sources: readonly ErrorSource[]) => string,
): Parser<Static<Schema>> {
  const compiled = Compile(schema);
  return {
    schema,
    parse: (value) => {
      if (compiled.Check(value)) return value;
      const sources = value === undefined ? [{ path: 'body', message: 'is missing' }] : sourcesOf(compiled.Errors(value));
      throw new GatewayError('invalid_request', messageFor(value, sources), { sources });
    },
  };
}

/** Text that may reach Redis and Postgres: one NUL or lone surrogate would stop a shard's journal (docs/reliability.md#f13). */
export const storedText = (minLength: number, maxLength: number, description?: string) =>
  Type.Refine(Type.String({ minLength, maxLength, ...(description === undefined ? {} : { description }) }),
    isStorable, () => 'must not contain NUL or lone surrogates');

/** The id of an account (`isAccountId`). */
export const accountIdText = () => storedText(1, ACCOUNT_ID_LENGTH_MAX);

/** Text that names an account: its id, a username or an e-mail (`isAccountName`). */
export const accountNameText = () => storedText(1, ACCOUNT_NAME_LENGTH_MAX);

/** A field of one JSON type that may also be null, which then means the same as leaving it out. */
export const booleanOrNull = () => Type.Unsafe<boolean | null>({ type: ['boolean', 'null'] });
export const integerOrNull = (minimum: number, maximum: number) =>
  Type.Unsafe<number | null>({ type: ['integer', 'null'], minimum, maximum });
