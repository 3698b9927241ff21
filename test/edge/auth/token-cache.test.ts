import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../../src/config.js';
import { bearer } from '../../../src/edge/auth/bearer.js';
import { issuersOf } from '../../../src/edge/auth/issuers.js';
import { GatewayError } from '../../../src/kit/errors.js';
import type { Principal } from '../../../src/kit/principal.js';
import { ACCESS_SECRET, ignoreKeys } from '../../support/fake-gateway.js';

const START_MS = 1_800_000_000_000;
const IAT = START_MS / 1_000;

function setUp(): {
  authenticate: (token: string) => Promise<string>;
  isCached: (token: string) => boolean;
  seen: Principal[];
  clock: { nowMs: number };
} {
  const clock = { nowMs: START_MS };
  const seen: Principal[] = [];
  const { issuers } = issuersOf(readConfig({ JWT_ACCESS_SECRET: ACCESS_SECRET }).auth, () => clock.nowMs, ignoreKeys);
  const verify = bearer({
    issuers, maxTokenAgeSeconds: 3_600, clockToleranceSeconds: 60, roleWords: new Map(), clock: () => clock.nowMs,
    admitted: (principal) => { seen.push(principal); return Promise.resolve('admitted'); },
  });
  return {
    clock, seen,
    authenticate: async (token) => {
      try {
        return (await verify(`Bearer ${token}`)).accountId;
      } catch (error) {
        return error instanceof GatewayError ? error.message : 'not a GatewayError';
      }
    },
    isCached: (token) => {
      const result = verify(`Bearer ${token}`);
      if (result instanceof Promise) { result.catch(() => undefined); return false; }
      return true;
    },
  };
}

function token(claims: Record<string, unknown>): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: 'HS256' })}.${encode({ sub: 'alice', iat: IAT, exp: IAT + 900, ...claims })}`;
  return `${input}.${createHmac('sha256', ACCESS_SECRET).update(input).digest('base64url')}`;
}

describe('a remembered token', () => {
  test('is answered at once, and seen only when it enters', async () => {
    const { authenticate, isCached, seen } = setUp();
    const alice = token({ username: 'Alice', email: 'a@example.com' });
    expect(await authenticate(alice)).toBe('alice');
    expect(isCached(alice)).toBe(true);
    expect(seen).toEqual([{ accountId: 'alice', role: 'user', username: 'Alice', email: 'a@example.com', issuer: 'access' }]);
  });

  test('is never good past its expiry: from then on the verifier decides', async () => {
    const { authenticate, isCached, clock } = setUp();
    const alice = token({ exp: IAT + 10 });
    await authenticate(alice);
    clock.nowMs = START_MS + 9_999;
    expect(isCached(alice)).toBe(true);
    clock.nowMs = START_MS + 10_000;
    expect(isCached(alice)).toBe(false);
    expect(await authenticate(alice)).toBe('alice'); // within the tolerance of 60 s, and not remembered again
    expect(isCached(alice)).toBe(false);
    clock.nowMs = START_MS + 70_000;
    expect(await authenticate(alice)).toBe('Token expired');
  });

  test('is never good past the age limit, however late it expires', async () => {
    const { authenticate, isCached, clock } = setUp();
    const alice = token({ exp: IAT + 1_000_000 });
    await authenticate(alice);
    clock.nowMs = START_MS + 3_599_999;
    expect(isCached(alice)).toBe(true);
    clock.nowMs = START_MS + 3_600_000;
    expect(isCached(alice)).toBe(false);
    clock.nowMs = START_MS + 3_661_000;
    expect(await authenticate(alice)).toBe('Token expired');
  });

  test('is not good before nbf, even when the clock steps back', async () => {
    const { authenticate, isCached, clock } = setUp();
    const alice = token({ nbf: IAT + 4 });
    expect(await authenticate(alice)).toBe('alice'); // tolerance
    expect(isCached(alice)).toBe(false);
    clock.nowMs = START_MS + 4_000;
    await authenticate(alice);
    expect(isCached(alice)).toBe(true);
    clock.nowMs = START_MS - 57_000;
    expect(await authenticate(alice)).toBe('Authentication failed');
  });

  test('vouches for no other token', async () => {
    const { authenticate } = setUp();
    const alice = token({});
    await authenticate(alice);
    expect(await authenticate(`${alice.slice(0, -2)}AA`)).toBe('Invalid token');
    expect(await authenticate(`${alice} `)).toBe('Invalid token');
  });

  test('refused tokens are not remembered and not seen', async () => {
    const { authenticate, isCached, seen } = setUp();
    const forged = `${token({}).slice(0, -4)}AAAA`;
    expect(await authenticate(forged)).toBe('Invalid token');
    expect(isCached(forged)).toBe(false);
    expect(seen).toEqual([]);
  });

  test('profile fields that cannot be stored are left out, and the login succeeds', async () => {
    const { authenticate, seen } = setUp();
    expect(await authenticate(token({ username: 'a\u0000b', email: ['x'] }))).toBe('alice');
    expect(await authenticate(token({ username: 'x'.repeat(321), email: '' }))).toBe('alice');
    expect(seen.map(({ username, email }) => [username, email])).toEqual([[null, null], [null, null]]);
  });
});
