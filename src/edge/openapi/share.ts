import type { TSchema } from 'typebox';
import { shapeOf } from './examples.js';
import { nameOfSchema } from './schema-names.js';
import type { OpenApi, Operation, Response } from './types.js';

type Kind = 'schemas' | 'parameters' | 'responses' | 'headers' | 'examples';
type Part = { readonly kind: Kind; readonly value: object; readonly places: string[]; uses: number; readonly isKept: boolean };
type Ref = { readonly $ref: string };

const KINDS: readonly Kind[] = ['schemas', 'parameters', 'responses', 'headers', 'examples'];
/** Begins a reference to a part by its number, until it is known which parts are named. */
const NUMBERED = '?';

/**
 * The document with what operations share below `components`: bodies, answers and the objects in them as named schemas, and
 * parameters, headers and failures that are used more than once. With every reference resolved it is the document as it was.
 */
export function shared(document: OpenApi): object {
  const parts = partList();
  const paths = mapValues(document.paths, (item) => mapValues(item, (operation) => operationOf(parts, operation)));
  const { schemas, ...otherComponents } = document.components;
  const names = parts.names(Object.keys(schemas));
  const named = (kind: Kind): Record<string, unknown> => Object.fromEntries(
    [...names].filter(([part]) => part.kind === kind).map(([part, name]): [string, unknown] => [name, parts.resolved(part.value, names)])
      .sort(([a], [b]) => (a < b ? -1 : Number(a > b))),
  );
  return {
    ...document,
    paths: parts.resolved(paths, names),
    components: {
      ...Object.fromEntries(KINDS.map((kind) => [kind, kind === 'schemas' ? { ...schemas, ...named(kind) } : named(kind)])),
      ...otherComponents,
    },
  };
}

type Parts = ReturnType<typeof partList>;

function partList() {
  const list: Part[] = [];
  const byText = new Map<string, number>();
  const isNamed = (part: Part): boolean => part.isKept || part.uses > 1;
  const partOf = (ref: string): Part | undefined => (ref.startsWith(NUMBERED) ? list[Number(ref.slice(1))] : undefined);

  /** Every reference to a part that is named by that name; every other one as the part itself. */
  const resolved = (value: unknown, names: ReadonlyMap<Part, string>): unknown => {
    if (Array.isArray(value)) return value.map((each) => resolved(each, names));
    if (typeof value !== 'object' || value === null) return value;
    const { $ref, ...beside } = value as { readonly $ref?: unknown };
    const part = typeof $ref === 'string' ? partOf($ref) : undefined;
    if (part === undefined) return mapValues(value, (each: unknown) => resolved(each, names));
    const name = names.get(part);
    return name === undefined
      ? { ...resolved(part.value, names) as object, ...beside }
      : { $ref: `#/components/${part.kind}/${name}`, ...beside };
  };

  return {
    resolved,
    /** `isKept`: it is named even if it is used once. */
    add: (kind: Kind, value: object, place: string, isKept = false): Ref => {
      const text = `${kind} ${JSON.stringify(value)}`;
      const index = byText.get(text) ?? list.length;
      byText.set(text, index);
      const known = list[index] ?? { kind, value, places: [], uses: 0, isKept };
      known.places.push(place);
      known.uses += 1;
      list[index] = known;
      return { $ref: `${NUMBERED}${index}` };
    },
    names: (others: readonly string[]): ReadonlyMap<Part, string> => {
      const taken = new Set(others.map((name) => `schemas ${name}`));
      return new Map(list.filter(isNamed).map((part) => {
        const wanted = part.kind === 'schemas' ? nameOfSchema(part.places) : part.places[0] ?? '';
        let name = wanted;
        for (let number = 2; taken.has(`${part.kind} ${name}`); number += 1) name = `${wanted}${number}`;
        taken.add(`${part.kind} ${name}`);
        return [part, name];
      }));
    },
  };
}

function operationOf(parts: Parts, operation: Operation): object {
  const { operationId, parameters, requestBody, responses } = operation;
  return {
    ...operation,
    parameters: parameters.map((each) => parts.add('parameters', each, pascal(each.name))),
    ...(requestBody === undefined ? {} : {
      requestBody: { ...requestBody, content: mapValues(requestBody.content, ({ schema, ...media }) => ({
        schema: schemaOf(parts, schema, `${operationId}.body`, true), ...media,
      })) },
    }),
    responses: mapValues(responses, (response, status) => responseOf(parts, response, operationId, status)),
  };
}

function responseOf(parts: Parts, { description, headers, content }: Response, operationId: string, status: string): object {
  const isFailure = Number(status) >= 400;
  let envelope = 'Error';
  const written = content === undefined ? {} : {
    content: mapValues(content, ({ schema, examples, ...media }) => {
      if (examples !== undefined) envelope = shapeOf(schema).$ref?.split('/').at(-1) ?? envelope;
      return {
        schema: schemaOf(parts, schema, `${operationId}.${isFailure ? status : status === '202' ? 'pending' : 'reply'}`, true),
        ...(examples === undefined ? {} : { examples: mapValues(examples, (each, code) =>
          parts.add('examples', each, pascal(`${envelope} ${code}`))) }),
        ...media,
      };
    }),
  };
  const response = { description, headers: mapValues(headers, (each, name) => parts.add('headers', each, pascal(name))), ...written };
  return isFailure ? parts.add('responses', response, `${envelope}${status}`) : response;
}

/** Objects with named fields become parts. A description belongs to the place, not to the part. */
function schemaOf(parts: Parts, schema: TSchema, place: string, isOutermost = false): object {
  const { properties, patternProperties, items, anyOf, allOf, description, ...others } = shapeOf(schema);
  const inside = {
    ...others,
    ...(properties === undefined ? {} : { properties: mapValues(properties, (each, name) => schemaOf(parts, each, `${place}.${name}`)) }),
    ...(patternProperties === undefined ? {} : { patternProperties: mapValues(patternProperties, (each) => schemaOf(parts, each, place)) }),
    ...(items === undefined ? {} : { items: schemaOf(parts, items, `${place}[]`) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map((each) => schemaOf(parts, each, place)) }),
    ...(allOf === undefined ? {} : { allOf: allOf.map((each) => schemaOf(parts, each, place)) }),
  };
  const beside = description === undefined ? {} : { description };
  const isPart = properties !== undefined && Object.keys(properties).length > 0;
  return isPart ? { ...parts.add('schemas', inside, place, isOutermost), ...beside } : { ...inside, ...beside };
}

const mapValues = <Value, Mapped>(
  of: Readonly<Record<string, Value>> | object, map: (value: Value, name: string) => Mapped,
): Record<string, Mapped> =>
  Object.fromEntries(Object.entries(of as Readonly<Record<string, Value>>).map(([name, value]) => [name, map(value, name)]));

/** `Idempotency-Key` is `IdempotencyKey`. */
const pascal = (text: string): string =>
  text.split(/[^A-Za-z0-9]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
