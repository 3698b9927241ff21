import type { Route } from '../http/routes.js';
import type { Operation } from './types.js';

/** The example of an operation in TypeScript, with nothing but `fetch`. `GATEWAY` and `TOKEN` are the reader's. */
export function typescriptOf({ method, path, gate }: Pick<Route, 'method' | 'path' | 'gate'>, operation: Operation): string {
  const shown = (where: string): [string, string][] =>
    operation.parameters.filter((each) => each.in === where && 'example' in each).map(({ name, example }) => [name, String(example)]);
  const filled = shown('path').reduce((text, [name, value]) => text.replace(`:${name}`, encodeURIComponent(value)), path);
  const query = new URLSearchParams(shown('query')).toString();
  const body = operation.requestBody?.content['application/json']?.example;
  const headers = [
    ...gate.kind === 'public' ? [] : [gate.kind === 'server-key' ? `'x-server-api-key': KEY` : 'Authorization: `Bearer ${TOKEN}`'],
    ...shown('header').map(([name, value]) => `'${name}': '${value}'`),
    ...body === undefined ? [] : [`'Content-Type': 'application/json'`],
  ];
  const options = [
    ...method === 'GET' ? [] : [`method: '${method}'`], ...headers.length === 0 ? [] : [`headers: { ${headers.join(', ')} }`],
    ...body === undefined ? [] : [`body: JSON.stringify(${JSON.stringify(body)})`],
  ];
  const given = options.length === 0 ? '' : `, {\n${options.map((each) => `  ${each},\n`).join('')}}`;
  return `const answer = await fetch(\`\${GATEWAY}${filled}${query === '' ? '' : `?${query}`}\`${given});`;
}
