import type { TSchema } from 'typebox';
import { shapeOf } from './examples.js';
import { LEGACY_WORDS } from './legacy-words.js';
import type { Api } from './names.js';
import { WORDS } from './words.js';

/**
 * The schema with a description of every field that has none of its own and whose name is known. The schema itself stays as it is.
 * `parent`: the field that has it, or `body`, `reply` or `parameter`.
 */
export function described(schema: TSchema, api: Api, parent: string): TSchema {
  const { properties, patternProperties, items, anyOf, allOf } = shapeOf(schema);
  const fields = (of: Readonly<Record<string, TSchema>>, nameOf: (name: string) => string): Record<string, TSchema> =>
    Object.fromEntries(Object.entries(of).map(([name, child]) => [name, field(child, api, parent, nameOf(name))]));
  return {
    ...schema,
    ...(properties === undefined ? {} : { properties: fields(properties, (name) => name) }),
    ...(patternProperties === undefined ? {} : { patternProperties: fields(patternProperties, () => '*') }),
    ...(items === undefined ? {} : { items: described(items, api, parent) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map((each) => described(each, api, parent)) }),
    ...(allOf === undefined ? {} : { allOf: allOf.map((each) => described(each, api, parent)) }),
  };
}

function field(schema: TSchema, api: Api, parent: string, name: string): TSchema {
  const description = shapeOf(schema).description ?? (isNumber(schema) ? WORDS[`${name}:number`] : undefined) ?? wordsOf(api, parent, name);
  const inner = described(schema, api, name);
  return description === undefined ? inner : { ...inner, description };
}

const isNumber = (schema: TSchema): boolean => {
  const { type, const: constant } = shapeOf(schema);
  return type === 'integer' || type === 'number' || typeof constant === 'number';
};

/** What a field means; undefined: it is not in the lists. */
export function wordsOf(api: Api, parent: string, name: string): string | undefined {
  const keys = [`${parent}.${name}`, name];
  const [words] = [...api === 'legacy' ? keys.map((key) => LEGACY_WORDS[key]) : [], ...keys.map((key) => WORDS[key])]
    .filter((each) => each !== undefined);
  return words;
}
