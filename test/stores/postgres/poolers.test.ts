import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apiProfile, connectPostgres, drainProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { classifyPostgresError } from '../../../src/stores/postgres/errors.js';
import { readMigrations } from '../../../src/stores/postgres/migration-files.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { until } from '../../edge/queues/lab.js';
import { send } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { findBouncer, openBouncer, type PoolMode, type TestBouncer } from '../../support/pgbouncer.js';
import { freshDatabase, type FreshDatabase } from '../../support/servers.js';

/** A real PgBouncer with its defaults. Where it cannot be had, these tests are skipped, and say so. */
const found = await findBouncer();
/** In session mode each of the gateway's connections has one of these; fewer do in transaction mode. */
const POOL_SIZE: Readonly<Record<PoolMode, number>> = { session: 40, transaction: 8 };

const rejected = (work: Promise<unknown>): Promise<unknown> => work.then(() => null, (error: unknown) => error);

describe.each(['session', 'transaction'] as const)('behind PgBouncer in %s mode', (mode) => {
  if (typeof found === 'string') {
    test.skip(`skipped: ${found}`, () => undefined);
    return;
  }
  let database: FreshDatabase;
  let bouncer: TestBouncer;
  let url: string;
  let db: Db;
  beforeAll(async () => {
    database = await freshDatabase();
    bouncer = await openBouncer(found, mode, database.ownerUrl, POOL_SIZE[mode]);
    url = bouncer.through(database.ownerUrl);
    db = connectPostgres(url, apiProfile(400));
  });
  afterAll(async () => {
    await db.destroy();
    await bouncer.discard();
    await database.drop();
  });

  test('processes that start at once migrate once, and leave no lock behind', async () => {
    const steps: string[] = [];
    await Promise.all(Array.from({ length: POOL_SIZE.transaction + 4 }, () => migrate(url, (step) => { steps.push(step); })));
    expect(steps).toEqual(readMigrations().map(({ name }) => name));
    const { rows } = await db.raw<{ rows: unknown[] }>(
      `select 1 from pg_locks join pg_database d on d.oid = database where locktype = 'advisory' and datname = current_database()`,
    );
    expect(rows).toEqual([]);
    await migrate(url);
  });

  test('a gateway starts, charges, and writes its journal', async () => {
    const gateway: TestGateway = await startGateway({ databaseUrl: url });
    try {
      const token = await gateway.token({ sub: 'alice', role: 'admin' });
      const call = (method: string, path: string, body?: object) =>
        send(gateway.url + path, method, { token, ...(body === undefined ? {} : { body }) });
      expect((await call('POST', '/api/credits/allocate', { userId: 'alice', credits: 10 })).status).toBe(201);
      const paid = await Promise.all(Array.from({ length: 15 }, () => call('POST', '/api/credits/deduct', { credits: 1 })));
      expect(paid.map(({ status }) => status).sort()).toEqual([...Array<number>(10).fill(200), ...Array<number>(5).fill(400)]);
      expect((await call('GET', '/readyz')).body).toMatchObject({ status: 'ok' });
      const micros = async (): Promise<number | null | undefined> => (await db.raw<{ rows: { micros: number | null }[] }>(
        `select sum(captured)::bigint as micros from entries where account_id = 'alice'`,
      )).rows[0]?.micros;
      expect(await until(micros, (sum) => sum === 10_000_000)).toBe(10_000_000);
    } finally {
      await gateway.stop();
    }
  });

  test('a transaction that takes too long is ended by the server', async () => {
    const slow = await rejected(db.transaction((trx) => trx.raw('select pg_sleep(20)')));
    expect(classifyPostgresError(slow)).toBe('contention');
    const drain = connectPostgres(url, { ...drainProfile(5_000), idleInTransactionTimeoutMs: 300 });
    try {
      const idle = await rejected(drain.transaction(async (trx) => {
        await trx.raw('select 1');
        await new Promise((resolve) => { setTimeout(resolve, 1_000); });
        await trx.raw('select 1');
      }));
      expect(classifyPostgresError(idle)).toBe('unavailable');
    } finally {
      await drain.destroy();
    }
  });

  test('no limit of a connection passes to another one', async () => {
    await db.raw('select 1');
    await db.transaction((trx) => trx.raw('select 1'));
    const others = connectPostgres(url, { ...drainProfile(5_000), statementTimeoutMs: 77_000, connectionsMax: 8 });
    try {
      await others.raw('select 1');
      const shown = await Promise.all(Array.from({ length: 8 }, () => others.transaction(async (trx) => {
        const { rows } = await trx.raw<{ rows: { statement_timeout: string }[] }>('show statement_timeout');
        await trx.raw('select pg_sleep(0.05)');
        return rows[0]?.statement_timeout;
      })));
      expect(new Set(shown)).toEqual(new Set(['77s']));
      const single = await Promise.all(Array.from({ length: 8 }, () =>
        others.raw<{ rows: { statement_timeout: string }[] }>('show statement_timeout').then(({ rows }) => rows[0]?.statement_timeout)));
      expect(new Set(single)).toEqual(new Set(['0']));
    } finally {
      await others.destroy();
    }
  });

  test('a statement that is no transaction ends, too, with its connection', async () => {
    const startedMs = performance.now();
    const error = await rejected(db.raw('select pg_sleep(20)').then(() => null));
    expect(classifyPostgresError(error)).toBe('unavailable');
    expect(performance.now() - startedMs).toBeLessThan(15_000);
  });
});
