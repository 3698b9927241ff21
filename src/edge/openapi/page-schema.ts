import type { TSchema } from 'typebox';
import { html, prose, type Html } from '../http/html.js';
import { shapeOf, type Shape } from './examples.js';

/** A schema as a table of its fields, nested ones under the path a program would write; one line where it has none. */
export function schemaTable(schema: TSchema, caption: string): Html {
  const rows = rowsOf(schema, '');
  if (rows.length === 0) {
    return html`<p>${prose(`${typeOf(schema)}${shapeOf(schema).$ref === undefined ? '' : ', described at the top'}`)}</p>`;
  }
  const whole = typeOf(schema);
  return html`${whole === 'object' ? [] : html`<p>${whole}, each with:</p>`}<div class="scroll"><table>
<caption>${caption}</caption>
<thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Notes</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

/** One line of a table, for a field or a parameter. */
export const fieldRow = (name: string, schema: TSchema, isRequired: boolean): Html =>
  html`<tr><th scope="row"><code>${name}</code>${isRequired
    ? []
    : html` <span class="optional">optional</span>`}</th><td>${typeOf(schema)}</td><td>${prose(notesOf(schema))}</td></tr>
`;

function rowsOf(schema: TSchema, prefix: string): Html[] {
  const { properties = {}, patternProperties = {}, required = [], items, anyOf = [] } = shapeOf(schema);
  if (items !== undefined) return rowsOf(items, `${prefix}[]`);
  const nested = (child: TSchema, path: string, isRequired: boolean): Html[] => [fieldRow(path, child, isRequired), ...rowsOf(child, path)];
  return [
    ...Object.entries(properties).flatMap(([name, child]) => nested(child, join(prefix, name), required.includes(name))),
    ...Object.values(patternProperties).flatMap((child) => nested(child, join(prefix, '*'), true)),
    ...anyOf.flatMap((alternative) => rowsOf(alternative, prefix)),
  ];
}

const join = (prefix: string, name: string): string => (prefix === '' ? name : `${prefix}.${name}`);

function typeOf(schema: TSchema): string {
  const { $ref, const: constant, enum: values, anyOf, items, type } = shapeOf(schema);
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1);
  if (constant !== undefined) return JSON.stringify(constant);
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(' or ');
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeOf))].join(' or ');
  if (items !== undefined) return `list of ${typeOf(items)}`;
  return type === undefined ? 'anything' : [type].flat().join(' or ');
}

/** What a value must be beyond its type, in words. */
function notesOf(schema: TSchema): string {
  const shape = shapeOf(schema);
  const notes = [shape.description, range(shape), length(shape)];
  if (shape.minItems !== undefined || shape.maxItems !== undefined) notes.push(`${between(shape.minItems, shape.maxItems)} items`);
  if (shape.pattern !== undefined) notes.push(`matches \`${shape.pattern}\``);
  if (shape.format !== undefined) notes.push(shape.format);
  if (shape.default !== undefined) notes.push(`default ${JSON.stringify(shape.default)}`);
  for (const alternative of shape.anyOf ?? []) notes.push(notesOf(alternative));
  return notes.filter((note) => note !== undefined && note !== '').join('; ');
}

function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Shape): string {
  // The least number above zero is how a schema says "above zero".
  const isPositive = minimum === Number.MIN_VALUE || exclusiveMinimum === 0;
  const isUnbounded = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  if (isPositive) return isUnbounded ? 'above 0' : `above 0, at most ${maximum}`;
  if (exclusiveMinimum !== undefined) return `above ${exclusiveMinimum}`;
  if (exclusiveMaximum !== undefined) return `below ${exclusiveMaximum}`;
  return between(minimum, isUnbounded ? undefined : maximum);
}

const length = ({ minLength, maxLength }: Shape): string =>
  (minLength === undefined && maxLength === undefined ? '' : `${between(minLength === 0 ? undefined : minLength, maxLength)} characters`);

function between(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `at least ${min}`;
  return max === undefined ? '' : `at most ${max}`;
}
