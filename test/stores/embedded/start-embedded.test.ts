import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { chmodSync, chownSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findRedis } from '../../../src/stores/embedded/redis-binary.js';
import { canEnter, serviceUserOf } from '../../../src/stores/embedded/service-user.js';
import { startEmbedded, type Embedded } from '../../../src/stores/embedded/start-embedded.js';
import { temporaryFolder } from '../../support/servers.js';
import { runChild, withPostgres, withRedis, type Child } from './support.js';

const NOBODY = { name: 'nobody', uid: 65_534, gid: 65_534 };
const isRoot = process.getuid?.() === 0;
const nobodyCanRead = await canEnter(NOBODY, dirname(fileURLToPath(import.meta.url)));

const folder = await temporaryFolder();
const redisBinary = join(folder.path, 'redis');
const children: Child[] = [];
const opened: Embedded[] = [];

beforeAll(async () => {
  // One search for all tests, so that an account without a cache of its own uses the same Redis.
  const found = await findRedis({ user: await serviceUserOf('') });
  writeFileSync(redisBinary, `#!/bin/sh\nexec ${[found.command, ...found.args].map((each) => `'${each}'`).join(' ')} "$@"\n`);
  chmodSync(redisBinary, 0o755);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.process.kill('SIGKILL');
  for (const embedded of opened.splice(0)) await embedded.stop();
});
afterAll(() => { folder.remove(); });

async function open(dataDir: string, parts = { redis: true, postgres: true }): Promise<Embedded> {
  const embedded = await startEmbedded({ ...parts, dataDir, redisBinary, progress: () => undefined });
  opened.push(embedded);
  return embedded;
}

/** A separate gateway process: prints "up" when its servers run, then waits to be killed. */
function gateway(dataDir: string, account: { uid?: number; gid?: number } = {}): Child {
  const child = runChild(
    `const { startEmbedded } = await load('start-embedded.js');
     const options = { redis: true, postgres: true, dataDir: '${dataDir}', redisBinary: '${redisBinary}', cacheDir: '${dataDir}-cache' };
     try {
       const { redisUrl, databaseUrl, stop } = await startEmbedded({ ...options, progress: console.log });
       process.once('SIGTERM', () => stop().then(() => process.exit(0)));
       console.log('up ' + redisUrl + ' ' + databaseUrl);
       setInterval(() => {}, 1_000);
     } catch (error) { console.log(error.message); }`,
    account,
  );
  children.push(child);
  return child;
}

test('starts both, keeps data and URLs, and continues after a restart', async () => {
  const dataDir = join(folder.path, 'both');
  const first = await open(dataDir);
  await withRedis(first.redisUrl ?? '', (redis) => redis.set('cg:key', 'kept'));
  await withPostgres(first.migrationDatabaseUrl ?? '', (client) => client.query('create table kept (n int)'));
  await first.stop();

  const second = await open(dataDir);
  expect(second).toMatchObject({ redisUrl: first.redisUrl, databaseUrl: first.databaseUrl });
  expect(await withRedis(second.redisUrl ?? '', (redis) => redis.get('cg:key'))).toBe('kept');
  expect(await withPostgres(second.databaseUrl ?? '', (client) => client.query('select * from kept'))).toMatchObject({ rowCount: 0 });
});

test('starts only what is asked for', async () => {
  const embedded = await open(join(folder.path, 'one'), { redis: true, postgres: false });
  expect(Object.keys(embedded).sort()).toEqual(['redisUrl', 'stop']);
  expect(await open(join(folder.path, 'none'), { redis: false, postgres: false })).not.toHaveProperty('redisUrl');
  expect(existsSync(join(folder.path, 'none'))).toBe(false);
});

test('a second gateway on the same data fails, naming the owner and what to do', async () => {
  const dataDir = join(folder.path, 'both');
  const first = gateway(dataDir);
  await first.says('up ');
  await expect(open(dataDir)).rejects.toThrow(
    new RegExp(`process ${first.pid} has been running the servers of .*\\(redis pid \\d+, postgres pid \\d+\\)[\\s\\S]*kill `
      + `${first.pid}[\\s\\S]*DATA_DIR`),
  );
});

test('after kill -9 of the gateway its servers end or are ended, and the next start works', async () => {
  const dataDir = join(folder.path, 'both');
  const first = gateway(dataDir);
  await first.says('up ');
  first.process.kill('SIGKILL');
  await first.exited;
  const next = await open(dataDir);
  expect(await withRedis(next.redisUrl ?? '', (redis) => redis.get('cg:key'))).toBe('kept');
  expect(await withPostgres(next.databaseUrl ?? '', (client) => client.query('select 1 as n'))).toMatchObject({ rows: [{ n: 1 }] });
});

test('an unreadable lock, or one whose process id was reused, does not prevent a start', async () => {
  const dataDir = join(folder.path, 'stale');
  await mkdir(dataDir);
  const lock = join(dataDir, 'owner.lock');
  for (const content of ['{ half a fi', JSON.stringify({ owner: { pid: process.pid, startedAt: 'long ago' }, since: '', servers: [] })]) {
    writeFileSync(lock, content);
    const embedded = await open(dataDir, { redis: true, postgres: false });
    expect(JSON.parse(readFileSync(lock, 'utf8'))).toMatchObject({ owner: { pid: process.pid }, servers: [{ name: 'redis' }] });
    await embedded.stop();
    expect(existsSync(lock)).toBe(false);
  }
});

(isRoot ? test : test.skip)('below a folder that is closed to others, root puts the data elsewhere and remembers where', async () => {
  const closed = join(folder.path, 'closed');
  await mkdir(closed, { mode: 0o700 });
  const dataDir = join(closed, '.data');
  const first = await open(dataDir, { redis: true, postgres: false });
  const location = readFileSync(join(dataDir, 'location'), 'utf8').trim();
  try {
    await withRedis(first.redisUrl ?? '', (redis) => redis.set('cg:key', 'elsewhere'));
    await first.stop();
    const second = await open(dataDir, { redis: true, postgres: false });
    expect(await withRedis(second.redisUrl ?? '', (redis) => redis.get('cg:key'))).toBe('elsewhere');
    expect(statSync(join(location, 'redis', 'data')).uid).not.toBe(0);
    await second.stop();
  } finally {
    rmSync(location, { recursive: true, force: true });
  }
});

(isRoot && nobodyCanRead ? test : test.skip)('runs for a normal user, and root can go on with that user\'s data', async () => {
  const dataDir = join(folder.path, 'users');
  for (const path of [dataDir, `${dataDir}-cache`]) {
    await mkdir(path);
    chownSync(path, NOBODY.uid, NOBODY.gid);
  }
  const child = gateway(dataDir, { uid: NOBODY.uid, gid: NOBODY.gid });
  await child.says('up ');
  expect(statSync(join(dataDir, 'postgres', 'data', 'PG_VERSION')).uid).toBe(NOBODY.uid);
  child.process.kill('SIGTERM');
  await child.exited;
  const next = await open(dataDir);
  expect(await withRedis(next.redisUrl ?? '', (redis) => redis.ping())).toBe('PONG');
});
