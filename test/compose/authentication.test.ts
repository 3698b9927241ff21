import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { SignJWT, generateKeyPair } from 'jose';
import { composeAuthentication } from '../../src/compose/authentication.js';
import { readConfig } from '../../src/config.js';
import { createMetrics } from '../../src/kit/metrics/metrics.js';
import { ACCESS_SECRET } from '../support/fake-gateway.js';

function compose(environment: Record<string, string>): ReturnType<typeof composeAuthentication> & {
  readonly said: string[];
  readonly text: () => Promise<string>;
} {
  const said: string[] = [];
  const metrics = createMetrics({ version: 'test', defaults: false });
  const say = (first: unknown, second?: string): void => { said.push(second ?? String(first)); };
  const composed = composeAuthentication({
    auth: readConfig({ JWT_ACCESS_SECRET: ACCESS_SECRET, ...environment }).auth, metrics, log: { warn: say, info: say } as never,
    admitted: () => Promise.resolve('admitted'),
  });
  return { ...composed, said, text: metrics.text };
}

test('a key server without issuer and audience is said at the start, in one line, and in the readiness', () => {
  const JWKS_URL = 'https://auth.example.com/keys';
  const line = expect.stringMatching(/^JWKS_URL is set without JWT_ISSUER and JWT_AUDIENCE: its tokens have no role[^\n]*$/);
  const open = compose({ JWKS_URL });
  expect(open.said).toEqual([line]);
  expect(open.keysCheck?.()).toEqual({ ok: true, detail: expect.stringMatching(/^keys not fetched yet; JWKS_URL is set without/) });
  for (const bound of [{ JWT_ISSUER: 'https://auth.example.com' }, { JWT_AUDIENCE: 'credits' }]) {
    const composed = compose({ JWKS_URL, ...bound });
    expect([composed.said, composed.keysCheck?.()]).toEqual([[], { ok: true, detail: 'keys not fetched yet' }]);
  }
  expect(compose({})).toMatchObject({ said: [], keysCheck: undefined });
});

test('a failed fetch is logged and counted', async () => {
  const server = createServer((_, response) => { response.writeHead(500).end(); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { authenticate, said, text } = compose({
    JWKS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, JWT_AUDIENCE: 'credits',
  });
  const { privateKey } = await generateKeyPair('ES256');
  for (let index = 0; index < 10; index += 1) {
    const forged = await new SignJWT({ sub: 'mallory' }).setProtectedHeader({ alg: 'ES256', kid: `k${index}` }).sign(privateKey);
    await expect((async () => authenticate(`Bearer ${forged}`))()).rejects.toMatchObject({ message: 'Invalid token' });
  }
  expect(said).toContain('the keys of JWKS_URL were not fetched; the last ones stay in use');
  expect(said.length).toBeLessThan(10);
  expect(await text()).toContain(`cg_jwks_refreshes_total{result="failed"} ${said.length}`);
  server.closeAllConnections();
  server.close();
});
