import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { callerOf } from '../../src/kit/caller.js';
import { CHATSPARTY_SECRET, signed } from '../support/fake-gateway.js';
import { creditsLab, type Lab } from './credits-process/lab.js';

/** An Idempotency-Key belongs to the caller that sent it: the same text of another caller names another request. */
const KEYS = ['first-key-of-the-environment', 'second-key-of-the-environment'] as const;
let lab: Lab;
beforeAll(async () => { lab = await creditsLab({ SERVER_API_KEYS: KEYS.join(','), CHATSPARTY_JWT_SECRET: CHATSPARTY_SECRET }); });
afterAll(async () => { await lab.stop(); });

const twoStoredKeys = async (): Promise<readonly string[]> => Promise.all([1, 2].map(async () =>
  (await lab.admin('POST', '/api/admin/server-keys', { name: 'same name', scopes: ['*'] })).body['key'] as string));

const send = async (method: string, path: string, token: string, key: string, body?: object) => {
  const response = await fetch(lab.gateway.url + path, {
    method, headers: {
      authorization: `Bearer ${token}`, 'idempotency-key': key,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: response.status, replayed: response.headers.get('idempotency-replayed'),
    body: await response.json() as Record<string, unknown>,
  };
};

/** A token of ChatsParty for the same account, which another issuer signs. */
const chatspartyToken = (userId: string): Promise<string> => {
  const iat = Math.floor(Date.now() / 1_000);
  return signed(CHATSPARTY_SECRET, { userId, iat, exp: iat + 600 });
};

test.each([
  ['of the environment', () => Promise.resolve(KEYS)],
  ['that were made, with one name', twoStoredKeys],
])('two server keys %s: each has its own Idempotency-Keys, and its repeats', async (_, keysOf) => {
  const keys = await keysOf();
  const user = lab.user();
  await lab.grant(user, 1_000);
  const named = randomUUID();
  const body = { user_id: user, feature_endpoint_value: 'ai_chat_v1', output_tokens: 460 };
  const end = (key: string) => lab.post('/api/credits-process/end', body, { 'x-server-api-key': key, 'idempotency-key': named });
  const bonus = (key: string) =>
    lab.post('/api/user-wallets/give-bonus-credits', { user_id: user, credits: 7 }, { 'x-server-api-key': key, 'idempotency-key': named });
  const answers = [];
  for (const key of [...keys, ...keys]) answers.push(await end(key));
  expect(answers.map(({ status, headers }) => [status, headers.get('idempotency-replayed')]))
    .toEqual([[200, null], [200, null], [200, 'true'], [200, 'true']]);
  expect(await lab.balance(user)).toBe(1_000 - 2 * 115);
  const given = [];
  for (const key of [...keys, ...keys]) given.push(await bonus(key));
  expect(given.map(({ status, headers }) => [status, headers.get('idempotency-replayed')]))
    .toEqual([[200, null], [200, null], [200, 'true'], [200, 'true']]);
  expect(await lab.balance(user)).toBe(1_000 - 2 * 115 + 2 * 7);
});

test.each([
  ['/api/credits/deduct', { credits: 5 }, 200],
  ['/api/usage/record', { service: 'chat', operation: 'gpt-4', credits: 5 }, 201],
])('two issuers of one account at %s: two callers', async (path, body, status) => {
  const user = lab.user();
  await lab.grant(user, 100);
  const key = randomUUID();
  const tokens = [await lab.gateway.token({ sub: user }), await chatspartyToken(user)];
  const answers = [];
  for (const token of [...tokens, ...tokens]) answers.push(await send('POST', path, token, key, body));
  expect(answers.map((answer) => [answer.status, answer.replayed])).toEqual([
    [status, null], [status, null], [status, 'true'], [status, 'true'],
  ]);
  expect(await lab.balance(user)).toBe(90);
});

test.each([
  ['POST', '/api/credits/allocate', 201, 20], ['PUT', '/api/credits/adjust', 200, 20], ['DELETE', '/api/credits/remove', 200, -20],
  ['POST', '/api/credits/add', 200, 20],
])('two operators at %s %s: each has its own keys, for the accounts of others too', async (method, path, status, change) => {
  const user = lab.user();
  await lab.grant(user, 100);
  const key = randomUUID();
  const operators = await Promise.all(['op-1', 'op-2'].map((sub) => lab.gateway.token({ sub, role: 'admin' })));
  const amount = path.endsWith('/adjust')
    ? { adjustment: 10 }
    : path.endsWith('/add') ? { amount: 10, transactionType: 'bonus', reason: 'manual_adjustment' } : { credits: 10 };
  const answers = [];
  for (const token of [...operators, ...operators]) answers.push(await send(method, path, token, key, { userId: user, ...amount }));
  expect(answers.map((answer) => [answer.status, answer.replayed])).toEqual([
    [status, null], [status, null], [status, 'true'], [status, 'true'],
  ]);
  expect(await lab.balance(user)).toBe(100 + change);
});

test('a caller has one name, which says whose it is and cannot be continued', () => {
  const user = { role: 'user', username: null, email: null } as const;
  const unbound = { accountPrefix: null, payer: null, rateLimit: null };
  const names = [
    callerOf({ ...user, accountId: 'alice', issuer: 'access' }), callerOf({ ...user, accountId: 'alice', issuer: 'jwks' }),
    callerOf({ ...user, accountId: 'bob', issuer: 'access' }), callerOf({ ...user, accountId: 'a:b/c d', issuer: 'access' }),
    callerOf({ id: 'environment-x', name: 'environment', scopes: new Set(), ...unbound }),
    callerOf({ id: '0001', name: 'environment', scopes: new Set(), ...unbound }),
  ];
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
});
