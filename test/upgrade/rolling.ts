import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mintToken } from '../../src/edge/auth/mint-token.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { startLoad } from '../chaos/load.js';
import { until } from '../chaos/lab.js';
import { openBooks } from '../support/books.js';
import { chatProxy } from '../support/chat-proxy.js';
import type { Finding } from '../support/finding.js';
import { ANY_RATE } from '../support/gateway.js';
import { inParallel } from '../support/parallel.js';
import { patientClient, type Traffic } from '../support/patient-client.js';
import { gatewayProcess, type Controlled } from '../support/processes.js';
import { throwawayPostgres, throwawayRedis } from '../support/servers.js';
import { nothingTold } from '../support/told.js';

export type RollingOptions = {
  /** Folder of a build of the previous release: it has `dist`. */
  readonly previous: string;
  readonly seed: number;
  /** Answers that callers get between two steps. */
  readonly answersPerStep: number;
  readonly say: (line: string) => void;
};

export type RollingResult = { readonly wrongs: readonly Finding[]; readonly traffic: Traffic; readonly entries: number };

const ACCOUNTS = 12;
const CALLERS = 8;
const SHARDS = 16;
const STEP_TIMEOUT_MS = 300_000;
/** Past every lease (600 s). */
const PAST_LEASES_MS = 660_000;
const MODULE = 'dist/test/support/gateway-process.js';

/**
 * An upgrade under load, as docs/deployment.md describes it: workers first, then the API, old and new processes side by side; then a
 * rollback of the API and its upgrade again. Afterwards the books must balance, with what every caller was told.
 */
export async function rollingUpgrade({ previous, seed, answersPerStep, say }: RollingOptions): Promise<RollingResult> {
  const [redis, postgres] = await Promise.all([throwawayRedis({ appendfsync: 'always' }), throwawayPostgres({ synchronous_commit: 'on' })]);
  const secret = randomBytes(32).toString('hex');
  const namespace = `u${randomUUID().slice(0, 8)}`;
  let offsetMs = 0;
  const settings = {
    JWT_ACCESS_SECRET: secret, REDIS_URL: redis.url, DATABASE_URL: postgres.ownerUrl, REDIS_NAMESPACE: namespace, HOST: '127.0.0.1',
    SHARDS: String(SHARDS), LOG_LEVEL: 'warn', ...ANY_RATE,
  };
  await promisify(execFile)(process.execPath, [join(previous, 'dist/src/cli/knex.js'), 'migrate:latest'], {
    cwd: previous, env: { PATH: process.env['PATH'], DATABASE_URL: postgres.ownerUrl },
  });
  // From this release on the application has a role of its own in Postgres.
  const asApplication = { ...settings, DATABASE_URL: postgres.url, MIGRATION_DATABASE_URL: postgres.ownerUrl, OPERATIONS_PORT: '0' };
  const make = (role: 'api' | 'worker', module?: string): Controlled =>
    gatewayProcess(role, module === undefined ? asApplication : settings, () => offsetMs, module);
  const old = { api: make('api', join(previous, MODULE)), worker: make('worker', join(previous, MODULE)) };
  const next = { api: make('api'), worker: make('worker') };
  const all = [old.api, old.worker, next.api, next.worker];
  const token = (sub: string, role = 'user') => mintToken(secret, { sub, role }, 3_600, Date.now());
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => `user-${index + 1}`);
  const tokens = new Map(await Promise.all(accounts.map(async (account) => [account, await token(account)] as const)));

  let turn = 0;
  /** The running APIs in turn, as a load balancer does it. */
  const url = (): string => {
    const running = [old.api, next.api].filter(({ process }) => process.isRunning() && serving.has(process));
    return running[(turn += 1) % running.length]?.process.url() ?? 'http://127.0.0.1:1';
  };
  const serving = new Set<Controlled['process']>();
  const start = async ({ process }: Controlled): Promise<void> => {
    await process.start();
    serving.add(process);
  };
  const stop = async ({ process }: Controlled): Promise<void> => {
    serving.delete(process);
    await process.kill('SIGTERM');
  };

  try {
    await Promise.all([start(old.api), start(old.worker)]);
    const client = patientClient(url);
    const adminToken = await token('operator', 'admin');
    const proxy = chatProxy({ client, tokenOf: (account) => tokens.get(account) ?? '', adminToken, told: nothingTold() });
    await inParallel(4, accounts.map((account) => () => proxy.grant(account, 400, 30)));
    const load = startLoad(proxy, accounts, CALLERS, seed);
    const step = async (name: string, work: () => Promise<unknown> = () => Promise.resolve()): Promise<void> => {
      await work();
      const target = client.traffic.answers + answersPerStep;
      await until(`${answersPerStep} answers after: ${name}`, () => client.traffic.answers >= target, STEP_TIMEOUT_MS);
      say(`${name}: ${client.traffic.answers} answers, ${client.traffic.unknown} unknown, ${client.traffic.refused} refused`);
    };
    await step('the previous release alone');
    await step('the new worker beside the old one, which migrates the schema', async () => {
      await migrate(postgres.ownerUrl);
      await start(next.worker);
    });
    await step('the old worker is gone', () => stop(old.worker));
    await step('the new API beside the old one', () => start(next.api));
    await step('the old API is gone', () => stop(old.api));
    await step('a rollback of the API: both', () => start(old.api));
    await step('the old API alone with the new worker', () => stop(next.api));
    await step('and forward again', async () => { await start(next.api); await stop(old.api); });
    await load.stop();
    offsetMs += PAST_LEASES_MS;
    await Promise.all([next.api.tellTime(), next.worker.tellTime()]);
    const books = openBooks({
      servers: { redisUrl: redis.url, databaseUrl: postgres.ownerUrl }, namespace, shards: SHARDS, nowMs: () => Date.now() + offsetMs,
    });
    try {
      for (const account of accounts) await proxy.balance(account);
      await books.settled();
      const wrongs = (await books.audit(proxy.told)).filter(({ wrongCount }) => wrongCount > 0);
      const { rows: [count] } = await books.db.raw<{ rows: { entries: number }[] }>('select count(*)::integer as entries from entries');
      return { wrongs, traffic: client.traffic, entries: count?.entries ?? 0 };
    } finally {
      await books.close();
    }
  } catch (error) {
    for (const { process } of all) say(`log of a process:\n${process.log()}`);
    throw error;
  } finally {
    await Promise.all(all.map(({ process }) => process.kill('SIGTERM')));
    await Promise.all([redis.discard(), postgres.discard()]);
  }
}
