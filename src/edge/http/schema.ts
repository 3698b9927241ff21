import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { GatewayError, type ErrorSource } from '../../kit/errors.js';
import { isStorable } from '../../kit/ids.js';

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
  const compiled = Compile(schema);
  return {
    schema,
    parse: (value) => {
      if (compiled.Check(value)) return value;
      const sources = value === undefined
        ? [{ path: 'body', message: 'is missing' }]
        : compiled.Errors(value).flatMap(toSources);
      throw new GatewayError('invalid_request', message, { sources });
    },
  };
}

type SchemaError = ReturnType<ReturnType<typeof Compile>['Errors']>[number];

function toSources(error: SchemaError): ErrorSource[] {
  const path = `body${error.instancePath.replaceAll('/', '.')}`;
  return error.keyword === 'required'
    ? error.params.requiredProperties.map((name) => ({ path: `${path}.${name}`, message: 'is missing' }))
    : [{ path, message: error.message }];
}

/** Text that may reach Redis and Postgres: one NUL or lone surrogate would stop a shard's journal (docs/reliability.md#f13). */
export const storedText = (minLength: number, maxLength: number) =>
  Type.Refine(Type.String({ minLength, maxLength }), isStorable, () => 'must not contain NUL or lone surrogates');

/** A field of one JSON type that may also be null, which then means the same as leaving it out. */
export const booleanOrNull = () => Type.Unsafe<boolean | null>({ type: ['boolean', 'null'] });
export const integerOrNull = (minimum: number, maximum: number) =>
  Type.Unsafe<number | null>({ type: ['integer', 'null'], minimum, maximum });
