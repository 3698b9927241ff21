import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from '../../src/stores/embedded/loopback-port.js';
import { freshDatabase, redisUrl, temporaryFolder, type Folder, type FreshDatabase } from '../support/servers.js';
import { packageJson, pathOf, textOf } from './documents.js';
import { redisSettings } from '../support/redis-address.js';

/**
 * The files that the Dockerfile puts into the image, and no others, in a separate folder without write permission:
 * no sources, and of the packages only those that package.json calls dependencies.
 */
let folder: Folder;
let database: FreshDatabase;
beforeAll(async () => {
  [folder, database] = [await temporaryFolder(), await freshDatabase()];
  for (const each of ['package.json', 'bin', 'lua', 'dist/knexfile.js', 'dist/src', 'src/stores/postgres/migrations']) {
    cpSync(pathOf(each), join(folder.path, each), { recursive: true });
  }
  for (const name of Object.keys(packageJson.dependencies)) {
    const link = join(folder.path, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(realpathSync(pathOf('node_modules', name)), link);
  }
  for (const name of ['', ...readdirSync(folder.path, { recursive: true, encoding: 'utf8' })]) {
    if (!name.startsWith('node_modules')) chmodSync(join(folder.path, name), 0o555);
  }
});
afterAll(async () => {
  for (const name of ['', ...readdirSync(folder.path, { recursive: true, encoding: 'utf8' })]) {
    if (!name.startsWith('node_modules')) chmodSync(join(folder.path, name), 0o755);
  }
  folder.remove();
  await database.drop();
});

/** The last word of an instruction in exec form. */
const execForm = (pattern: RegExp): string[] => JSON.parse(pattern.exec(textOf('Dockerfile'))?.[1] ?? '[]') as string[];

/** Root may write everywhere, so as root the test runs the gateway as the user `nobody`. */
const account = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

async function started(port: number): Promise<ChildProcess> {
  const [command = '', ...args] = execForm(/^CMD (\[.*\])$/m);
  const child = spawn(command, args, {
    cwd: folder.path, ...account, stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'], NODE_ENV: 'production', HOST: '127.0.0.1', OPERATIONS_PORT: '0', PORT: String(port),
      ROLE: 'api', SHARDS: '4',
      REDIS_NAMESPACE: `image-${port}`,
      JWT_ACCESS_SECRET: 'x'.repeat(32), ...redisSettings(redisUrl()), DATABASE_URL: database.databaseUrl,
      MIGRATION_DATABASE_URL: database.ownerUrl,
    },
  });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => { reject(new Error(`it did not start: ${String(code)}`)); });
    child.stdout.on('data', (chunk: Buffer) => { if (chunk.toString().includes('"msg":"ready"')) resolve(); });
  });
  return child;
}

test('they are enough: the image\'s command starts the gateway, its health check sees it, SIGTERM ends it', async () => {
  const port = await freePort();
  const gateway = await started(port);
  const [command = '', ...args] = execForm(/HEALTHCHECK[^[]*\\\n\s*CMD (\[.*\])$/m);
  const healthcheck = (): number | null =>
    spawnSync(command, args, { cwd: folder.path, ...account, env: { PATH: process.env['PATH'], PORT: String(port) } }).status;
  expect(healthcheck()).toBe(0);
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  gateway.kill('SIGTERM');
  expect(await once(gateway, 'exit')).toEqual([0, null]);
  expect(healthcheck()).toBe(1);
});
