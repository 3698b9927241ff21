import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt, jwtVerify } from 'jose';
import { localSecret } from '../../../src/edge/auth/local-secret.js';

const run = promisify(execFile);
let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'secret-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

describe('the secret of the embedded mode', () => {
  test('is made once, long, and readable by its owner only', () => {
    const dataDir = join(folder, 'new', 'data');
    const secret = localSecret(dataDir);
    expect(secret).toMatch(/^[0-9a-f]{128}$/);
    expect(localSecret(dataDir)).toBe(secret);
    expect(statSync(join(dataDir, 'jwt-secret')).mode & 0o777).toBe(0o600);
    expect(readdirSync(dataDir)).toEqual(['jwt-secret']);
  });

  test.each(['', 'short\n'])('a file that holds %j is refused, not trusted and not replaced', (text) => {
    writeFileSync(join(folder, 'jwt-secret'), text);
    expect(() => localSecret(folder)).toThrow(/delete it to have one made/);
  });

  test('many processes at once end up with the same', async () => {
    const script = `import(${JSON.stringify(new URL('../../../src/edge/auth/local-secret.js', import.meta.url).href)}).then((m) `
      + `=> console.log(m.localSecret(process.argv[1])))`;
    const secrets = await Promise.all(Array.from({ length: 4 }, async () => (await run(process.execPath, ['-e', script, folder])).stdout));
    expect(new Set(secrets).size).toBe(1);
  });
});

describe('credit-gateway token', () => {
  const cli = new URL('../../../src/cli/main.js', import.meta.url).pathname;
  const token = (args: string[], env: Record<string, string> = {}): Promise<{ stdout: string; stderr: string }> =>
    run(process.execPath, [cli, 'token', ...args], { env: { PATH: process.env['PATH'], DATA_DIR: folder, ...env } });

  test('prints a token, and nothing else, that the local secret verifies', async () => {
    const { stdout, stderr } = await token(['--sub', 'alice', '--username', 'Alice', '--email', 'a@example.com', '--ttl', '15m']);
    expect(stderr).toBe('');
    const { payload } = await jwtVerify(stdout.trim(), new TextEncoder().encode(localSecret(folder)), { algorithms: ['HS256'] });
    expect(payload).toMatchObject({ sub: 'alice', role: 'user', type: 'access', username: 'Alice', email: 'a@example.com' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(900);
  });

  test('uses JWT_ACCESS_SECRET when there is one', async () => {
    const secret = 'b'.repeat(40);
    const { stdout } = await token(['--sub', 'root', '--role', 'admin'], { JWT_ACCESS_SECRET: secret });
    await jwtVerify(stdout.trim(), new TextEncoder().encode(secret));
    expect(decodeJwt(stdout.trim())['role']).toBe('admin');
  });

  test.each([
    [[], /'--sub <account>' not specified/],
    [['--sub', 'a'.repeat(256)], /--sub must be 1 to 255 characters/],
    [['--sub', 'alice', '--role', 'root'], /'root' is invalid. Allowed choices are user, enduser, supervisor, admin/],
    [['--sub', 'alice', '--ttl', '5'], /--ttl must be/],
    [['--sub', 'alice', '--ttl', '0m'], /--ttl must be/],
    [['--sub', 'alice', '--name', 'alice'], /unknown option '--name'/],
  ])('%j is explained', async (args, message) => {
    await expect(token(args)).rejects.toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });

  test('with servers of one\'s own and no secret there is nothing to sign with', async () => {
    const env = { REDIS_URL: 'redis://x', DATABASE_URL: 'postgres://x', JWKS_URL: 'https://x/keys' };
    await expect(token(['--sub', 'alice'], env)).rejects.toMatchObject({ stderr: expect.stringMatching(/JWT_ACCESS_SECRET is not set/) });
  });
});
