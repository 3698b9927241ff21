import type { TSchema } from 'typebox';
import { Check } from 'typebox/value';

/** An id as the two older services make them. */
const HEX_ID = '65f0c0ffee65f0c0ffee65f0';

/**
 * Values that read like real ones, by the name of the field; the first that fits its schema is shown. A field that may
 * be left out is in an example only when it has a value here; aliases have none.
 */
const BY_NAME: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ['userId', ['alice']], ['accountId', ['alice']], ['account', ['alice']],
  ['email', ['alice@example.com']], ['username', ['alice']], ['sub', [HEX_ID]],
  ['role', ['enduser']],
  ['credits', [7.5, 5]], ['amount', [5, '5']], ['expiryDays', [30]], ['notes', ['welcome']], ['metadata', [{ conversation: 'c-17' }]],
  ['sessionId', ['message-1']], ['modelId', ['gpt-4']], ['tokens', [1_500]], ['estimatedTokens', [1_500]],
  ['actualTokens', [1_200]], ['success', [true]], ['tokensGenerated', [640]],
  ['service', ['image']], ['operation', ['generate']], ['minutes', [5]], ['startDate', ['2026-01-01']],
  ['endDate', ['2026-01-31']], ['limit', [20]], ['Idempotency-Key', ['order-4711']],
  ['provider', ['openai']], ['modelName', ['gpt-4']], ['messageCount', [1]], ['tokenCount', [1_500]],
  ['transactionType', ['purchase']], ['reason', ['manual_adjustment', 'chargeback']],
  ['user_id', [HEX_ID]], ['package_id', [HEX_ID]], ['feature_endpoint_value', ['ai_chat']], ['value', ['ai_chat']], ['usages', [[
    { input_tokens: 1_000, output_tokens: 400 },
  ]]], ['costPerMessage', [30]], ['plan', ['pro']], ['planId', ['pro']], ['book', ['native']], ['model', ['gpt-4o']], ['prices', [{
    input: '2.5', output: '10',
  }]], ['id', [HEX_ID, 1]], ['holdId', ['msg-1']], ['limitId', ['chat-daily']],
]);

/** Whether a field has a value of its own here, so that it is shown even where it may be left out. */
export const hasExample = (schema: TSchema, name: string): boolean => namedExample(schema, name) !== undefined;

const namedExample = (schema: TSchema, name: string): unknown => BY_NAME.get(name)?.find((value) => Check(schema, value));

/** The parts of JSON Schema that this project's schemas use and that this file and the page look at. */
export type Shape = {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly anyOf?: readonly TSchema[];
  readonly allOf?: readonly TSchema[];
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
  readonly additionalProperties?: TSchema | boolean;
  readonly required?: readonly string[];
  readonly items?: TSchema;
  readonly description?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly format?: string;
  readonly $ref?: string;
};

/** TypeBox' types say what a schema means to the compiler; here it is read as the JSON Schema that it is. */
export const shapeOf = (schema: TSchema): Shape => schema;

/** A value for a field of that name: what callers really send, else the plainest one that fits. */
export function exampleOf(schema: TSchema, name = ''): unknown {
  const named = namedExample(schema, name);
  const shape = shapeOf(schema);
  if (named !== undefined) return named;
  if (shape.examples?.[0] !== undefined) return shape.examples[0];
  if (shape.const !== undefined) return shape.const;
  if (shape.enum !== undefined) return shape.enum[0];
  if (shape.default !== undefined) return shape.default;
  const [alternative] = shape.anyOf ?? [];
  if (alternative !== undefined) return exampleOf(alternative, name);
  const [type = 'string'] = [shape.type].flat();
  if (type === 'object') return exampleObject(shape);
  if (type === 'array') return shape.items === undefined ? [] : [exampleOf(shape.items)];
  if (type === 'integer' || type === 'number') return Math.max(1, Math.ceil(shape.minimum ?? 1));
  if (type === 'boolean') return true;
  if (type === 'null') return null;
  return name === '' ? 'text' : name;
}

function exampleObject({ properties = {}, required = [] }: Shape): Record<string, unknown> {
  const shown = Object.entries(properties).filter(([name, schema]) => required.includes(name) || hasExample(schema, name));
  return Object.fromEntries(shown.map(([name, schema]) => [name, exampleOf(schema, name)]));
}
