import { join } from 'node:path';
import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript';
import type { OpenApi, Operation } from '../../../src/edge/openapi/types.js';
import { projectRoot } from '../../../src/kit/paths.js';

/** The committed file. */
export const TYPES_FILE = join(projectRoot, 'clients/typescript/src/generated.ts');

const HEADER = `// Generated from the gateway's OpenAPI document by \`npm run client:types\`. Do not edit.\n\n`;

/** The TypeScript types of the routes of `/v1`: parameters, bodies, answers of success, and the problem that failures answer. */
export async function typesOf(document: OpenApi): Promise<string> {
  const paths = Object.fromEntries(Object.entries(document.paths).filter(([path]) => path.startsWith('/v1/')).map(([path, item]) =>
    [path, Object.fromEntries(Object.entries(item).map(([method, operation]) => [method, successOf(operation)]))]));
  const { Problem } = document.components.schemas;
  const source = withoutExamples({ openapi: document.openapi, info: document.info, paths, components: { schemas: { Problem } } });
  return HEADER + astToString(await openapiTS(source as OpenAPI3));
}

/** Without the answers of failures, which are all the same problem, and the headers of answers, which the client reads itself. */
function successOf({ operationId, summary, parameters, requestBody, responses }: Operation): object {
  return {
    operationId, summary, parameters, ...(requestBody === undefined ? {} : { requestBody }),
    responses: Object.fromEntries(Object.entries(responses).filter(([status]) => status.startsWith('2'))
      .map(([status, { description, content }]) => [status, { description, ...(content === undefined ? {} : { content }) }])),
  };
}

/** Examples are for pages; in types they would be most of the text. */
function withoutExamples(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutExamples);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name, child]) => !isExample(name, child))
    .map(([name, child]) => [name, withoutExamples(child)]));
}

const isExample = (name: string, value: unknown): boolean => name === 'example' || (name === 'examples' && Array.isArray(value));
