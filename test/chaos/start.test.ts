import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { freePort } from '../../src/stores/embedded/loopback-port.js';
import { until } from './lab.js';
import { freshDatabase, throwawayRedis, type FreshDatabase, type TestRedis } from '../support/servers.js';

/** The program as an operator starts it, with what must not start, and what must stop. */
let redis: TestRedis;
let database: FreshDatabase;
beforeAll(async () => { [redis, database] = await Promise.all([throwawayRedis(), freshDatabase()]); });
afterAll(async () => {
  await redis.discard();
  await database.drop();
});

const SECRET = randomBytes(32).toString('hex');
const servers = () => ({ REDIS_URL: redis.url, DATABASE_URL: database.databaseUrl, MIGRATION_DATABASE_URL: database.ownerUrl });

type Launched = { readonly child: ChildProcess; readonly ended: Promise<{ code: number; said: string }> };

function launch(environment: Readonly<Record<string, string>>): Launched {
  const child = spawn(process.execPath, [join(projectRoot, 'dist/src/main.js')], {
    env: { PATH: process.env['PATH'], PORT: '0', OPERATIONS_PORT: '0', HOST: '127.0.0.1', SHARDS: '4', ...environment }, cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number, said })) };
}

const otherPassword = (url: string): string => url.replace(/:[^:@/]+@/, ':not-the-password@');

describe('does not start, and says why', () => {
  test('with secrets that everybody knows or that are short, and keys over plain http: all at once, without their values', async () => {
    const { code, said } = await launch({
      ...servers(), JWT_ACCESS_SECRET: 'your-super-secret-jwt-access-key-change-me', CHATSPARTY_JWT_SECRET: 'short',
      SERVER_API_KEYS: `${SECRET},your_secret_server_api_key`, OPERATIONS_TOKEN: 'change-me-please-now',
      JWKS_URL: 'http://auth.internal/keys',
    }).ended;
    expect(code).toBe(1);
    const names = ['JWT_ACCESS_SECRET', 'CHATSPARTY_JWT_SECRET', 'SERVER_API_KEYS', 'OPERATIONS_TOKEN', 'JWKS_URL must begin with https'];
    for (const name of names) {
      expect(said).toContain(name);
    }
    expect(said).not.toMatch(/super-secret|your_secret|please/);
  });

  test.each([
    ['a wrong password', otherPassword, /REDIS_URL: WRONGPASS/],
    ['no password', (url: string) => url.replace(/\/\/[^@]*@/, '//'), /REDIS_URL: NOAUTH/],
  ] as const)('on a Redis with %s: one line, at once', async (_, changed, message) => {
    const { code, said } = await launch({ ...servers(), JWT_ACCESS_SECRET: SECRET, REDIS_URL: changed(redis.url) }).ended;
    expect([code, said.trim().split('\n').length < 6]).toEqual([1, true]);
    expect(said).toMatch(message);
  });

  test.each(['DATABASE_URL', 'MIGRATION_DATABASE_URL'] as const)('with a wrong password in %s', async (name) => {
    const { code, said } = await launch({ ...servers(), JWT_ACCESS_SECRET: SECRET, [name]: otherPassword(servers()[name]) }).ended;
    expect(code).toBe(1);
    expect(said).toMatch(new RegExp(`${name}: password authentication failed`));
  });

  test.each(['PORT', 'OPERATIONS_PORT'] as const)('on a %s that is in use: one line, before any server is started', async (name) => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const dataDir = mkdtempSync(join(tmpdir(), 'taken-port-'));
    const { port } = taken.address() as AddressInfo;
    try {
      const { code, said } = await launch({ DATA_DIR: dataDir, [name]: String(port) }).ended;
      expect([code, said.trim().split('\n')]).toEqual([1, [
        'The gateway did not start.', `${name} ${port} is in use: stop the program that uses it, or set ${name} to a free port`,
      ]]);
    } finally {
      taken.close();
      rmSync(dataDir, { recursive: true });
    }
  });

  test('with a REDIS_BIN that does not exist: another Redis is no substitute for the chosen one', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'redis-bin-'));
    try {
      const { code, said } = await launch({ DATA_DIR: dataDir, REDIS_BIN: '/nope' }).ended;
      expect(code).toBe(1);
      expect(said.trim().split('\n').at(-1)).toMatch(/^finding Redis: REDIS_BIN cannot be used: \/nope: .*Correct it/);
      expect(said).not.toContain('ready on port');
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  });

  test('while Redis is away: says so once, waits, and starts when it is there', async () => {
    const port = await freePort();
    const { child, ended } = launch({ ...servers(), JWT_ACCESS_SECRET: SECRET, REDIS_URL: redis.url.replace(/:\d+$/, `:${port}`) });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => { said += chunk.toString(); });
    await until('it has asked', () => said.includes('waiting for it'));
    const relay = createServer((socket) => {
      const upstream = connect(Number(new URL(redis.url).port), '127.0.0.1');
      for (const [from, to] of [[socket, upstream], [upstream, socket]] as const) from.on('error', () => { to.destroy(); }).pipe(to);
    });
    relay.listen(port, '127.0.0.1');
    let out = '';
    child.stdout?.on('data', (chunk: Buffer) => { out += chunk.toString(); });
    await until('it is ready', () => out.includes('"msg":"ready"'));
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
    relay.close();
    expect(said.match(/Redis does not answer \(connect ECONNREFUSED 127\.0\.0\.1:\d+\): start it, or correct REDIS_URL/g)).toHaveLength(1);
    expect(out).not.toContain('Redis connection');
  });

  test('on a HOST that this machine does not have, or with one port for both', async () => {
    expect((await launch({ ...servers(), JWT_ACCESS_SECRET: SECRET, HOST: '192.0.2.1' }).ended).said)
      .toMatch(/HOST 192\.0\.2\.1 is not an address of this machine: set HOST/);
    expect((await launch({ ...servers(), JWT_ACCESS_SECRET: SECRET, PORT: '3001', OPERATIONS_PORT: '3001' }).ended).said)
      .toContain('OPERATIONS_PORT must be another port than PORT');
  });

  test('without any setting, in a container: with a list of what is missing', async () => {
    const { code, said } = await launch({ NODE_ENV: 'production' }).ended;
    expect(code).toBe(1);
    for (const name of ['REDIS_URL', 'DATABASE_URL', 'JWT_ACCESS_SECRET']) expect(said).toContain(name);
    expect(said).not.toMatch(/ENOENT|mkdir/);
  });

  test.each([
    '/dev/null/data', '/proc/none/data',
  ])('without any setting, where nothing can be written, %s: with the same list', async (dir) => {
    const { code, said } = await launch({ DATA_DIR: dir }).ended;
    expect(code).toBe(1);
    for (const name of ['DATA_DIR', 'REDIS_URL', 'DATABASE_URL', 'JWT_ACCESS_SECRET']) expect(said).toContain(name);
  });
});

describe('a signal before the gateway is ready', () => {
  /** A Redis that takes connections and never answers, so that the start waits. */
  let silent: Server;
  beforeAll(async () => {
    silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
  });
  afterAll(() => { silent.close(); });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s is obeyed at once', async (signal) => {
    const connected = once(silent, 'connection');
    const { child, ended } = launch({
      ...servers(), JWT_ACCESS_SECRET: SECRET, REDIS_URL: `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    });
    await connected;
    child.kill(signal);
    expect(await ended).toEqual({ code: 0, said: '' });
  });

  test('its handlers are there before anything is loaded: the first process of a container has no others', () => {
    expect(readFileSync(join(projectRoot, 'src/main.ts'), 'utf8')).not.toMatch(/^import /m);
  });
});
