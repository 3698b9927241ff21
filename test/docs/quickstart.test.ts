import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { projectRoot } from '../../src/kit/paths.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { send } from '../support/fake-gateway.js';

/** The Python that the README shows for proxies, as it stands there. clients/package.test.ts runs its TypeScript. */

const README = readFileSync(join(projectRoot, 'README.md'), 'utf8');
const blockOf = (page: string, language: string): string =>
  new RegExp(String.raw`^\`\`\`${language}\n([\s\S]*?)^\`\`\`$`, 'm').exec(page)?.[1] ?? '';

type Run = { readonly code: number | null; readonly stdout: string; readonly stderr: string };
const python = (program: string, environment: Readonly<Record<string, string>> = {}): Promise<Run> =>
  new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment };
    execFile('python3', ['-c', program], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, stdout, stderr });
    });
  });
const hasPython = (await python('import sys; sys.exit(sys.version_info < (3, 8))')).code === 0;
if (!hasPython) process.stderr.write('quickstart: SKIPPED, there is no python3 (3.8 or newer) on this machine\n');

test('the TypeScript that the README shows is what the client shows', () => {
  const shown = blockOf(README, 'ts');
  expect(shown).toContain('credits.stream(');
  expect(shown).toBe(blockOf(readFileSync(join(projectRoot, 'clients/typescript/README.md'), 'utf8'), 'ts'));
});

(hasPython ? describe : describe.skip)(`the Python of the README${hasPython ? '' : ' (SKIPPED: no python3)'}`, () => {
  let gateway: TestGateway;
  let environment: Record<string, string>;
  beforeAll(async () => {
    gateway = await startGateway();
    const admin = await gateway.token({ sub: 'ops', role: 'admin' });
    const operator = async (method: string, path: string, body: object): Promise<Record<string, unknown>> =>
      (await send(`${gateway.url}${path}`, method, { token: admin, body: { ...body, reason: 'test' } })).body;
    const { key } = await operator('POST', '/v1/api-keys', { name: 'proxy', scopes: ['holds', 'charges', 'read'] });
    environment = { GATEWAY: gateway.url, KEY: String(key) };
    await operator('PUT', '/v1/prices/native', { model: 'gpt-4o', prices: { input: '2500', output: '10000' } });
    await operator('POST', '/v1/grants', { account: 'alice', amount: '2.53' });
  });
  afterAll(() => gateway.stop());

  const run = (call: string): Promise<Run> => python(`${blockOf(README, 'python')}\n${call}\n`, environment);

  test('charges what was sent, cuts at the last credit, and is refused without credits', async () => {
    expect(await run(`print(list(answer('m-1', 'alice', 1000, ['a', 'b'])))`)).toMatchObject({ code: 0, stdout: "['a', 'b']\n" });
    // 2.52 of 2.53 credits are charged; another message costs 2.5 before its first token.
    const refused = await run(`list(answer('m-2', 'alice', 1000, ['a']))`);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('HTTP Error 402')]);
    // What is left pays for one token of a message without a prompt.
    expect(await run(`print(list(answer('m-3', 'alice', 0, ['a', 'b', 'c'])))`)).toMatchObject({ code: 0, stdout: "['a']\n" });
  });
});
