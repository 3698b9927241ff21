import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { json, listen } from './auth-service.js';
import { ADMIN, JOHN, seedLab, type SeedLab } from './lab.js';

/** The Python tester of seed 003 (examples/credit-check) against the gateway, and against gateways that lie. */
const ROOT = join(import.meta.dirname, '../../../..');
const SCRIPT = join(ROOT, 'examples/credit-check/test_credit_check.py');
/** What the tester allocates before it looks at the balance. */
const ALLOCATED = 1_500;

type Run = { readonly code: number; readonly stdout: string; readonly stderr: string };

const python = (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Run | null> =>
  new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], PYTHONDONTWRITEBYTECODE: '1', ...environment };
    execFile('python3', args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error?.code ?? (error === null ? 0 : 1);
      resolve(typeof code === 'number' ? { code, stdout, stderr } : null);
    });
  });

const hasPython = (await python(['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']))?.code === 0;
if (!hasPython) process.stderr.write('credit-check-tester: SKIPPED, there is no python3 (3.8 or newer) on this machine\n');

(hasPython ? describe : describe.skip)(`examples/credit-check${hasPython ? '' : ' (SKIPPED: no python3)'}`, () => {
  let lab: SeedLab;
  beforeAll(async () => { lab = await seedLab(); });
  afterAll(() => lab.stop());
  beforeEach(() => lab.fund(JOHN, 29_829 - ALLOCATED));

  const tester = async (environment: Readonly<Record<string, string>>): Promise<Run> => {
    const run = await python([SCRIPT], environment);
    if (run === null) throw new Error('python3 did not run');
    expect(run.stderr).toBe('');
    return run;
  };
  const tokens = async (): Promise<Record<string, string>> => ({ USER_TOKEN: await lab.login(JOHN), ADMIN_TOKEN: await lab.login(ADMIN) });
  const logins = (): Record<string, string> => ({
    AUTH_URL: lab.auth.url, AUTH_USERNAME: JOHN.username, AUTH_PASSWORD: JOHN.password, ADMIN_USERNAME: ADMIN.username,
    ADMIN_PASSWORD: ADMIN.password,
  });

  const expectSuccess = async ({ code, stdout }: Run): Promise<void> => {
    expect([code, stdout]).toEqual([0, expect.stringContaining('[SUCCESS] CREDIT CHECK TEST PASSED')]);
    expect(stdout).not.toContain('[ERROR]');
    const line = '='.repeat(80);
    // The last lines of seed 003; our answer has more fields.
    expect(stdout).toContain([
      line, 'TESTING INSUFFICIENT CREDITS SCENARIO', line, '[INFO] Current balance: 29829 credits',
      '[INFO] Testing credit check with 30829 credits (more than available)',
      '[SUCCESS] Credit check correctly identified insufficient credits', '[INFO] {',
    ].join('\n'));
    const answer = /identified insufficient credits\n\[INFO\] (\{.*\})\n/.exec(stdout)?.[1] ?? '';
    expect(JSON.parse(answer)).toMatchObject({
      sufficient: false, message: 'Insufficient credits', credits: 29_829, requiredCredits: 30_829,
    });
    expect((await lab.balance(await lab.login())).totalCredits).toBe(29_829);
  };

  test('with tokens of the environment', async () => {
    await expectSuccess(await tester({ ACCOUNTING_URL: lab.gateway.url, ...await tokens() }));
  });

  test('with logins at an auth service, and slashes at the end of both URLs', async () => {
    const before = lab.auth.logins.length;
    await expectSuccess(await tester({ ACCOUNTING_URL: `${lab.gateway.url}/`, ...logins(), AUTH_URL: `${lab.auth.url}/` }));
    expect(lab.auth.logins.slice(before, before + 2)).toEqual(['johndoe', 'admin']);
  });

  test('fractions of a balance', async () => {
    await lab.fund(JOHN, 0.1, 0.2, 0.000001);
    expect(await tester({ ACCOUNTING_URL: lab.gateway.url, ...await tokens() }))
      .toMatchObject({
        code: 0, stdout: expect.stringContaining('[INFO] Testing credit check with 2500.300001 credits (more than available)'),
      });
  });

  /** The gateway, but for what it answers to a check. */
  const liar = (lie: (answer: Record<string, unknown>) => readonly [status: number, body: object]) => listen(async (request, response) => {
    const { method = '', url = '', headers: { authorization } } = request;
    const body = method === 'GET' ? undefined : await text(request);
    const answer = await fetch(lab.gateway.url + url, {
      method, headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
      ...(body === undefined ? {} : { body }),
    });
    const told = (await answer.json()) as Record<string, unknown>;
    if (url === '/api/credits/check' && answer.status === 200) json(response, ...lie(told));
    else json(response, answer.status, told);
  });

  test.each([
    ['that everything is sufficient', (answer: object) => [
      200, { ...answer, sufficient: true },
    ] as const, '[ERROR] Credit check incorrectly reported sufficient credits'],
    ['that nothing is', (answer: object) => [
      200, { ...answer, sufficient: false },
    ] as const, '[ERROR] Credit check incorrectly reported insufficient credits'],
    ['nothing definite', (answer: object) => [
      200, { ...answer, sufficient: 'no' },
    ] as const, '[ERROR] Credit check answered 200 without saying whether the credits are sufficient'],
    ['yes, with an error', (answer: object) => [500, { ...answer, sufficient: true }] as const, '[ERROR] Credit check answered 500'],
  ])('a check that says %s: exit code 1', async (_, lie, message) => {
    const service = await liar(lie);
    try {
      const { code, stdout } = await tester({ ACCOUNTING_URL: service.url, ...await tokens() });
      expect([code, stdout]).toEqual([1, expect.stringContaining(message)]);
      expect(stdout).toContain('[ERROR] CREDIT CHECK TEST FAILED');
    } finally {
      await service.stop();
    }
  });

  test.each<[string, () => Promise<Record<string, string>>, string]>([
    ['the gateway is not there', async () => ({
      ACCOUNTING_URL: 'http://127.0.0.1:9', ...await tokens(),
    }), '[ERROR] Accounting Service at http://127.0.0.1:9'],
    ['the URL is none', async () => ({ ACCOUNTING_URL: 'nonsense', ...await tokens() }), '[ERROR] Accounting Service at nonsense'],
    ['the auth service is not there', () => Promise.resolve({
      ACCOUNTING_URL: lab.gateway.url, ...logins(), AUTH_URL: 'http://127.0.0.1:9',
    }), '[ERROR] Authentication Service'],
    ['the password is wrong', () => Promise.resolve({
      ACCOUNTING_URL: lab.gateway.url, ...logins(), AUTH_PASSWORD: 'x',
    }), "[ERROR] Login of 'johndoe' (AUTH_USERNAME, AUTH_PASSWORD) answered 401: Invalid credentials"],
    ['there are no tokens', () => Promise.resolve({ ACCOUNTING_URL: lab.gateway.url }), '[ERROR] USER_TOKEN is not set'],
    ['a token is none', async () => ({
      ACCOUNTING_URL: lab.gateway.url, ...await tokens(), USER_TOKEN: 'a.b.c',
    }), '[ERROR] USER_TOKEN is not set'],
    ['the admin is none', async () => ({
      ACCOUNTING_URL: lab.gateway.url, ...await tokens(), ADMIN_TOKEN: await lab.login(JOHN),
    }), '[ERROR] The allocation answered 403: Admin access required'],
  ])('%s: exit code 1', async (_, environment, message) => {
    const { code, stdout } = await tester(await environment());
    expect([code, stdout]).toEqual([1, expect.stringContaining(message)]);
  });
});
