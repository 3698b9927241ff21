import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { fakeGateway, signed, usualClaims, type FakeGateway } from '../../support/fake-gateway.js';

type Keys = { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey };

/** A key server whose answers a test decides. */
let server: Server;
let rsa: Keys;
let ec: Keys;
let served: { status: number; keys: JWK[]; requests: number };
let gateway: FakeGateway;

beforeAll(async () => {
  rsa = await generateKeyPair('RS256', { extractable: true });
  ec = await generateKeyPair('ES256', { extractable: true });
  server = createServer((_, response) => {
    served.requests += 1;
    response.writeHead(served.status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: served.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => { server.closeAllConnections(); server.close(); });

beforeEach(async () => {
  served = {
    status: 200, requests: 0,
    keys: [{ ...await exportJWK(rsa.publicKey), kid: 'r1', alg: 'RS256' }, { ...await exportJWK(ec.publicKey), kid: 'e1', alg: 'ES256' }],
  };
  gateway = await fakeGateway({ jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys` });
});
afterEach(async () => { await gateway.stop(); });

const sign = ({ privateKey }: Keys, alg: string, kid: string, claims: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT({ sub: 'alice', ...usualClaims(gateway.clock.nowMs), ...claims }).setProtectedHeader({ alg, kid }).sign(privateKey);
const statusOf = async (token: string): Promise<number> => (await gateway.call('GET', '/api/credits/balance', { token })).status;

describe('tokens of a key server', () => {
  test('RS256 and ES256 verify; roles count', async () => {
    expect(await statusOf(await sign(rsa, 'RS256', 'r1'))).toBe(200);
    const admin = await sign(ec, 'ES256', 'e1', { role: 'admin' });
    expect((await gateway.call('POST', '/api/credits/allocate', { token: admin, body: { userId: 'bob', credits: 1 } })).status).toBe(201);
    expect(served.requests).toBe(1);
  });

  test('shared-secret tokens keep working beside them, without asking the key server', async () => {
    served.status = 500;
    expect(await statusOf(await gateway.token({ sub: 'alice' }))).toBe(200);
    expect(served.requests).toBe(0);
  });

  test('23 HS256 signed with the public key as its secret', async () => {
    const pem = await exportSPKI(rsa.publicKey);
    expect(await statusOf(await signed(pem, { sub: 'alice', ...usualClaims(gateway.clock.nowMs) }))).toBe(401);
    expect(await statusOf(await signed(JSON.stringify(served.keys[0]), { sub: 'alice', ...usualClaims(gateway.clock.nowMs) }))).toBe(401);
  });

  test('algorithms outside the list: PS256, and EdDSA', async () => {
    const pss = await generateKeyPair('PS256');
    expect(await statusOf(await sign(pss, 'PS256', 'r1'))).toBe(401);
    const ed = await generateKeyPair('EdDSA');
    expect(await statusOf(await sign(ed, 'EdDSA', 'r1'))).toBe(401);
  });

  test('25 an unknown kid is refused, and a second one does not ask the key server again', async () => {
    const other = await generateKeyPair('RS256');
    expect(await statusOf(await sign(other, 'RS256', 'x1'))).toBe(401);
    const asked = served.requests;
    expect(await statusOf(await sign(other, 'RS256', 'x2'))).toBe(401);
    expect(served.requests).toBe(asked);
  });

  test('32 key server down before it ever answered: 401; afterwards the last keys stay good', async () => {
    served.status = 500;
    expect(await statusOf(await sign(rsa, 'RS256', 'r1'))).toBe(401);
    served.status = 200;
    expect(await statusOf(await sign(rsa, 'RS256', 'r1', { jti: '1' }))).toBe(200);
    served.status = 500;
    expect(await statusOf(await sign(rsa, 'RS256', 'r1', { jti: '2' }))).toBe(200);
  });

  test('claims are held to the same rules as those of a secret', async () => {
    expect(await statusOf(await sign(rsa, 'RS256', 'r1', { role: 'Admin' }))).toBe(401);
    expect(await statusOf(await sign(rsa, 'RS256', 'r1', { type: 'refresh' }))).toBe(401);
  });
});
