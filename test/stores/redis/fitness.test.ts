import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { requireFit, unfitOf } from '../../../src/stores/redis/fitness.js';
import { startProcesses } from '../../support/processes.js';
import { freshDatabase, throwawayRedis, type FreshDatabase, type TestServer } from '../../support/servers.js';
import { scanKeys } from '../../support/scan-keys.js';

const info = (policy: string, aof: string, version: string): string =>
  `# Server\r\nredis_version:${version}\r\nmaxmemory_policy:${policy}\r\naof_enabled:${aof}\r\n`;

test.each([
  ['noeviction', '1', '7.0.15', []], ['noeviction', '1', '8.2.3', []], ['noeviction', '1', '10.0.0', []],
  ['noeviction', '0', '7.2.4', ['aof']], ['allkeys-lru', '1', '7.0.0', ['eviction']], ['volatile-ttl', '1', '7.0.0', ['eviction']],
  ['noeviction', '1', '6.2.14', ['version']], ['noeviction', '1', 'next', ['version']],
  ['volatile-lru', '0', '5.0.7', ['eviction', 'aof', 'version']],
] as const)('maxmemory-policy %s, append-only %s, version %s', (policy, aof, version, kinds) => {
  expect(unfitOf(info(policy, aof, version)).map(({ kind }) => kind)).toEqual(kinds);
});

test('a server that does not say is not fit', () => {
  expect(unfitOf('').map(({ kind }) => kind)).toEqual(['eviction', 'aof', 'version']);
});

test('of several servers each counts, and what is refused is named', async () => {
  const servers = (...infos: string[]) => ({
    infos: () => Promise.resolve(infos), isReady: () => true, onConnection: () => () => undefined,
  });
  await requireFit(servers(info('noeviction', '0', '7.0.0'))); // told and alarmed, but not refused
  await expect(requireFit(servers(info('noeviction', '1', '7.0.0'), info('noeviction', '1', '6.2.14'))))
    .rejects.toThrow('this Redis cannot be used: Redis 6.2.14 is too old: version 7 is needed');
});

let redis: TestServer;
let database: FreshDatabase;
beforeAll(async () => {
  [redis, database] = await Promise.all([throwawayRedis({ 'maxmemory-policy': 'allkeys-lfu' }), freshDatabase(migrate)]);
});
afterAll(async () => {
  await redis.discard();
  await database.drop();
});

test('a gateway does not start on a Redis that evicts, and has written nothing to it', async () => {
  await expect(startProcesses({ redisUrl: redis.url, databaseUrl: database.databaseUrl })).rejects.toThrow(
    'this Redis cannot be used: maxmemory-policy is allkeys-lfu: Redis would delete balances when memory is short',
  );
  const client = new Redis(redis.url);
  expect((await scanKeys(client, '*')).filter((key) => !key.includes('-bull}'))).toEqual([]);
  client.disconnect();
});
