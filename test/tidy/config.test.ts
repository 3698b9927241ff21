import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../src/config.js';

const SERVERS = { REDIS_URL: 'redis://127.0.0.1:6379', DATABASE_URL: 'postgres://127.0.0.1/x' };

test('nothing configured is the embedded mode', () => {
  expect(readConfig({})).toMatchObject({
    role: 'all', port: 3001, redis: undefined, databaseUrl: undefined, shards: 64, overCapture: 'debt',
  });
});

test('amounts are micros and intervals milliseconds from here on', () => {
  const { holdTtlMs, correctionWindowMs, journalTailMs, debtLimit, welcomeCredits, creditsProcess } = readConfig({
    HOLD_TTL_SECONDS: '90', CORRECTION_WINDOW_SECONDS: '0', JOURNAL_TAIL_SECONDS: '5', DEBT_LIMIT: '0.000001', WELCOME_CREDITS: '12.5',
    INITIAL_CREDITS: '7',
  });
  expect({ holdTtlMs, correctionWindowMs, journalTailMs, debtLimit, welcomeCredits, initialCredits: creditsProcess.initialCredits })
    .toEqual({
      holdTtlMs: 90_000, correctionWindowMs: 0, journalTailMs: 5_000, debtLimit: 1, welcomeCredits: 12_500_000, initialCredits: 7_000_000,
    });
  expect(readConfig({})).toMatchObject({ holdTtlMs: 600_000, journalTailMs: 60_000, debtLimit: null, welcomeCredits: 0 });
});

test('every problem is listed at once, with what was expected', () => {
  const bad = {
    ...SERVERS, PORT: '70000', ROLE: 'boss', SHARDS: '0x10', HOLD_TTL_SECONDS: '1', OVER_CAPTURE: 'maybe', DEBT_LIMIT: '-1',
    REDIS_URL: 'http://x', JWT_ACCESS_SECRET: 'short',
  };
  const message = ((): string => {
    try {
      readConfig(bad);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  })();
  for (const name of ['PORT', 'ROLE', 'SHARDS', 'HOLD_TTL_SECONDS', 'OVER_CAPTURE', 'DEBT_LIMIT', 'REDIS_URL', 'JWT_ACCESS_SECRET']) {
    expect(message).toContain(name);
  }
  expect(message).not.toContain('short');
});

describe('where Redis is', () => {
  const ENV = { DATABASE_URL: 'postgres://127.0.0.1/x', JWT_ACCESS_SECRET: 'x'.repeat(32) };
  const found = (env: Readonly<Record<string, string>>) => readConfig({ ...ENV, ...env }).redis;
  const problems = (env: Readonly<Record<string, string>>): string[] => {
    try {
      found(env);
      return [];
    } catch (error) {
      return (error as Error).message.split('\n').slice(1).map((line) => line.trim());
    }
  };

  test.each([
    [{ REDIS_URL: 'redis://u:p@h:1/2' }, { kind: 'server', url: 'redis://u:p@h:1/2' }],
    [{ REDIS_URL: 'rediss://h:1', REDIS_USERNAME: 'u', REDIS_PASSWORD: 'p', REDIS_DATABASE: '3', REDIS_TLS_SERVER_NAME: 'n' },
      { kind: 'server', url: 'rediss://h:1', username: 'u', password: 'p', database: 3, tls: { ca: undefined, serverName: 'n' } }],
    [{ REDIS_CLUSTER_NODES: 'a:1, [::1]:2', REDIS_PASSWORD: 'p', REDIS_TLS: 'true', REDIS_TLS_CA: '-----BEGIN CERTIFICATE-----' },
      {
        kind: 'cluster', nodes: [{ host: 'a', port: 1 }, { host: '::1', port: 2 }], password: 'p',
        tls: { ca: '-----BEGIN CERTIFICATE-----', serverName: undefined },
      }],
    [{ REDIS_SENTINELS: 'a:1,b:2', REDIS_SENTINEL_NAME: 'm', REDIS_SENTINEL_PASSWORD: 's', REDIS_DATABASE: '1' },
      { kind: 'sentinel', sentinels: [{ host: 'a', port: 1 }, { host: 'b', port: 2 }], name: 'm', sentinelPassword: 's', database: 1 }],
  ])('%j', (env, location) => { expect(found(env)).toEqual({ tls: undefined, ...location }); });

  test.each([
    [{ REDIS_URL: 'redis://h', REDIS_CLUSTER_NODES: 'a:1' }, ['only one of']],
    [{ REDIS_PASSWORD: 'p' }, ['REDIS_PASSWORD would be ignored']],
    [{ REDIS_URL: 'redis://h', REDIS_SENTINEL_NAME: 'm' }, ['REDIS_SENTINEL_NAME would be ignored']],
    [{ REDIS_SENTINELS: 'a:1' }, ['set REDIS_SENTINEL_NAME']],
    [{ REDIS_CLUSTER_NODES: 'a:1', REDIS_DATABASE: '1' }, ['only database 0']],
    [{ REDIS_CLUSTER_NODES: 'redis://:secret@a:1', REDIS_USERNAME: 'u' },
      ['REDIS_USERNAME needs', 'REDIS_CLUSTER_NODES must be host:port']],
    [{ REDIS_URL: 'redis://:p@h/1', REDIS_PASSWORD: 'p', REDIS_DATABASE: '1' }, ['a login already', 'a database already']],
    [{ REDIS_URL: 'redis://h', REDIS_TLS: 'true' }, ['contradicts REDIS_URL']],
    [{ REDIS_URL: 'redis://h', REDIS_TLS_CA: 'x' }, ['REDIS_TLS_CA would be ignored']],
    [{ REDIS_URL: 'rediss://h', REDIS_TLS_CA: 'no-such-file' }, ['no-such-file cannot be read (ENOENT)']],
  ])('is refused, every problem at once: %j', (env, expected) => {
    const told = problems(env);
    expect(told).toHaveLength(expected.length);
    for (const each of expected) expect(told.join()).toContain(each);
    expect(told.join()).not.toContain('secret');
  });
});

test('with servers configured an issuer of tokens is required, unless this process accepts none', () => {
  expect(() => readConfig(SERVERS)).toThrow('JWT_ACCESS_SECRET');
  expect(readConfig({ ...SERVERS, ROLE: 'worker' }).role).toBe('worker');
  expect(readConfig({ ...SERVERS, JWT_ACCESS_SECRET: 'x'.repeat(32) }).auth.accessSecret).toHaveLength(32);
});

test('issuer, audience and roles of tokens', () => {
  expect(readConfig({}).auth).toMatchObject({ jwks: undefined, clockToleranceSeconds: 60, roles: { claim: 'role' } });
  const { jwks, roles } = readConfig({
    JWKS_URL: 'https://auth.example.com/keys', JWT_ISSUER: 'https://a.example.com , https://b.example.com', JWT_AUDIENCE: '',
    JWT_ROLES_CLAIM: 'realm_access.roles', JWT_ROLES: 'teacher=supervisor, a=b=admin,',
  }).auth;
  expect(jwks).toEqual({
    url: 'https://auth.example.com/keys', issuers: ['https://a.example.com', 'https://b.example.com'], audiences: undefined,
  });
  expect([roles.claim, ...roles.words]).toEqual([
    'realm_access.roles', ['admin', 'admin'], ['supervisor', 'supervisor'], ['enduser', 'user'], ['user', 'user'],
    ['teacher', 'supervisor'], ['a=b', 'admin'],
  ]);
  // Without a key server they would be ignored, and suggest that tokens of a shared secret are checked.
  expect(() => readConfig({ JWT_AUDIENCE: 'credits' })).toThrow('JWKS_URL, which is not set');
  for (const bad of ['teacher', 'teacher=boss', '=admin', 'teacher=Admin']) {
    expect(() => readConfig({ JWT_ROLES: bad })).toThrow(`not "${bad}"`);
  }
  expect(() => readConfig({ JWT_CLOCK_TOLERANCE_SECONDS: '301' })).toThrow('JWT_CLOCK_TOLERANCE_SECONDS');
});
