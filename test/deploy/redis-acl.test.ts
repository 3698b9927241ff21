import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { list as redisCommands } from '@ioredis/commands';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { redisUsers } from '../../src/stores/embedded/redis-users.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { shippedRedis, type ShippedRedis } from '../support/shipped-redis.js';
import { pathOf, textOf } from './documents.js';

let server: ShippedRedis;
let gateway: TestGateway;
let operator: Redis;
let asGateway: Redis;

const urlOf = (user: string, password: string): string => `redis://${user}:${password}@127.0.0.1:${server.port}`;

beforeAll(async () => {
  server = await shippedRedis();
  ({ operator } = server);
  asGateway = new Redis(server.gatewayUrl);
  gateway = await startGateway({ redisUrl: server.gatewayUrl, environment: { REDIS_NAMESPACE: 'cg' } });
});

afterAll(async () => {
  await gateway.stop();
  asGateway.disconnect();
  await server.discard();
});

const called = async (method: string, path: string, token: string, body?: object): Promise<{
  status: number;
  body: Record<string, unknown>;
}> => {
  const answer = await fetch(`${gateway.url}${path}`, {
    method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() as Record<string, unknown> };
};

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await isTrue()) return;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error(`never: ${what}; refused: ${String(await refused())}`);
}

/** The commands that Redis has refused so far. */
const refused = async (): Promise<unknown> => (await operator.call('ACL', 'LOG') as unknown[]).map((entry) => JSON.stringify(entry));

test('the gateway does all its work: grant, hold, settle, expire, drain, settle by queue', async () => {
  const admin = await gateway.token({ sub: 'ops', role: 'admin' });
  const alice = await gateway.token({ sub: 'alice', role: 'user' });
  expect((await called('GET', '/api/credits/balance', alice)).status).toBe(200);
  expect((await called('POST', '/api/credits/allocate', admin, { userId: 'alice', credits: 100 })).status).toBe(201);
  const hold = async (sessionId: string): Promise<number> =>
    (await called('POST', '/api/streaming-sessions/initialize', alice, { sessionId, modelId: 'gpt-4', estimatedTokens: 1_500 })).status;
  expect([await hold('s1'), await hold('s2')]).toEqual([201, 201]);
  expect((await called('POST', '/api/streaming-sessions/finalize', alice, { sessionId: 's1', actualTokens: 1_200 })).body).toMatchObject({
    actualCredits: 6,
  });

  gateway.advance(700_000); // the lease of s2 is over
  const kinds = async (): Promise<unknown[]> =>
    ((await called('GET', '/v1/entries', alice)).body['data'] as { kind: string }[]).map(({ kind }) => kind);
  await until('the ledger knows that s2 expired', async () => (await kinds()).includes('expire_hold'));
  expect((await kinds()).sort()).toEqual(['expire_hold', 'grant', 'place', 'place', 'settle']);

  const queue = new Queue('credits_process_end_queue', { connection: asGateway, prefix: '{cg-bull}' });
  const job = await queue.add('end', { not: 'a settlement' });
  await until('a settlement of the queue was looked at', async () => (await job.getState()) === 'completed');
  await queue.close();
  expect(await refused()).toEqual([]);
});

test('the embedded Redis and the tests get the same rights from the same file', () => {
  const { gatewayPassword, operatorPassword } = server;
  const lines = (text: string): string[] =>
    text.split('\n').map((line) => line.replaceAll(/\s+/g, ' ').trim()).filter((line) => line !== '');
  expect(lines(redisUsers({ gatewayPassword, operatorPassword, namespace: 'cg' }))).toEqual(lines(readFileSync(server.usersFile, 'utf8')));
});

describe('what it may not do', () => {
  test.each([
    ['FLUSHALL'], ['FLUSHDB'], ['SHUTDOWN'], ['KEYS', '*'], ['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru'],
    ['CONFIG', 'GET', 'requirepass'], ['DEBUG', 'SLEEP', '0'],
    ['ACL', 'SETUSER', 'gateway', '+@all'], ['SCRIPT', 'FLUSH'], ['FUNCTION', 'FLUSH'], ['MONITOR'], ['SWAPDB', '0', '1'],
    ['REPLICAOF', 'NO', 'ONE'], ['CLIENT', 'KILL', 'TYPE', 'normal'], ['CLIENT', 'PAUSE', '1'],
    ['CLIENT', 'TRACKING', 'ON', 'BCAST'], ['SAVE'], ['PUBLISH', 'a', 'b'],
    ['BGREWRITEAOF'], ['ACL', 'LIST'], ['FUNCTION', 'LOAD', 'x'], ['MIGRATE', '127.0.0.1', '1', 'cg:x', '0', '1'],
    ['RESTORE', 'cg:x', '0', 'x'],
    ['MODULE', 'LIST'], ['CLUSTER', 'INFO'], ['RANDOMKEY'], ['DBSIZE'], ['SORT', 'cg:x'], ['SELECT', '1'],
  ])('%s', async (command, ...args) => {
    await expect(asGateway.call(command, ...args)).rejects.toThrow(command === 'DEBUG' ? 'not allowed' : 'NOPERM');
  });

  test('keys of others, also inside of a script', async () => {
    await operator.set('other', 'text');
    for (const key of ['other', 'cgx', '{cg}:x', '{other-bull}:x']) await expect(asGateway.get(key)).rejects.toThrow('NOPERM');
    await expect(asGateway.eval("return redis.call('GET', KEYS[1])", 1, 'other')).rejects.toThrow('NOPERM');
    await expect(asGateway.eval("return redis.call('FLUSHALL')", 0)).rejects.toThrow(/NOPERM|not allowed|can't run/i);
    // A script that names a key as it goes, and a command that moves what it has to a key of others.
    await operator.set('cg:mine', 'x');
    for (const [script, ...args] of [
      ["return redis.call('GET', 'other')"], ["return redis.call('SET', 'cg' .. 'x', '1')"],
      ["return redis.call('RENAME', KEYS[1], 'other')", 'cg:mine'], ["return redis.call('KEYS', '*')"],
    ] as const) {
      await expect(asGateway.eval(script, args.length, ...args)).rejects.toThrow(/NOPERM|can't access|can't run/i);
    }
    await expect(asGateway.rename('cg:mine', 'other')).rejects.toThrow('NOPERM');
    expect(await operator.mget('other', 'cgx', 'cg:mine')).toEqual(['text', null, 'x']);
    expect(await asGateway.get(`cg:${randomUUID()}`)).toBeNull();
  });

  test('a login without a user name, or with the password of another user, is refused', async () => {
    for (const url of [
      `redis://127.0.0.1:${server.port}`, `redis://:${server.gatewayPassword}@127.0.0.1:${server.port}`, urlOf('default', ''),
      urlOf('operator', server.gatewayPassword),
    ]) {
      const stranger = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
      stranger.on('error', () => undefined);
      await expect(stranger.ping()).rejects.toThrow();
      stranger.disconnect();
    }
  });

  test('no password is in a file, in the server\'s environment or in its command line', () => {
    const process = `/proc/${server.pid()}`;
    const seen = [
      server.usersFile, ...(existsSync(process) ? [`${process}/environ`, `${process}/cmdline`] : []),
    ].map((path) => readFileSync(path, 'utf8')).join('\n');
    expect([seen.includes(server.gatewayPassword), seen.includes(server.operatorPassword)]).toEqual([false, false]);
    expect(seen).toContain(createHash('sha256').update(server.gatewayPassword).digest('hex'));
  });
});

/** The commands that are named in source text: in Lua, by `call`, and as methods of a client. */
function commandsIn(text: string): string[] {
  const known = new Set<string>(redisCommands);
  const methods = [
    ...text.matchAll(/\b(?:redis|scanRedis|bulkRedis|client|bclient|producer|pipeline|multi)\.(\w+)\(/g),
  ].map(([, name]) => (name ?? '').toLowerCase());
  const called = [
    ...text.matchAll(/(?:\bcall|rcall|pcall)\(\s*["']([A-Za-z]+)["'](?:\s*,\s*["']([A-Za-z]+)["'])?/g),
  ].map(([, name]) => (name ?? '').toLowerCase());
  return [...called, ...methods.filter((name) => known.has(name))];
}

const filesBelow = (folderPath: string, ending: string): string[] =>
  readdirSync(folderPath, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending)).map((name) =>
    readFileSync(join(folderPath, name), 'utf8'));

test('every command that the gateway\'s sources, its scripts and BullMQ\'s name is allowed', () => {
  const bullmq = join(dirname(createRequire(import.meta.url).resolve('bullmq/package.json')), 'dist/esm');
  const texts = [...filesBelow(pathOf('lua'), '.lua'), ...filesBelow(pathOf('src'), '.ts'), ...filesBelow(join(bullmq, 'scripts'), '.js'),
    ...[
      'queue', 'worker', 'job', 'queue-getters', 'job-scheduler', 'redis-queue-backend', 'redis-connection',
    ].map((name) => readFileSync(join(bullmq, 'classes', `${name}.js`), 'utf8'))];
  const found = new Set(texts.flatMap(commandsIn));
  expect([...found]).toEqual(expect.arrayContaining(['evalsha', 'xadd', 'xtrim', 'unlink', 'bzpopmin', 'zrangebyscore']));
  // Those that need a word more, which is what the list says: `script|load`, `xinfo|stream`.
  const families = new Set([...textOf('deploy/redis/users.acl').matchAll(/\+(\w+)\|/g)].map(([, family]) => family));
  // Sentinels have lists of their own.
  const elsewhere = new Set(['quit', 'auth', 'hello', 'reset', 'sentinel']);
  const listed = new Set([...textOf('deploy/redis/users.acl').matchAll(/ \+(\w+)/g)].map(([, command]) => command));
  expect([...found].filter((command) => !listed.has(command) && !families.has(command) && !elsewhere.has(command))).toEqual([]);
});
