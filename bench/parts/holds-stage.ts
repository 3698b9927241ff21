import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { MICROS_PER_CREDIT } from '../../src/kit/money/micros.js';
import { projectRoot } from '../../src/kit/paths.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { throwawayPostgres, throwawayRedis } from '../../test/support/servers.js';
import { CREDITS_PER_ACCOUNT, openAccounts, type BenchAccounts } from '../bench-accounts.js';
import { bind, type Cores } from '../cores.js';
import { openLedgerView, type LedgerView } from '../ledger-view.js';
import type { LoadGenerator } from '../load/burst.js';
import { openLoad } from '../load/open-load.js';
import { startBaseline, startGatewayProcess, type Child } from '../processes.js';

/** The servers that are compared. `noWait`: Postgres-only with `synchronous_commit = off`, so it may lose what Redis may lose. */
export const SIDES = ['bare', 'byHand', 'gateway', 'postgres', 'noWait', 'orm'] as const;
export type Side = (typeof SIDES)[number];

export type Server = Child & { readonly port: number };

/** Everything that takes part in the comparison. */
export type Stage = {
  readonly servers: Readonly<Record<Side, Server>>;
  readonly worker: Child;
  readonly redis: { readonly pid: number };
  readonly postgres: { readonly pid: number };
  readonly load: LoadGenerator;
  readonly view: LedgerView;
  /** The baselines' tables, as their owner. */
  readonly tables: pg.Pool;
  /** Accounts that exist on every side with the same credits; the last one is the hot account. */
  readonly accounts: BenchAccounts;
  /** Null: all processes share all processors. */
  readonly cores: Cores | null;
  readonly close: () => Promise<void>;
};

/** Opens all of it. `cores`: binds the servers under test to theirs; everything else runs where this process does. */
export async function openStage(accountCount: number, cores: Cores | null, say: (line: string) => void): Promise<Stage> {
  const load = await openLoad(say);
  // As in production: an append-only file synced every second, and commits that wait for the disk.
  const redis = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
  const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
  await migrate(postgres.ownerUrl, () => undefined);
  const secret = randomBytes(32).toString('hex');
  const environment = {
    REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: secret, LOG_LEVEL: 'info', MAX_OPEN_HOLDS: '100000',
    POSTGRES_TIMEOUT_MS: '20000', // on a slow machine six servers at once take their time to connect
  };
  const baseline = { ...environment, BASELINE_DATABASE_URL: postgres.ownerUrl, PORT: '0', OPERATIONS_PORT: '0', HOST: '127.0.0.1' };
  const tables = new pg.Pool({ connectionString: postgres.ownerUrl, max: 1 });
  await tables.query(readFileSync(join(projectRoot, 'bench/baselines/tables.sql'), 'utf8'));

  const worker = await startGatewayProcess('worker', environment);
  const servers = {
    bare: await startBaseline('bare-koa', ['bodyparser']),
    byHand: await startBaseline('bare-koa', ['hand']),
    gateway: await startGatewayProcess('api', environment, (process.env['BENCH_NODE_OPTIONS'] ?? '').split(' ').filter(Boolean)),
    postgres: await startBaseline('postgres-only', ['on'], baseline),
    noWait: await startBaseline('postgres-only', ['off'], baseline),
    orm: await startBaseline('check-then-write', [], baseline),
  };
  if (cores !== null) for (const side of SIDES) await bind(servers[side].pid, cores.server);
  const view = await openLedgerView(environment);
  const accounts = await openAccounts(view.ledger, secret, 1, accountCount);
  await tables.query('insert into baseline.accounts (id, available) select unnest($1::text[]), $2', [
    accounts.ids, CREDITS_PER_ACCOUNT * MICROS_PER_CREDIT,
  ]);
  await tables.query('insert into baseline.orm_users select unnest($1::text[]), \'enduser\', true', [accounts.ids]);
  await tables.query('insert into baseline.orm_balances (user_id, balance) select unnest($1::text[]), $2', [
    accounts.ids, CREDITS_PER_ACCOUNT,
  ]);

  return {
    servers, worker, redis, postgres, load, view, tables, accounts, cores,
    close: async () => {
      await view.close();
      await tables.end();
      await Promise.all([load.stop(), ...SIDES.map((side) => servers[side].stop())]);
      await worker.stop();
      await redis.discard();
      await postgres.discard();
    },
  };
}
