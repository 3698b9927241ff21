import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { send, signed } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { throwawayPostgres, type TestPostgres } from '../../support/servers.js';

/** The credit service while Postgres is away: what can be spent is told all the same; what only Postgres knows is refused. */
const SECRET = 'the-secret-of-chatsparty-in-this-test-0123456789';
let postgres: TestPostgres;
let gateway: TestGateway;
let admin: string;
beforeAll(async () => {
  postgres = await throwawayPostgres();
  await migrate(postgres.ownerUrl);
  gateway = await startGateway({ databaseUrl: postgres.url, environment: { POSTGRES_TIMEOUT_MS: '1000', CHATSPARTY_JWT_SECRET: SECRET } });
  admin = await gateway.token({ sub: 'root', role: 'admin' });
});
afterAll(async () => {
  await gateway.stop();
  await postgres.discard();
});

test('a balance never fails for it, and keeps what was last known', async () => {
  const issuedAt = Math.floor(Date.now() / 1_000);
  const token = await signed(SECRET, { userId: 'alice', iat: issuedAt, exp: issuedAt + 600 });
  const call = (method: string, path: string, body?: object, as = token) =>
    send(gateway.url + path, method, { token: as, ...(body === undefined ? {} : { body }) });
  await call('GET', '/credits/balance');
  await call('POST', '/credits/add', { userId: 'alice', amount: 100, transactionType: 'purchase', reason: 'manual_adjustment' }, admin);
  expect((await call('GET', '/credits/balance')).body).toMatchObject({ balance: 100, creditsPurchased: 100 });

  // It hangs, which is worse than being gone: every answer has to give up on it.
  await postgres.kill('SIGSTOP');
  try {
    const startedMs = Date.now();
    await call('POST', '/api/usage/record', { service: 'chat', operation: 'x', credits: 30 });
    for (const path of ['/credits/balance', '/api/credits/balance']) {
      const { status, body } = await call('GET', path);
      expect([status, body['balance'], body['creditsUsed'], body['creditsPurchased'], body['lifetime_credits_purchased']]).toEqual([
        200, 70, 30, 100, 100,
      ]);
    }
    expect(Date.now() - startedMs).toBeLessThan(2_000);
    expect((await call('POST', '/credits/validate', { amount: 50 })).body['hasEnoughCredits']).toBe(true);
    const refused = await call(
      'POST', '/credits/add', { userId: 'alice', amount: 1, transactionType: 'bonus', reason: 'referral_bonus' }, admin,
    );
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    const history = await call('GET', '/api/credits/transactions');
    expect([history.status, history.body['error'], history.body['code']]).toEqual([
      503, 'Failed to get transaction history', 'ledger_unavailable',
    ]);
  } finally {
    await postgres.kill('SIGCONT');
  }
});
