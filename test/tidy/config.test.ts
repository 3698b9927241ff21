import { expect, test } from '@jest/globals';
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
