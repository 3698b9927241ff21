import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../src/kit/paths.js';
import { seriesOf } from '../support/gauges.js';
import { freshDatabase, throwawayRedis, type FreshDatabase, type TestServer } from '../support/servers.js';
import { until } from './lab.js';

/** `npm start` runs two processes: one answers, the other drains. They start and end together. */

type Line = { readonly msg: string; readonly pid: number; readonly operationsPort?: number };
type Gateway = { readonly child: ChildProcess; readonly url: string; readonly lines: readonly Line[]; readonly workers: () => number[] };

let redis: TestServer;
let database: FreshDatabase;
beforeAll(async () => { [redis, database] = await Promise.all([throwawayRedis(), freshDatabase()]); });
const started: Gateway[] = [];
afterAll(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await redis.discard();
  await database.drop();
});

async function start(): Promise<Gateway> {
  const child = spawn(process.execPath, [join(projectRoot, 'dist/src/main.js')], {
    env: {
      PATH: process.env['PATH'], PORT: '0', OPERATIONS_PORT: '0', HOST: '127.0.0.1', SHARDS: '4', JWT_ACCESS_SECRET: 'x'.repeat(32),
      REDIS_URL: redis.url, DATABASE_URL: database.databaseUrl, MIGRATION_DATABASE_URL: database.ownerUrl,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Line[] = [];
  const ready = await new Promise<Line>((resolve, reject) => {
    child.once('exit', () => { reject(new Error('the gateway did not start')); });
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      if (line.msg === 'ready') resolve(line);
    });
  });
  // Each process logs once that its ledger is open; a worker does so before the gateway is ready.
  const workers = (): number[] => lines.filter(({ msg, pid }) => msg === 'ledger open' && pid !== child.pid).map(({ pid }) => pid);
  const gateway = { child, url: `http://127.0.0.1:${ready.operationsPort ?? 0}`, lines, workers };
  started.push(gateway);
  return gateway;
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const readiness = async ({ url }: Gateway) =>
  await (await fetch(`${url}/readyz`)).json() as { status: string; checks: Record<string, { ok: boolean; detail: string }> };
const scrape = async ({ url }: Gateway) => seriesOf(await (await fetch(`${url}/metrics`)).text());
const JOBS = 'cg_job_duration_seconds_count{job_name="expire-holds",status="ok"}';

test('one port reports both; a killed worker is replaced, and its counts stay', async () => {
  const gateway = await start();
  const [worker = 0] = gateway.workers();
  expect(worker).toBeGreaterThan(0);
  expect((await readiness(gateway)).checks['worker']).toBeDefined();
  await until('jobs are counted', async () => ((await scrape(gateway)).get(JOBS) ?? 0) > 0);
  const before = await scrape(gateway);
  expect(before.get('cg_postgres_pool_max{pool="api"}')).toBe(20);
  expect(before.get('cg_http_request_duration_seconds_count{method="GET",route="/readyz",status="200"}')).toBe(1);

  process.kill(worker, 'SIGKILL');
  await until('another worker', () => gateway.workers().length === 2);
  expect(gateway.lines.map(({ msg }) => msg)).toContain('the worker process died; starting another');
  await until('it is counted on', async () => (await readiness(gateway)).checks['worker']?.ok === true);
  await until('it does its jobs', async () => ((await scrape(gateway)).get(JOBS) ?? 0) > (before.get(JOBS) ?? 0));
  expect((await scrape(gateway)).get('cg_postgres_pool_max{pool="api"}')).toBe(20);

  gateway.child.kill('SIGTERM');
  expect(await once(gateway.child, 'exit')).toEqual([0, null]);
  expect(gateway.workers().filter(isAlive)).toEqual([]);
}, 120_000);

test('a killed gateway leaves no worker running', async () => {
  const gateway = await start();
  const [worker = 0] = gateway.workers();
  gateway.child.kill('SIGKILL');
  await once(gateway.child, 'exit');
  await until('the worker is gone', () => !isAlive(worker));
}, 120_000);

test('a signal to all processes at once, as from Ctrl-C, stops them cleanly', async () => {
  const gateway = await start();
  const [worker = 0] = gateway.workers();
  process.kill(worker, 'SIGINT');
  gateway.child.kill('SIGINT');
  expect(await once(gateway.child, 'exit')).toEqual([0, null]);
  expect(isAlive(worker)).toBe(false);
  expect(gateway.lines.map(({ msg }) => msg)).not.toContain('the worker process died; starting another');
}, 120_000);
