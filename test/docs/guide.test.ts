import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { welcome } from '../../src/compose/welcome.js';
import { projectRoot } from '../../src/kit/paths.js';
import { startGateway, type TestGateway } from '../support/gateway.js';

/**
 * Every block of shell in the guide and in the README's first minute, run in its order against a gateway, and what it prints
 * against what the page shows. Only three things are other than for a reader: where the gateway is, who signs tokens, and that
 * `sleep` moves the gateway's clock.
 */

const START = /^npm start$/m;
const ADDRESS = 'http://localhost:3001';
const SLEEP_MS = 10_000;

type Block = { readonly line: number; readonly script: string; readonly shown: string | null };

/** The blocks of shell of a page, each with the block of output that follows it. */
function blocksOf(page: string): Block[] {
  const fences = [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = ''], index, all) => ({
    language, text, line: page.slice(0, all[index]?.index ?? 0).split('\n').length,
  }));
  return fences.flatMap(({ language, text, line }, index) => {
    if (language !== 'sh' || START.test(text)) return [];
    const next = fences[index + 1];
    return [{ line, script: text, shown: next === undefined || next.language === 'sh' ? null : next.text }];
  });
}

type Printed = { readonly json: unknown; readonly text: string };

/** Answers, statuses and other lines, in their order. An answer may be shown on several lines, and a page may shorten it by `…`. */
function printedIn(output: string): Printed[] {
  const found: Printed[] = [];
  let rest = '';
  for (const line of output.split('\n')) {
    rest += `${line}\n`;
    const text = rest.trim();
    const json = jsonOf(text.replace(/, …}$/, '}'));
    if (text.startsWith('{') && json === undefined) continue;
    if (text !== '') found.push({ json, text });
    rest = '';
  }
  if (rest.trim() !== '') throw new Error(`no JSON: ${rest}`);
  return found;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** What differs between runs: times, and versions of prices. */
function expected(shown: unknown, name = ''): unknown {
  if (Array.isArray(shown)) return shown.map((each) => expected(each));
  if (typeof shown === 'string' && TIME.test(shown)) return expect.stringMatching(TIME);
  if (typeof shown === 'string' && name === 'price') return expect.stringMatching(/^\w+\/\d+\/[\w-]+$/);
  if (name === 'version') return expect.any(Number);
  if (typeof shown !== 'object' || shown === null) return shown;
  return expect.objectContaining(Object.fromEntries(Object.entries(shown).map(([key, value]) => [key, expected(value, key)])));
}

let gateway: TestGateway;
let clock: Server;
let prologue: string;
async function open(): Promise<void> {
  gateway = await startGateway();
  clock = createServer((_, response) => {
    gateway.advance(SLEEP_MS);
    response.end();
  });
  await new Promise<void>((resolve) => { clock.listen(0, '127.0.0.1', resolve); });
  const { port } = clock.address() as AddressInfo;
  const token = (sub: string, role: string): Promise<string> => gateway.token({ sub, role });
  prologue = `
npm() { case "$*" in
  "run -s token -- --sub ops --role admin") echo "${await token('ops', 'admin')}";;
  "run -s token -- --sub alice --role user") echo "${await token('alice', 'user')}";;
  *) echo "npm $*" >&2; exit 1;;
esac; }
sleep() { command curl -s http://127.0.0.1:${port}/; }
`;
}
async function close(): Promise<void> {
  clock.close();
  await gateway.stop();
}

/** What each block prints. */
async function run(blocks: readonly Block[]): Promise<string[]> {
  const mark = (index: number): string => `== end of block ${index} ==`;
  const steps = blocks.map(({ script }, index) => `${script.replaceAll(ADDRESS, gateway.url)}\necho '${mark(index)}'`);
  const script = prologue + steps.join('\n');
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], { cwd: projectRoot, maxBuffer: 1e7 });
  expect(stderr).toBe('');
  let from = 0;
  return blocks.map((_, index) => {
    const end = stdout.indexOf(mark(index), from);
    const output = stdout.slice(from, end);
    from = end + mark(index).length;
    return output;
  });
}

const guide = (): string => readFileSync(join(projectRoot, 'docs/guide.md'), 'utf8');
const firstMinute = (): string =>
  /^## Running in a minute$[\s\S]*?(?=^## )/m.exec(readFileSync(join(projectRoot, 'README.md'), 'utf8'))?.[0] ?? '';

/** The README sends its reader on to the guide, on the same gateway. */
const bothInTurn = (): string => firstMinute() + guide();

describe.each([['docs/guide.md', guide, 20], ['README.md, then the guide', bothInTurn, 23]])('%s', (_, page, atLeast) => {
  beforeEach(open);
  afterEach(close);

  test('does what it says, to the letter', async () => {
    const blocks = blocksOf(page());
    expect(blocks.length).toBeGreaterThanOrEqual(atLeast);
    const outputs = await run(blocks);
    for (const [index, { line, script, shown }] of blocks.entries()) {
      if (shown === null) continue;
      const real = printedIn(outputs[index] ?? '');
      const wanted = printedIn(shown);
      expect({ line, script, printed: real.map(({ json, text }) => (json === undefined ? text : json)) })
        .toEqual({ line, script, printed: wanted.map(({ json, text }) => (json === undefined ? text : expected(json))) });
    }
  });
});

test('an installed package has no scripts of npm and no guide: its welcome names neither', () => {
  const said = welcome(3001, false);
  expect(said).toContain('ADMIN=$(npx credit-gateway token --sub ops --role admin)');
  expect(said).not.toMatch(/npm run|guide\.md/);
});

test('what `npm start` prints is the first minute of the README', () => {
  const said = welcome(3001);
  for (const { script } of blocksOf(firstMinute())) {
    for (const line of script.trim().split('\n')) expect(said).toContain(`  ${line}\n`);
  }
});

test('docs/routes.md has every route', async () => {
  await open();
  const page = readFileSync(join(projectRoot, 'docs/routes.md'), 'utf8');
  const documents = await Promise.all(['/openapi.json', '/openapi-legacy.json'].map(async (path) =>
    await (await fetch(gateway.url + path)).json() as { readonly paths: object }));
  const paths = documents.flatMap((each) => Object.keys(each.paths)).filter((path) => !path.endsWith('.js')); // files of /docs
  const lastWord = (path: string): string => path.split('/').filter((part) => !/^\{|^$/.test(part)).at(-1) ?? path;
  await close();
  expect(paths.length).toBeGreaterThan(80);
  expect(paths.filter((path) => !new RegExp(`[/\`]${lastWord(path)}\\b`).test(page))).toEqual([]);
});
