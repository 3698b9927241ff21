import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startPostgresServer, type PostgresServer } from '../../../src/stores/embedded/postgres-server.js';
import { startRedisServer, type RedisServer } from '../../../src/stores/embedded/redis-server.js';
import { temporaryFolder } from '../../support/servers.js';
import { withPostgres, withRedis } from './support.js';

const folder = await temporaryFolder();
const deaths: string[] = [];
const onDeath = (message: string): void => { deaths.push(message); };
afterAll(() => { folder.remove(); });

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

describe('redis', () => {
  const dir = join(folder.path, 'redis');
  let server: RedisServer;
  beforeAll(async () => { server = await startRedisServer({ dir, namespace: 'cg', onDeath, extraConfig: { appendfsync: 'always' } }); });
  afterAll(async () => { await server.stop(); });

  const count = (): Promise<number> => withRedis(server.url, (redis) => redis.incr('cg:runs'));

  test('is configured as a ledger needs it, and as the test asked', async () => {
    const settings = await withRedis(server.operatorUrl, (redis) => redis.config('GET', 'append*', 'maxmemory-policy', 'save', 'bind'));
    expect(settings).toEqual(expect.arrayContaining(['appendonly', 'yes', 'appendfsync', 'always', 'noeviction', 'bind', '127.0.0.1']));
    expect(settings).toEqual(expect.arrayContaining(['save', '']));
  });

  test('requires its password and does not reveal it', async () => {
    await expect(withRedis(server.url.replace(/:[^:@]+@/, ':wrong@'), (redis) => redis.ping())).rejects.toThrow();
    expect([await modeOf(join(dir, 'password')),
          await modeOf(join(dir, 'redis.conf')), await modeOf(join(dir, 'users.acl'))]).toEqual(['600', '600', '600']);
    expect(await modeOf(join(dir, 'data'))).toBe('700');
  });

  test('has the rights of the deployed list: its keys and commands, and no others', async () => {
    const refused = async (command: string, ...args: readonly string[]): Promise<unknown> =>
      withRedis(server.url, (redis) => redis.call(command, ...args).then(() => 'done', (error: unknown) => (error as Error).message));
    const commands = [['FLUSHALL'], ['KEYS', '*'], ['CONFIG', 'SET', 'appendonly', 'no'], ['SHUTDOWN'], ['GET', 'other:key']];
    for (const [command = '', ...args] of commands) {
      expect(await refused(command, ...args)).toMatch(/NOPERM/);
    }
    expect(await refused('EVAL', 'return 1', '1', 'other:key')).toMatch(/NOPERM/);
    expect(await refused('SCAN', '0')).toBe('done');
    // The operator may, and `default` cannot log in.
    expect(await withRedis(server.operatorUrl, (redis) => redis.call('ACL', 'WHOAMI'))).toBe('operator');
    await expect(withRedis(server.url.replace('gateway:', ':'), (redis) => redis.ping())).rejects.toThrow();
  });

  test('keeps its data and its URL over a restart and over kill -9', async () => {
    const { url, pid } = server;
    expect(await count()).toBe(1);
    await server.restart();
    expect(await count()).toBe(2);
    await server.kill('SIGKILL');
    expect(server.isRunning()).toBe(false);
    await server.restart();
    expect(await count()).toBe(3);
    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
    expect(deaths).toEqual([]);
  });

  test('can be stopped and continued by signals', async () => {
    await server.kill('SIGSTOP');
    const answer = count();
    const first = await Promise.race([answer, new Promise((resolve) => setTimeout(() => { resolve('frozen'); }, 100))]);
    expect(first).toBe('frozen');
    await server.kill('SIGCONT');
    expect(await answer).toBe(4);
  });

  test('an unexpected end is reported', async () => {
    process.kill(server.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(deaths).toEqual([
      expect.stringMatching(/^redis \(pid \d+, redis:\/\/gateway:\*\*\*@.*\) ended unexpectedly: killed by SIGKILL; its log: /),
    ]);
    deaths.length = 0;
  });
});

describe('postgres', () => {
  const dir = join(folder.path, 'postgres');
  let server: PostgresServer;
  beforeAll(async () => { server = await startPostgresServer({ dir, onDeath }); });
  afterAll(async () => { await server.stop(); });

  const rows = (sql: string): Promise<object[]> =>
    withPostgres(server.adminUrl, async (client) => (await client.query<Record<string, unknown>>(sql)).rows);

  test('is durable, on loopback only, with a password', async () => {
    expect(await rows('show fsync')).toEqual([{ fsync: 'on' }]);
    expect(await rows('show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(await rows('show unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
    await expect(withPostgres(server.url.replace(/:[^:@]+@/, ':wrong@'), (client) => client.query('select 1'))).rejects.toThrow(/password/);
  });

  test('keeps its data over a restart and over kill -9', async () => {
    await rows('create table runs (n int)');
    await rows('insert into runs values (1)');
    await server.restart();
    await rows('insert into runs values (2)');
    await server.kill('SIGKILL');
    await server.restart();
    expect(await rows('select n from runs order by n')).toEqual([{ n: 1 }, { n: 2 }]);
    expect(deaths).toEqual([]);
  });

  test('a pid file that names an unrelated process does not prevent a start', async () => {
    await server.kill('SIGKILL');
    await writeFile(join(dir, 'data', 'postmaster.pid'), `${process.pid}\n${join(dir, 'data')}\n`);
    server = await startPostgresServer({ dir, onDeath });
    expect(await rows('select count(*)::int as n from runs')).toEqual([{ n: 2 }]);
  });

  test('data of another version is refused with an explanation', async () => {
    await server.stop();
    const version = join(dir, 'data', 'PG_VERSION');
    await writeFile(version, '9\n');
    await expect(startPostgresServer({ dir })).rejects.toThrow(/the data was written by Postgres 9/);
    await writeFile(version, '15\n');
  });
});
