import Type, { type Static, type TProperties, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { GatewayError, type ErrorSource } from '../../kit/errors.js';
import { isStorable } from '../../kit/ids.js';
import { assertStorable, type Metadata } from '../http/metadata.js';
import type { Parser } from '../http/schema.js';

/** An object without other members than these. All objects of a body of `/v1` are made with it, but metadata. */
export const Strict = <const Properties extends TProperties>(properties: Properties, options: { readonly description?: string } = {}) =>
  Type.Object(properties, { ...options, additionalProperties: false });

/** What is the caller's own: kept with the entry, returned with it, never read. Check it with `metadataOf`. */
export const MetadataMember = () => Type.Optional(Type.Record(Type.String(), Type.Unknown(), {
  description: 'your own data, at most 4 KiB as JSON; kept and returned, never read',
}));

/** The metadata of a body, if it can be stored as it came. Throws GatewayError invalid_request. */
export function metadataOf(metadata: Metadata | undefined): Metadata | undefined {
  if (metadata !== undefined) assertStorable(metadata, INVALID);
  return metadata;
}

const INVALID = 'The request is not valid';
/** A body of a megabyte could have a hundred thousand of them. */
const ERRORS_MAX = 20;
const NAME_LENGTH_MAX = 100;

/**
 * A parser for bodies of `/v1`. Every member that the schema does not name is refused with its path, because a misspelt
 * `maxOutputToken` must never be a stream without a limit. The schema's objects are `Strict` (checked at start).
 */
export function nativeBody<const Schema extends TSchema>(schema: Schema): Parser<Static<Schema>> {
  assertStrict(schema, 'body');
  const compiled = Compile(schema);
  return {
    schema,
    parse: (value) => {
      if (compiled.Check(value)) return value;
      const sources = value === undefined ? [{ path: 'body', message: 'is missing' }] : compiled.Errors(value).flatMap(toSources);
      const [first] = sources;
      throw new GatewayError('invalid_request', first?.message ?? INVALID, {
        sources: sources.slice(0, ERRORS_MAX),
      });
    },
  };
}

type SchemaError = ReturnType<ReturnType<typeof Compile>['Errors']>[number];

function toSources(error: SchemaError): ErrorSource[] {
  const path = `body${named(error.instancePath.replaceAll('/', '.'))}`;
  if (error.keyword === 'required') {
    return error.params.requiredProperties.map((name) => ({ path: `${path}.${name}`, message: 'is missing' }));
  }
  if (error.keyword === 'additionalProperties') {
    return error.params.additionalProperties.slice(0, ERRORS_MAX).map((name) => ({
      path: `${path}.${named(name)}`, message: 'is not a member of this request',
    }));
  }
  // The first is said by additionalProperties, the second by its alternatives.
  if (error.keyword === 'boolean' || error.keyword === 'anyOf') return [];
  return [{ path, message: error.message }];
}

/** Names of unknown members are the caller's text, which is recorded with the refusal. */
const named = (text: string): string => {
  const short = text.length > NAME_LENGTH_MAX ? `${text.slice(0, NAME_LENGTH_MAX)}…` : text;
  return isStorable(short) ? short : JSON.stringify(short).slice(1, -1).replaceAll(/[^ -~]/g, '?');
};

/** Throws for a schema with an object that takes any member: a mistake of this code, found when the process starts. */
function assertStrict(schema: TSchema, path: string): void {
  const { type, properties = {}, patternProperties, items, anyOf = [], additionalProperties } = schema as {
    readonly type?: unknown; readonly properties?: Readonly<Record<string, TSchema>>; readonly patternProperties?: object;
    readonly items?: TSchema; readonly anyOf?: readonly TSchema[]; readonly additionalProperties?: unknown;
  };
  if (type === 'object' && patternProperties === undefined && additionalProperties !== false) {
    throw new Error(`${path}: an object of a body of /v1 must be Strict`);
  }
  for (const [name, each] of Object.entries(properties)) assertStrict(each, `${path}.${name}`);
  if (items !== undefined) assertStrict(items, `${path}[]`);
  for (const each of anyOf) assertStrict(each, path);
}
