import { expect, test } from '@jest/globals';
import { validate } from 'dockerfile-utils';
import { existsSync, readdirSync } from 'node:fs';
import { packageJson, pathOf, textOf } from './documents.js';

/** What can be read; `npm run compose:verify` builds the image. */

const text = textOf('Dockerfile');

type Instruction = { readonly name: string; readonly rest: string };
const instructions: readonly Instruction[] = text.split('\n').filter((line) => !line.startsWith('#')).join('\n').replace(
  /\\\n/g, ' ',
).split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => ({ name: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1).trim() }));
const runtime = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
const only = (name: string): string => {
  const found = runtime.filter((each) => each.name === name);
  expect(found).toHaveLength(1);
  return found[0]?.rest ?? '';
};

/** What is copied out of the working copy, by any stage. */
const sources = instructions.filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from='))
  .flatMap(({ rest }) => rest.split(' ').slice(0, -1)).map((source) => source.replace(/^\.\//, ''));

test('Docker\'s own rules', () => {
  const problems = (dockerfile: string): unknown[] => validate(dockerfile).map(({ message }) => message);
  expect(problems(text)).toEqual([]);
  expect(problems(text.replace('--interval', '--interva'))).toEqual(['Unknown flag: interva']);
});

test('base images have a tag of a minor version, the long-term release that the docs name', () => {
  const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest.split(' ')[0]);
  expect(new Set(bases)).toEqual(new Set(['node:${NODE_VERSION}-bookworm-slim']));
  expect(instructions.find(({ name }) => name === 'ARG')?.rest).toMatch(/^NODE_VERSION=24\.\d+$/);
});

test('it runs as a numbered account that is not root', () => {
  expect(only('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
});

test('node is the process that gets the signals, in exec form', () => {
  const command = JSON.parse(only('CMD')) as string[];
  expect(command[0]).toBe('node');
  expect(existsSync(pathOf(command[1] ?? ''))).toBe(true);
  expect(instructions).toContainEqual({ name: 'RUN', rest: `ln -s /app/${command[1] ?? ''} /usr/local/bin/credit-gateway` });
  expect(only('STOPSIGNAL')).toBe('SIGTERM');
  const [, check = '[]'] = /CMD (\[.*\])$/.exec(only('HEALTHCHECK')) ?? [];
  const [program, script = '', ...rest] = JSON.parse(check) as string[];
  expect([program, existsSync(pathOf(script)), rest]).toEqual(['node', true, []]); // no argument with spaces: some engines split there
  expect(textOf(script)).toContain('/livez');
});

test('what is copied exists, and .dockerignore lets in nothing else', () => {
  expect(sources.filter((source) => !existsSync(pathOf(source)))).toEqual([]);
  const rules = textOf('.dockerignore').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(rules[0]).toBe('*');
  expect(rules.slice(1).map((rule) => rule.replace(/^!/, '')).sort()).toEqual([...new Set(sources)].sort());
});

test('a checkout that only its owner may read gives an image that its account can read', () => {
  // What another stage made has the permissions of the base image's umask; what it only copied has those of the checkout.
  const folders = runtime.filter(({ name, rest }) => name === 'COPY' && !/^--from=\w+ \/app\/(node_modules|dist)/.test(rest))
    .map(({ rest }) => /^\.\/(\w+)/.exec(rest.split(' ').at(-1) ?? '')?.[1] ?? 'package.json');
  const readable = runtime.find(({ name, rest }) => name === 'RUN' && rest.startsWith('chmod -R go+rX '))?.rest.split(' ').slice(3) ?? [];
  expect(readable.sort()).toEqual([...new Set(folders)].sort());
});

test('no secret, by name or by value', () => {
  const settings = instructions.filter(({ name }) => name === 'ARG' || name === 'ENV').map(({ rest }) => rest).join(' ');
  expect(settings).not.toMatch(/SECRET|PASSWORD|TOKEN|KEY|_URL/i);
  expect(textOf('.npmrc')).not.toMatch(/_auth|token|password/i);
  expect(textOf('.gitignore').split('\n')).toContain('.env');
});

test('its version is that of the package', () => {
  expect(runtime).toContainEqual({ name: 'ARG', rest: `VERSION=${packageJson.version}` });
});

test('what the program reads below the project\'s folder is in the image', () => {
  const read = readdirSync(pathOf('src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
    .flatMap((name) => [...textOf('src', name).matchAll(/join\(projectRoot, '([^'/]+)/g)].map(([, first]) => first ?? ''));
  expect(read).toEqual(expect.arrayContaining(['lua', 'package.json']));
  // `COPY package.json ./` and `COPY lua ./lua` both put what is named first where it was.
  const copied = runtime.filter(({ name }) => name === 'COPY').map(({ rest }) =>
    rest.split(' ').at(-2)?.replace('/app/', '').split('/')[0]);
  // `scripts` tells a clone from an image or a package, so it must not be there (src/kit/own-command.ts).
  expect(read.filter((first) => !copied.includes(first))).toEqual(['scripts']);
});
