import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { redisOperatorUrl } from '../support/servers.js';
import { creditsLab, SERVER_KEY, type Lab } from './credits-process/lab.js';
import { rawRedis } from '../support/redis-address.js';

/** Every write that takes an Idempotency-Key, repeated after Redis has forgotten it: answered again, and done once. */
let lab: Lab;
let redis: Redis;
beforeAll(async () => {
  lab = await creditsLab();
  redis = rawRedis(redisOperatorUrl());
});
afterAll(async () => {
  redis.disconnect();
  await lab.stop();
});

/** What Redis has of an account's receipts and ended holds, deleted once Postgres has the entries. */
async function forget(user: string): Promise<number> {
  const token = await lab.gateway.token({ sub: user });
  expect((await fetch(`${lab.gateway.url}/api/usage/stats`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  let deleted = 0;
  for (const kind of ['receipt', 'hold']) {
    const names = await redis.keys(`${lab.gateway.redisNamespace}:*:${kind}:${user}:*`);
    for (const name of names) deleted += await redis.del(name);
  }
  return deleted;
}

type Caller = 'user' | 'operator' | 'server';
type Write = readonly [method: string, path: string, caller: Caller, body: (user: string, amount: number) => object, mismatch: number];

const amountOf = (credits: number) => ({ credits });
const ofUser = (userId: string, credits: number) => ({ userId, credits });
const WRITES: readonly Write[] = [
  ['POST', '/api/credits/deduct', 'user', (_, credits) => amountOf(credits), 422],
  ['POST', '/api/usage/record', 'user', (_, credits) => ({ service: 'chat', operation: 'gpt-4', credits }), 422],
  ['POST', '/api/credits/allocate', 'operator', ofUser, 422],
  ['POST', '/api/credits/set', 'operator', ofUser, 422],
  ['DELETE', '/api/credits/remove', 'operator', ofUser, 422],
  ['PUT', '/api/credits/adjust', 'operator', (userId, adjustment) => ({ userId, adjustment }), 422],
  ['POST', '/api/credits/add', 'operator', (userId, amount) => ({
    userId, amount, transactionType: 'bonus', reason: 'manual_adjustment',
  }), 422],
  ['POST', '/api/user-wallets/give-bonus-credits', 'server', (user_id, credits) => ({ user_id, credits }), 422],
  // A settlement is a hold's end, and tells how it ended first.
  ['POST', '/api/credits-process/end', 'server', (user_id, output_tokens) => ({
    user_id, feature_endpoint_value: 'ai_chat_v1', output_tokens,
  }), 409],
];

test.each(WRITES)('%s %s', async (method, path, caller, bodyOf, mismatch) => {
  const user = lab.user();
  await lab.grant(user, 1_000);
  const token = await lab.gateway.token(caller === 'operator' ? { sub: 'root', role: 'admin' } : { sub: user });
  const headers = {
    ...(caller === 'server' ? { 'x-server-api-key': SERVER_KEY } : { authorization: `Bearer ${token}` }),
    'content-type': 'application/json', 'idempotency-key': randomUUID(),
  };
  const ask = async (amount: number) => {
    const response = await fetch(lab.gateway.url + path, { method, headers, body: JSON.stringify(bodyOf(user, amount)) });
    return { status: response.status, replayed: response.headers.get('idempotency-replayed') };
  };
  const first = await ask(10);
  expect([first.status < 300, first.replayed]).toEqual([true, null]);
  const balance = await lab.balance(user);
  expect(await forget(user)).toBeGreaterThan(0);
  expect(await ask(10)).toEqual({ status: first.status, replayed: 'true' });
  await forget(user);
  expect((await ask(1)).status).toBe(mismatch);
  expect((await ask(100)).status).toBe(mismatch);
  expect(await lab.balance(user)).toBe(balance);
});
