import { expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import type { Command } from 'commander';
import { buildProgram } from '../../src/cli/program.js';
import { packageJson, textOf } from '../deploy/documents.js';

/** Commands that documents, pages, alerts and deployments name must exist, with their options. */

const program = buildProgram();
const filesBelow = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending)).map((name) => `${folder}/${name}`);
const FILES = [
  'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'Dockerfile', 'docker-compose.yml', ...filesBelow('docs', '.md'),
  ...filesBelow('examples', '.md'), ...filesBelow('examples', '.ts'), ...filesBelow('src', '.ts'), ...filesBelow('grafana', '.ts'),
  ...filesBelow('deploy', '.yaml'),
].filter((path) => !path.includes('node_modules'));

type Named = { readonly path: string; readonly words: readonly string[] };
/** The words behind `start`: in backticks until they close, otherwise to the end of the line, a comment or a value. */
function named(start: RegExp): Named[] {
  return FILES.flatMap((path) => [...textOf(path).matchAll(start)].map((match) => {
    const text = textOf(path);
    const rest = text.slice(match.index + match[0].length, match.index + match[0].length + 200);
    const isQuoted = text.slice(0, match.index).endsWith('`') || match[0].startsWith('`');
    const line = isQuoted ? rest.replaceAll(/\n[>*/ ]*/g, ' ') : rest.split('\n')[0] ?? '';
    const [call = ''] = /^(?:[^`'")#;:,|<…]|:(?=\w))*/.exec(line) ?? [];
    return { path, words: call.trim().split(/\s+/).filter((word) => word !== '') };
  }));
}

/** What of a call does not exist; undefined when all does. */
function unknownIn(words: readonly string[]): string | undefined {
  let command: Command = program;
  for (const word of words) {
    if (word.startsWith('--')) {
      const options = [command, command.parent, program].flatMap((each) => each?.options ?? []);
      if (!['--', '--help'].includes(word) && !options.some(({ long }) => long === word)) return word;
      continue;
    }
    const next = command.commands.find((each) => each.name() === word);
    if (next !== undefined) command = next;
    else if (command === program || (command.commands.length > 0 && command.options.length === 0)) return word;
  }
  return undefined;
}

test('credit-gateway', () => {
  const inBlocks = named(/^credit-gateway (?=[a-z-])/gm).filter(({ path }) => path.endsWith('.md'));
  const inText = named(/(?<=[`"[(]|exec \w+ |\/|^ *\$ ?)credit-gateway(?:\.mjs)? (?=[a-z-])/gm);
  const calls = [...inBlocks, ...inText].filter(({ words }) => words.length > 0);
  expect(inBlocks.length).toBeGreaterThan(10);
  expect(calls.length).toBeGreaterThan(30);
  expect(calls.filter(({ words }) => unknownIn(words) !== undefined)).toEqual([]);
});

test('npm run', () => {
  const calls = named(/npm run (?:-s )?/g);
  expect(calls.length).toBeGreaterThan(50);
  const { scripts } = packageJson;
  expect(calls.filter(({ words: [script = ''] }) => /^[a-z]/.test(script) && scripts[script] === undefined)).toEqual([]);
  const aliases = new Map(Object.entries(scripts).flatMap(([name, script]) => {
    const [, words] = /^node bin\/credit-gateway\.mjs (.*)$/.exec(script) ?? [];
    return words === undefined ? [] : [[name, words.split(' ')] as const];
  }));
  expect([...aliases.keys()]).toEqual(expect.arrayContaining(['start', 'token', 'keys', 'shards', 'prices:import']));
  const passed = calls.flatMap(({ path, words: [script = '', dashes, ...args] }) => {
    const alias = aliases.get(script);
    return alias === undefined || dashes !== '--' ? [] : [{ path, words: [...alias, ...args] }];
  });
  expect(passed.filter(({ words }) => unknownIn(words) !== undefined)).toEqual([]);
});
