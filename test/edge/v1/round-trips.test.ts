import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { redisMonitor, type RedisMonitor } from '../../support/redis-monitor.js';
import { LUA_FOLDER, readLua } from '../../../src/stores/redis/lua-source.js';
import { send } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';
import { redisOperatorUrl } from '../../support/servers.js';
import { nativeLab, type Call, type NativeLab } from './lab.js';

let lab: NativeLab;
let monitor: RedisMonitor;
/** The script calls that Redis has run, as MONITOR tells them. */
const calls: string[] = [];
beforeAll(async () => {
  lab = await nativeLab();
  monitor = await redisMonitor(redisOperatorUrl(), (line) => { if (/"eval(sha)?"/i.test(line)) calls.push(line); });
});
afterAll(async () => {
  monitor.close();
  await lab.stop();
});

/**
 * Every script of the ledger but those of the drain and of the reconciler, which name accounts at any moment. So does BullMQ,
 * in the data of its jobs.
 */
const COUNTED = readdirSync(LUA_FOLDER).flatMap((file) => (file.endsWith('.lua') ? [file.slice(0, -'.lua'.length)] : []))
  .filter((name) => name !== 'shorten-receipts' && name !== 'inspect-account').map(readLua);
const isOfRequest = (line: string): boolean => COUNTED.some(({ sha1, name }) => line.includes(sha1) || line.includes(`\\n  ${name}: `));

/** Sends a write about an account, and counts the script calls that named the account. */
async function callsOf(service: Call, account: string, path: string, body: object, headers: Record<string, string> = {}): Promise<number> {
  await monitor.toldOfAll();
  const before = calls.length;
  const { status, text } = await service('POST', path, { account, ...body }, headers);
  if (status >= 300) throw new Error(text);
  await monitor.toldOfAll();
  return calls.slice(before).filter((line) => line.includes(account) && isOfRequest(line)).length;
}

test('place, extend, progress and settle are one script call each', async () => {
  const service = await lab.service(['holds', 'charges', 'grants', 'read', 'admin']);
  const counts: string[] = [];
  // The first account teaches Redis the scripts.
  for (const account of [await lab.funded('10'), await lab.funded('10')]) {
    counts.length = 0;
    await service('PUT', `/v1/accounts/${account}/limits/daily`, { amount: '5', period: 'day' });
    const count = async (name: string, path: string, body: object, headers: Record<string, string> = {}): Promise<void> => {
      counts.push(`${name} ${await callsOf(service, account, path, body, headers)}`);
    };
    await count('place', '/v1/holds', { id: 'a', amount: '1' });
    await count('place a model', '/v1/holds', { id: 'm', price: { model: 'gpt-4o', inputTokens: 10, maxOutputTokens: 10 } });
    await count('extend', '/v1/holds/a/extend', { amount: '1' }, { 'idempotency-key': 'k' });
    await count('extend by tokens', '/v1/holds/m/extend', { maxOutputTokens: 20 });
    await count('progress', '/v1/holds/m/progress', { usage: { outputTokens: 15 }, extend: { headroomTokens: 10 } });
    await count('settle', '/v1/holds/m/settle', { usage: { outputTokens: 18 } });
    await count('settle an amount', '/v1/holds/a/settle', { amount: '1' });
    await service('POST', '/v1/holds', { account, id: 'v', amount: '1' });
    await count('void', '/v1/holds/v/void', { reason: 'completed' });
    await count('charge', '/v1/charges', { amount: '1' });
  }
  expect(counts).toEqual([
    'place 1', 'place a model 1', 'extend 1', 'extend by tokens 1', 'progress 1', 'settle 1', 'settle an amount 1', 'void 1',
    'charge 1',
  ]);
});

test('of a hold that another process placed too, but for the first that counts tokens', async () => {
  // Shares Redis and Postgres with the other, and remembers nothing of its holds.
  const second = await startGateway({
    databaseUrl: lab.gateway.databaseUrl, environment: { REDIS_NAMESPACE: lab.gateway.redisNamespace },
  });
  try {
    const { body: { key } } = await lab.operator('POST', '/v1/api-keys', { name: 'of-two-processes', scopes: ['holds'] });
    const here = lab.bearer(String(key));
    const there: Call = (method, path, body, headers = {}) => send(`${second.url}${path}`, method, {
      token: String(key), headers, ...(body === undefined ? {} : { body }),
    });
    const counts: string[] = [];
    // The first account teaches Redis the scripts.
    for (const account of [await lab.funded('10'), await lab.funded('10')]) {
      counts.length = 0;
      const priced = { model: 'gpt-4o', inputTokens: 10, maxOutputTokens: 10 };
      for (const id of ['m', 'n']) await callsOf(here, account, '/v1/holds', { id, price: priced });
      for (const id of ['a', 'b']) await callsOf(here, account, '/v1/holds', { id, amount: '1' });
      const count = async (name: string, path: string, body: object): Promise<void> => {
        counts.push(`${name} ${await callsOf(there, account, path, body)}`);
      };
      await count('extend', '/v1/holds/a/extend', { amount: '1' });
      await count('report an amount', '/v1/holds/a/progress', { amount: '0.5' });
      await count('settle an amount', '/v1/holds/a/settle', { amount: '1' });
      await count('void', '/v1/holds/b/void', { reason: 'completed' });
      await count('extend by tokens', '/v1/holds/m/extend', { maxOutputTokens: 20 });
      await count('report tokens', '/v1/holds/m/progress', { usage: { outputTokens: 15 }, extend: { headroomTokens: 10 } });
      await count('settle tokens', '/v1/holds/m/settle', { usage: { outputTokens: 18 } });
      await count('settle tokens first', '/v1/holds/n/settle', { usage: { outputTokens: 5 } });
    }
    expect(counts).toEqual([
      'extend 1', 'report an amount 1', 'settle an amount 1', 'void 1', 'extend by tokens 2', 'report tokens 1', 'settle tokens 1',
      'settle tokens first 2',
    ]);
  } finally {
    await second.stop();
  }
});
