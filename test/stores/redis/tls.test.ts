import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, LOOPBACK } from '../../../src/stores/embedded/loopback-port.js';
import { openHotPath } from '../../../src/stores/redis/open-redis.js';
import { until } from '../../chaos/lab.js';
import { selfMadeCertificate } from '../../support/certificate.js';
import { startGateway } from '../../support/gateway.js';
import { throwawayCluster, type TestCluster } from '../../support/redis-cluster.js';
import { temporaryFolder, throwawayRedis, type Folder, type TestServer } from '../../support/servers.js';

/** The certificate is of `localhost` and of its own authority: nothing else trusts it, and no address is in it. */
const { key, cert } = selfMadeCertificate();
const TIMEOUT_MS = 120_000;

let folder: Folder;
let server: TestServer;
let cluster: TestCluster;
const ports: number[] = [];

const tlsConfig = async (): Promise<Readonly<Record<string, string>>> => {
  const port = await freePort();
  ports.push(port);
  const [keyFile, certFile] = ['key.pem', 'cert.pem'].map((name) => join(folder.path, name)) as [string, string];
  return {
    'tls-port': String(port), 'tls-key-file': keyFile, 'tls-cert-file': certFile, 'tls-ca-cert-file': certFile, 'tls-auth-clients': 'no',
  };
};

beforeAll(async () => {
  folder = await temporaryFolder();
  mkdirSync(folder.path, { recursive: true });
  writeFileSync(join(folder.path, 'key.pem'), key, { mode: 0o644 });
  writeFileSync(join(folder.path, 'cert.pem'), cert, { mode: 0o644 });
  server = await throwawayRedis(await tlsConfig());
  cluster = await throwawayCluster({ extraConfig: async () => ({ ...await tlsConfig(), 'tls-cluster': 'yes' }) });
}, TIMEOUT_MS);
afterAll(async () => {
  await server.discard();
  await cluster.discard();
  folder.remove();
});

const secureUrl = (): string => {
  const url = new URL(server.url);
  return `rediss://${url.username}:${url.password}@localhost:${ports[0] ?? 0}`;
};

test.each([
  ['one server', () => ({ REDIS_URL: secureUrl(), REDIS_TLS_CA: cert })],
  // Its nodes are known by their addresses, so the name of the certificate must be told.
  ['a Cluster', () => ({
    REDIS_CLUSTER_NODES: ports.slice(1).map((port) => `${LOOPBACK}:${port}`).join(), REDIS_PASSWORD: cluster.password,
    REDIS_TLS: 'true', REDIS_TLS_CA: join(folder.path, 'cert.pem'), REDIS_TLS_SERVER_NAME: 'localhost',
  })],
])('the gateway works over TLS: %s', async (_what, settings) => {
  const gateway = await startGateway({ redisUrl: server.url, environment: { REDIS_URL: '', ...settings() } });
  try {
    const call = async (sub: string, role: 'admin' | 'user', path: string, body?: object): Promise<unknown> => {
      const answer = await fetch(`${gateway.url}${path}`, {
        headers: { authorization: `Bearer ${await gateway.token({ sub, role })}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      });
      return answer.json();
    };
    await call('ops', 'admin', '/v1/grants', { account: 'alice', amount: '5', reason: 'tls' });
    expect(await call('alice', 'user', '/v1/accounts/alice/balance')).toMatchObject({ available: '5' });
    // The worker's own connections: the queue and the batches.
    await until('the entry in Postgres', async () =>
      JSON.stringify(await call('alice', 'user', '/v1/entries')).includes('"kind":"grant"'));
  } finally {
    await gateway.stop();
  }
}, TIMEOUT_MS);

test('a server whose certificate nobody vouches for is not used', async () => {
  const errors: string[] = [];
  const redis = openHotPath({ kind: 'server', url: secureUrl() }, 2_000, ({ message }) => { errors.push(message); });
  await until('a refusal', () => errors.length > 0);
  expect([redis.isReady(), errors[0]]).toEqual([false, expect.stringContaining('self-signed certificate')]);
  redis.close();
});
