import Type, { type Static, type TProperties, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { GatewayError, type ErrorSource } from '../../kit/errors.js';
import { shownName } from '../../kit/ids.js';
import { assertStorable, type Metadata } from '../http/metadata.js';
import { withoutOtherBranches } from '../http/error-sources.js';
import type { Parser } from '../http/schema.js';

/** `examples`: the first is shown in the documentation. */
type ObjectOptions = { readonly description?: string; readonly examples?: readonly unknown[] };

/** An object without other members than these. All objects of a body of `/v1` are made with it, but metadata. */
export const Strict = <const Properties extends TProperties>(properties: Properties, options: ObjectOptions = {}) =>
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
      const found = value === undefined ? [{ path: 'body', message: 'is missing' }] 
        : withoutOtherBranches(compiled.Errors(value)).flatMap(toSources);
      const sources = found.length === 0 ? [{ path: 'body', message: INVALID }] : found;
      throw new GatewayError('invalid_request', sources[0]?.message ?? INVALID, { sources });
    },
  };
}

type SchemaError = ReturnType<ReturnType<typeof Compile>['Errors']>[number];

/** TypeBox reports at most a few errors, and of an unknown member first that its value may not be there. */
function toSources(error: SchemaError): ErrorSource[] {
  const path = `body${shownName(error.instancePath.replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~'))}`;
  if (error.keyword === 'required') {
    return error.params.requiredProperties.map((name) => ({ path: `${path}.${name}`, message: 'is missing' }));
  }
  if (error.keyword === 'boolean') return [{ path, message: 'is not a member of this request' }];
  if (error.keyword === 'additionalProperties') return []; // said by the errors of the members
  return [{ path, message: error.message }];
}

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
