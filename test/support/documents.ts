import type { OpenApi } from '../../src/edge/openapi/types.js';
import { send } from './fake-gateway.js';

/** Where a running gateway has its documents. */
export const DOCUMENTS = ['/openapi.json', '/openapi-legacy.json'] as const;

/** The documents of a running gateway as one, with every reference resolved: all its operations. */
export async function wholeDocument(url: string): Promise<OpenApi> {
  const [native, legacy] = await Promise.all(DOCUMENTS.map(async (path) => (await send(url + path, 'GET')).body as unknown as OpenApi));
  if (native === undefined || legacy === undefined) throw new Error('no documents');
  return joined(resolved(native), resolved(legacy));
}

/** Two documents as one. */
export const joined = (one: OpenApi, other: OpenApi): OpenApi => ({
  ...one, paths: { ...one.paths, ...other.paths }, tags: [...one.tags, ...other.tags],
  'x-tagGroups': [...one['x-tagGroups'], ...other['x-tagGroups']],
  components: {
    ...one.components, schemas: { ...one.components.schemas, ...other.components.schemas },
    securitySchemes: { ...one.components.securitySchemes, ...other.components.securitySchemes },
  },
});

/** What is beside a reference is said of this place; the failures' envelopes stay references, which tests look for. */
const ENVELOPES: ReadonlySet<string> = new Set(['Problem', 'Error', 'TextError'].map((name) => `#/components/schemas/${name}`));

/** The document with every reference resolved but those to the envelopes of failures. */
export function resolved(document: OpenApi): OpenApi {
  const at = (ref: string): unknown =>
    ref.slice(2).split('/').reduce<unknown>((node, name) => (node as Record<string, unknown>)[name], document);
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    const { $ref, ...beside } = value as { readonly $ref?: string };
    if (typeof $ref === 'string' && !ENVELOPES.has($ref)) return { ...walk(at($ref)) as object, ...beside };
    return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, walk(child)]));
  };
  return walk(document) as OpenApi;
}
