import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { projectRoot } from '../../src/kit/paths.js';
import { clientLab, type ClientLab } from './lab.js';

/** The package as its users get it: packed, installed without a network, type checked against its own types, and run. */

const SOURCE = join(projectRoot, 'clients/typescript');
let lab: ClientLab;
let folder: string;
beforeAll(async () => {
  lab = await clientLab();
  folder = mkdtempSync(join(tmpdir(), 'credit-gateway-client-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await lab.stop();
});

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)(command, [...args], { cwd }).catch((error: unknown) => {
    const { stdout: said = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')}: ${said}${stderr}`);
  });
  return stdout;
}

/** What the examples of the page take from around them. */
const AROUND = `
const [baseUrl, apiKey] = process.argv.slice(2) as [string, string];
const upstream = (async function* () { for (const text of ['a', 'b', 'c', 'd']) yield text; })();
const count = (text: string): number => text.length * 100;
const send = (text: unknown): void => { console.log(JSON.stringify(text)); };
const log = send;
const complete = () => Promise.resolve({ inputTokens: 1000, cachedInputTokens: 200, outputTokens: 300, reasoningTokens: 100 });
`;

/** Every example of the page in its order, as one module. */
function examples(): string {
  const blocks = [...readFileSync(join(SOURCE, 'README.md'), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
  const isImport = (line: string): boolean => line.startsWith('import ');
  const lines = blocks.join('\n').split('\n');
  expect(blocks.length).toBeGreaterThan(4);
  return [...lines.filter(isImport), AROUND, ...lines.filter((line) => !isImport(line))].join('\n');
}

const MISTAKES = `
import { CreditGateway, type Lease, type OpenHold, type Receipt } from 'credit-gateway-client';
declare const credits: CreditGateway;
declare const lease: Lease;
// @ts-expect-error: a misspelt member must not become a stream without an end
void credits.lease({ model: 'm', inputTokens: 1, maxOutputToken: 5 });
// @ts-expect-error: amounts are answered as text
export const amount: Promise<number> = credits.holds.get('h').then((hold) => hold.amount);
// @ts-expect-error: not a reason
void lease.void('bored');
export const hold: OpenHold = lease.hold;
export const receipt: Promise<Receipt> = credits.holds.settle('h', { usage: { outputTokens: 1 } });
`;

test('installs without a network, and the examples of its page compile and run', async () => {
  await lab.operator('POST', '/v1/grants', { account: 'alice', amount: '10', reason: 'test' });
  // The package builds itself when it is packed; the gateway's own .npmrc, which npm hands on, lets no package run scripts.
  await run('npm', ['pack', '--ignore-scripts=false', '--silent', '--pack-destination', folder], SOURCE);
  const { version } = JSON.parse(readFileSync(join(SOURCE, 'package.json'), 'utf8')) as { version: string };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `credit-gateway-client-${version}.tgz`], folder);
  expect(await run('npm', ['ls', '--all', '--parseable'], folder)).toMatch(/^[^\n]*\n[^\n]*node_modules\/credit-gateway-client\n$/);

  writeFileSync(join(folder, 'examples.ts'), examples());
  writeFileSync(join(folder, 'mistakes.ts'), MISTAKES);
  const compiler = join(projectRoot, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [
    compiler, '--strict', '--target', 'es2023', '--module', 'nodenext', '--lib', 'es2023,dom', '--types', 'node',
    '--typeRoots', join(projectRoot, 'node_modules/@types'), 'examples.ts', 'mistakes.ts',
  ], folder);
  const printed = await run(process.execPath, ['examples.js', lab.gateway.url, lab.key], folder);
  const lines = printed.trim().split('\n').map((line) => JSON.parse(line) as unknown);
  // Between them are the entries that had reached Postgres by then.
  expect([lines.slice(0, 5), lines.at(-1)])
    .toEqual([['a', 'b', 'c', 'd', '0.00525 credits, 9.98825 left'], '999980.01925 credits are missing']);
});
