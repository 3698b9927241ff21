import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { freshDatabase, redisUrl, type FreshDatabase } from '../../support/servers.js';
import { redisSettings } from '../../support/redis-address.js';

let database: FreshDatabase;
beforeAll(async () => { database = await freshDatabase(migrate); });
afterAll(async () => { await database.drop(); });

async function modulesLoadedWith(environment: Readonly<Record<string, string>>): Promise<number> {
  const fixture = new URL('./loaded-modules.js', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [fixture], {
    timeout: 150_000, // only ends a child that hangs
    env: {
      PATH: process.env['PATH'], PORT: '0', HOST: '127.0.0.1', OPERATIONS_PORT: '0', SHARDS: '4',
      REDIS_NAMESPACE: `o${randomUUID().slice(0, 8)}`,
      JWT_ACCESS_SECRET: 'x'.repeat(32),
      ...redisSettings(redisUrl()), DATABASE_URL: database.databaseUrl, ...environment,
    },
  });
  const { status, modules } = JSON.parse(stdout) as { readonly status: number; readonly modules: number };
  expect(status).toBe(200);
  return modules;
}

test('without a collector no module of the OpenTelemetry SDK is loaded', async () => {
  expect(await modulesLoadedWith({ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER_ARG: '1' })).toBe(0);
});

test('with a collector it is, so the test above can fail', async () => {
  const database2 = await freshDatabase(migrate);
  try {
    expect(await modulesLoadedWith({
      DATABASE_URL: database2.databaseUrl, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    })).toBeGreaterThan(10);
  } finally {
    await database2.drop();
  }
});
