import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';
import { throwawayPostgres, throwawayRedis, type TestPostgres, type TestServer } from '../../support/servers.js';

/** Administration while Redis or Postgres is away: recorded and pending, or refused before anything happened (I6, I10). */
let redis: TestServer;
let postgres: TestPostgres;
let gateway: Awaited<ReturnType<typeof startGateway>>;
let admin: string;
beforeAll(async () => {
  [redis, postgres] = await Promise.all([throwawayRedis(), throwawayPostgres()]);
  await migrate(postgres.ownerUrl);
  gateway = await startGateway({
    redisUrl: redis.url, databaseUrl: postgres.url, environment: { POSTGRES_TIMEOUT_MS: '1000', REDIS_TIMEOUT_MS: '500' },
  });
  admin = await gateway.token({ sub: 'root', role: 'admin' });
});
afterAll(async () => {
  await gateway.stop();
  await redis.discard();
  await postgres.discard();
});

const call = (method: string, path: string, body?: object, headers: Record<string, string> = {}, token = admin): Promise<Answer> =>
  send(gateway.url + path, method, { token, headers, ...(body === undefined ? {} : { body }) });
const until = async (isTrue: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 120_000;
  while (!await isTrue()) {
    if (Date.now() > deadline) throw new Error('it never came true');
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
};
const totalOf = async (token: string): Promise<unknown> =>
  (await call('GET', '/api/credits/total-balance', undefined, {}, token)).body['totalCredits'];

test('Redis away: 202 pending, applied once when it is back; what needs Redis at once is refused', async () => {
  const user = `u-${randomUUID()}`;
  const token = await gateway.token({ sub: user });
  const { body: { id } } = await call('POST', '/api/credits/allocate', { userId: user, credits: 100 });
  const { body: { id: revoked } } = await call('POST', '/api/credits/allocate', { userId: user, credits: 7 });
  expect(await totalOf(token)).toBe(107);
  expect((await call('GET', '/api/credits/allocations/all')).status).toBe(200);
  const headers = { 'idempotency-key': randomUUID() };
  const set = { userId: user, credits: 50 };
  process.kill(redis.pid, 'SIGSTOP');
  const waiting = [
    await call('DELETE', `/api/credits/allocations/${String(revoked)}`),
    await call('POST', '/api/credits/set', set, headers),
    await call('DELETE', '/api/credits/remove', { userId: user, credits: 10 }),
    await call('PUT', '/api/credits/adjust', { userId: user, adjustment: 2.5 }),
    await call('POST', '/api/credits/allocate', { userId: user, credits: 1 }),
  ];
  const refused = await call('POST', '/api/credits/deduct', { credits: 1 }, {}, token);
  const listed = await call('GET', '/api/credits/allocations/all');
  process.kill(redis.pid, 'SIGCONT');
  expect(waiting.map(({ status, body }) => [status, body['status'], body['userId']])).toEqual(waiting.map(() => [202, 'pending', user]));
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect([listed.status, (listed.body['allocations'] as { id: number }[]).some((each) => each.id === id)]).toEqual([200, true]);
  await until(async () => await totalOf(token) === 43.5);
  const again = await call('POST', '/api/credits/set', set, headers);
  expect([again.status, again.body['newCredits'], again.headers.get('idempotency-replayed')]).toEqual([200, 50, 'true']);
  expect(await totalOf(token)).toBe(43.5);
});

test('Postgres away: refused before anything happened, and users who come are let in; what waits for them comes later', async () => {
  const user = `u-${randomUUID()}`;
  const known = await gateway.token({ sub: user });
  expect((await call('POST', '/api/credits/allocate', { userId: user, credits: 100 })).status).toBe(201);
  const name = `n-${randomUUID()}`;
  expect((await call('POST', '/api/credits/allocate', { userId: name, credits: 5 })).status).toBe(201);
  expect(await totalOf(known)).toBe(100);
  const newcomer = await gateway.token({ sub: randomUUID().replaceAll('-', '').slice(0, 24), username: name });

  await postgres.stop();
  const answers = [
    await call('POST', '/api/credits/set', { userId: user, credits: 1 }),
    await call('DELETE', '/api/credits/remove', { userId: user, credits: 1 }),
    await call('PUT', '/api/credits/adjust', { userId: user, adjustment: 1 }),
    await call('POST', '/api/credits/allocate', { userId: user, credits: 1 }),
    await call('POST', '/api/credits/allocate-by-email', { email: 'a@example.com', credits: 1 }),
    await call('GET', `/api/credits/balance/${user}`),
    await call('GET', '/api/credits/allocations/all'), await call('DELETE', '/api/credits/allocations/1'),
    await call('POST', '/api/admin/users', { sub: 'a'.repeat(24), email: 'a@example.com', role: 'user' }),
  ];
  expect(answers.map(({ status, body }) => [status, body['outcome']])).toEqual(answers.map(() => [503, 'not_executed']));
  expect((await call('POST', '/api/credits/deduct', { credits: 1 }, {}, known)).body['remainingBalance']).toBe(99);
  const startedMs = Date.now();
  const strangers = await Promise.all(Array.from({
    length: 10,
  }, async (_, index) => call('GET', '/health', undefined, {}, await gateway.token({ sub: `s-${index}` }))));
  expect(strangers.map(({ status }) => status)).toEqual(strangers.map(() => 200));
  // The account cannot be loaded now (I10), and the request does not wait for it.
  expect([200, 503]).toContain((await call('GET', '/api/credits/total-balance', undefined, {}, newcomer)).status);
  expect(Date.now() - startedMs).toBeLessThan(5_000);

  await postgres.restart();
  await until(async () => await totalOf(newcomer) === 5);
  expect(await totalOf(known)).toBe(99);
});
