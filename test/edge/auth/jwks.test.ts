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
  gateway = await withKeys({ JWT_ISSUER: 'https://auth.example.com' });
});
afterEach(async () => { await gateway.stop(); });

const withKeys = (environment: Record<string, string>): Promise<FakeGateway> => fakeGateway({
  environment: { JWKS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, ...environment },
});
const sign = ({ privateKey }: Keys, alg: string, kid: string, claims: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT({ sub: 'alice', iss: 'https://auth.example.com', ...usualClaims(gateway.clock.nowMs), ...claims })
    .setProtectedHeader({ alg, kid }).sign(privateKey);
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
    gateway.clock.nowMs += 1_000; // the pause after a failure
    expect(await statusOf(await sign(rsa, 'RS256', 'r1', { jti: '1' }))).toBe(200);
    served.status = 500;
    expect(await statusOf(await sign(rsa, 'RS256', 'r1', { jti: '2' }))).toBe(200);
  });

  test('claims are held to the same rules as those of a secret', async () => {
    expect(await statusOf(await sign(rsa, 'RS256', 'r1', { iat: Math.floor(gateway.clock.nowMs / 1_000) + 61 }))).toBe(401);
    expect(await statusOf(await sign(rsa, 'RS256', 'r1', { type: 'refresh' }))).toBe(401);
  });
});

/** What a token may do: `admin`, `supervisor` or `user`, or why it is refused. */
async function rightsOf(at: FakeGateway, token: string): Promise<unknown> {
  const balance = await at.call('GET', '/api/credits/balance', { token });
  if (balance.status !== 200) {
    return (balance.body['sources'] as { path: string; message: string }[]).map(({ path, message }) => `${path} ${message}`).join();
  }
  const grant = await at.call('POST', '/api/credits/allocate', { token, body: { userId: 'bob', credits: 1 } });
  const role = at.seen.at(-1)?.role;
  expect([grant.status, grant.body['message']]).toEqual(role === 'user' ? [403, 'Admin access required'] : [201, undefined]);
  return role;
}

describe('which tokens of a key server are meant for this gateway', () => {
  const ISS = 'https://auth.example.com';
  test.each<[settings: Record<string, string>, claims: Record<string, unknown>, rights: string]>([
    // A key server that signs for many tenants: nothing tells whose admin this is.
    [{}, { role: 'admin' }, 'user'],
    [{}, { iss: 'https://tenant-2.example.com', aud: 'other', role: 'admin' }, 'user'],
    [{ JWT_ISSUER: ISS }, { role: 'admin' }, 'admin'],
    [{ JWT_ISSUER: `https://old.example.com, ${ISS}` }, { role: 'admin' }, 'admin'],
    [{ JWT_ISSUER: ISS }, { iss: 'https://tenant-2.example.com', role: 'admin' }, 'token.iss is not an accepted issuer'],
    [{ JWT_ISSUER: ISS }, { iss: [ISS], role: 'admin' }, 'token.iss is not an accepted issuer'],
    [{ JWT_ISSUER: ISS }, { iss: `${ISS}/`, role: 'admin' }, 'token.iss is not an accepted issuer'],
    [{ JWT_ISSUER: ISS }, { iss: undefined, role: 'admin' }, 'token.iss is missing'],
    [{ JWT_AUDIENCE: 'credits' }, { aud: 'credits', role: 'supervisor' }, 'supervisor'],
    [{ JWT_AUDIENCE: 'billing,credits' }, { aud: ['chat', 'credits'], role: 'admin' }, 'admin'],
    [{ JWT_AUDIENCE: 'credits' }, { aud: ['chat'], role: 'admin' }, 'token.aud does not name this gateway'],
    [{ JWT_AUDIENCE: 'credits' }, { role: 'admin' }, 'token.aud is missing'],
    [{ JWT_ISSUER: ISS, JWT_AUDIENCE: 'credits' }, { aud: 'chat', role: 'admin' }, 'token.aud does not name this gateway'],
  ])('%j: %j -> %s', async (settings, claims, rights) => {
    const at = await withKeys(settings);
    expect(await rightsOf(at, await sign(rsa, 'RS256', 'r1', claims))).toBe(rights);
    // Tokens of the shared secret are as before: the secret itself names their issuer.
    const flowise = await at.token({ sub: 'root', role: 'admin', iss: 'flowise-proxy-service', aud: 'flowise-api' });
    expect(await rightsOf(at, flowise)).toBe('admin');
    await at.stop();
  });

  test('which claim is at fault is told of a verified signature only', async () => {
    const forged = await sign(await generateKeyPair('RS256'), 'RS256', 'r1', { iss: 'https://tenant-2.example.com', exp: 1 });
    const { body } = await gateway.call('GET', '/api/credits/balance', { token: forged });
    expect(body).toMatchObject({ message: 'Invalid token', sources: [] });
  });
});

describe('roles in the words of an issuer', () => {
  const KEYCLOAK = { JWT_ROLES_CLAIM: 'realm_access.roles', JWT_ROLES: 'teacher=supervisor, realm-admin=admin' };
  test.each<[settings: Record<string, string>, claims: Record<string, unknown>, rights: string]>([
    [{}, { role: 'authenticated' }, 'user'],
    [{}, { role: 'Admin' }, 'user'],
    [{}, { role: 'admin ' }, 'user'],
    [{}, { role: { admin: true } }, 'user'],
    [{}, { role: ['user', 'admin'] }, 'admin'],
    [{}, { role: [['admin']] }, 'user'],
    [{}, { role: 'user supervisor' }, 'supervisor'],
    [{}, { role: 'user,admin' }, 'admin'],
    [{}, { role: 'not-admin' }, 'user'],
    [KEYCLOAK, { realm_access: { roles: ['offline_access', 'teacher'] } }, 'supervisor'],
    [KEYCLOAK, { realm_access: { roles: ['teacher', 'realm-admin'] } }, 'admin'],
    [KEYCLOAK, { realm_access: { roles: ['supervisor'] } }, 'supervisor'],
    [KEYCLOAK, { realm_access: 'admin' }, 'user'],
    [KEYCLOAK, { realm_access: ['admin'] }, 'user'],
    // Only the configured claim counts; users of some issuers can set others themselves.
    [KEYCLOAK, { role: 'admin' }, 'user'],
    [{ JWT_ROLES_CLAIM: 'https://example.com/roles' }, { 'https://example.com/roles': ['admin'] }, 'admin'],
    [{ JWT_ROLES_CLAIM: 'resource_access.my.client.roles' }, { resource_access: { 'my.client': { roles: 'admin' } } }, 'admin'],
    [{ JWT_ROLES_CLAIM: 'constructor.name' }, { role: 'admin' }, 'user'],
    [{ JWT_ROLES: 'admin=user,boss=admin' }, { role: 'admin' }, 'user'],
    [{ JWT_ROLES: 'admin=user,boss=admin' }, { role: 'boss' }, 'admin'],
  ])('%j: %j -> %s', async (settings, claims, rights) => {
    const at = await withKeys({ JWT_ISSUER: 'https://auth.example.com', ...settings });
    expect(await rightsOf(at, await sign(rsa, 'RS256', 'r1', { role: undefined, ...claims }))).toBe(rights);
    await at.stop();
  });

  test('tokens of the auth service keep their claim, and may use the configured one', async () => {
    const at = await withKeys(KEYCLOAK);
    expect(await rightsOf(at, await at.token({ sub: 'root', role: 'admin' }))).toBe('admin');
    expect(await rightsOf(at, await at.token({ sub: 'root', role: 'admin', realm_access: { roles: ['teacher'] } }))).toBe('supervisor');
    await at.stop();
  });
});

test('an e-mail address counts only if it is verified, whatever type the issuer writes that in', async () => {
  for (const [email_verified, email] of [
    [undefined, 'a@example.com'], [true, 'a@example.com'], ['true', 'a@example.com'],
    [false, null], ['false', null], [null, null], [0, null], [1, null], ['', null], ['True', null], [{}, null],
  ] as const) {
    await statusOf(await sign(rsa, 'RS256', 'r1', { email: 'a@example.com', email_verified }));
    expect([email_verified, gateway.seen.at(-1)?.email]).toEqual([email_verified, email]);
  }
});
