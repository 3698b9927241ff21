import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TYPES_FILE, typesOf } from '../../clients/typescript/generate/types.js';
import { routesOf } from '../../clients/typescript/src/client.js';
import { PROBLEMS } from '../../src/edge/http/problem.js';
import { nativeLab, type NativeLab } from '../edge/v1/lab.js';

let lab: NativeLab;
beforeAll(async () => { lab = await nativeLab(); });
afterAll(async () => { await lab.stop(); });

test('the types are those of the document that a gateway answers; otherwise: npm run client:types', async () => {
  expect(readFileSync(TYPES_FILE, 'utf8') === await typesOf(lab.checked.document)).toBe(true);
});

type Group = ((...values: unknown[]) => unknown) | Readonly<Record<string, (...values: unknown[]) => unknown>>;

test('every route of the document has a method, and no method another route', async () => {
  const called: string[] = [];
  const record = (route: string): Promise<object> => {
    called.push(route);
    return Promise.resolve({});
  };
  const groups = Object.values(routesOf(record as never, record as never) as unknown as Record<string, Group>);
  const methods = groups.flatMap((group) => (typeof group === 'function' ? [group] : Object.values(group)));
  for (const method of methods) await method({}, {}, {}, {});
  const documented = Object.entries(lab.checked.document.paths).filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
  expect([...new Set(called)].sort()).toEqual(documented.sort());
});

test('the codes of errors are the closed list of the gateway', () => {
  const types = readFileSync(TYPES_FILE, 'utf8');
  const listed = /Problem: \{.*?\bcode: ([^;]+);/s.exec(types)?.[1]?.split(' | ').map((word) => word.replaceAll('"', ''));
  expect(listed?.sort()).toEqual(Object.values(PROBLEMS).map(({ code }) => code).sort());
});
