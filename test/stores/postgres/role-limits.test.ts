import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiProfile, connectPostgres } from '../../../src/stores/postgres/connect.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { until } from '../../chaos/lab.js';
import { send } from '../../support/fake-gateway.js';
import { seriesOf } from '../../support/gauges.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { asAdmin, freshDatabase, type FreshDatabase } from '../../support/servers.js';

/** A role with time-outs that are too short for a gateway: its own limits hold, and an idle connection that ends is no outage. */
/** Long enough for a connection to be made and used on a busy machine. */
const IDLE_SESSION_MS = 1_500;
const SHORT = {
  statement_timeout: '2s', idle_in_transaction_session_timeout: '2s', idle_session_timeout: `${IDLE_SESSION_MS}ms`,
};
let database: FreshDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  database = await freshDatabase(migrate);
  const { username, pathname } = new URL(database.databaseUrl);
  for (const [name, value] of Object.entries(SHORT)) {
    await asAdmin(database.databaseUrl, `alter role ${username} in database ${pathname.slice(1)} set ${name} = '${value}'`);
  }
  gateway = await startGateway({ databaseUrl: database.databaseUrl });
}, 120_000);
afterAll(async () => {
  await gateway.stop();
  await database.drop();
});

test('the gateway works, and says nothing else', async () => {
  const token = await gateway.token({ sub: 'alice', role: 'admin' });
  const post = async (path: string, body: object): Promise<number> => (await send(gateway.url + path, 'POST', { token, body })).status;
  const sessions = async (): Promise<number[]> =>
    (await asAdmin(database.databaseUrl, `select pid from pg_stat_activity where application_name like 'credit-gateway-%'
      and datname = current_database()`)).rows.map(({ pid }: { pid: number }) => pid);
  for (const round of [1, 2]) {
    expect(await post('/api/credits/allocate', { userId: 'alice', credits: 10 })).toBe(201);
    expect(await post('/api/streaming-sessions/initialize', { sessionId: `s${round}`, modelId: 'gpt-4', estimatedTokens: 100 })).toBe(201);
    expect(await post('/api/streaming-sessions/finalize', { sessionId: `s${round}`, actualTokens: 50 })).toBe(200);
    await until('the journal', async () =>
      (await asAdmin(database.databaseUrl, `select 1 from holds where state = 'settled'`)).rowCount === round);
    const had = await sessions();
    await until('an idle session ends', async () => {
      const has = await sessions();
      return had.some((pid) => !has.includes(pid));
    });
  }
  // A busy machine may miss one look: the next one tells the truth.
  await until('Postgres is well', async () => {
    const { body } = await send(`${gateway.operationsUrl}/readyz`, 'GET');
    return (body['checks'] as { postgres: { ok: boolean } }).postgres.ok;
  });
  const series = seriesOf((await send(`${gateway.operationsUrl}/metrics`, 'GET')).text);
  expect([series.get('cg_postgres_writable'), series.get('cg_postgres_refusals_total{reason="stopping"}') ?? 0]).toEqual([1, 0]);
});

test('a statement has the limit of the gateway, not that of the role', async () => {
  const db = connectPostgres(database.databaseUrl, apiProfile(20_000));
  await db.raw('select pg_sleep(2.5)');
  await db.destroy();
});
