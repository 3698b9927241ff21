import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { freePort } from '../../src/stores/embedded/loopback-port.js';
import { seriesOf } from '../support/gauges.js';
import { freshDatabase, throwawayRedis, type FreshDatabase, type TestServer } from '../support/servers.js';
import { until } from './lab.js';

let redis: TestServer;
let database: FreshDatabase;
beforeAll(async () => {
  [redis, database] = await Promise.all([throwawayRedis(), freshDatabase()]);
});
/** Killed at the end: a gateway left by a failed test would keep jest waiting. */
const started: ChildProcess[] = [];
afterAll(async () => {
  for (const child of started) if (child.exitCode === null) child.kill('SIGKILL');
  await redis.discard();
  await database.drop();
});

/** Starts the program as an operator would and waits until it reports ready. */
async function start(environment: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(projectRoot, 'dist/src/main.js')], {
    env: {
      PATH: process.env['PATH'], PORT: '0', OPERATIONS_PORT: '0', HOST: '127.0.0.1', SHARDS: '4', JWT_ACCESS_SECRET: 'x'.repeat(32),
      REDIS_URL: redis.url, DATABASE_URL: database.databaseUrl, MIGRATION_DATABASE_URL: database.ownerUrl, ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => { reject(new Error('the gateway did not start')); });
    child.stdout.on('data', (chunk: Buffer) => { if (chunk.toString().includes('"msg":"ready"')) resolve(); });
  });
  return child;
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it cleanly', async (signal) => {
  const gateway = await start();
  gateway.kill(signal);
  expect(await once(gateway, 'exit')).toEqual([0, null]);
});

test('a scrape of several API processes includes background work of the first one; they end with it', async () => {
  const port = await freePort();
  const gateway = await start({ API_PROCESSES: '2', OPERATIONS_PORT: String(port) });
  const scrape = async () => seriesOf(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  await until('the journal is watched', async () => (await scrape()).has('cg_journal_lag_seconds'));
  // The gateway reports ready as soon as the first of its API processes is ready.
  await until('all three processes are in it', async () => (await scrape()).get('cg_postgres_pool_max{pool="api"}') === 30);
  await until('each has looked at both servers', async () => {
    const series = await scrape();
    return series.get('cg_redis_up') === 1 && series.get('cg_postgres_up') === 1;
  });
  await until('jobs are counted', async () =>
    ((await scrape()).get('cg_job_duration_seconds_count{job_name="expire-holds",status="ok"}') ?? 0) > 0);
  gateway.kill('SIGTERM');
  expect(await once(gateway, 'exit')).toEqual([0, null]);
});

test('it ends while Redis is down, without waiting for it', async () => {
  const gateway = await start();
  await redis.kill('SIGKILL');
  gateway.kill('SIGTERM');
  const [code] = await once(gateway, 'exit') as [number | null];
  expect(code).not.toBeNull();
});
