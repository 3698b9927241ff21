import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { redisMonitor } from '../../support/redis-monitor.js';
import { redisUrl } from '../../support/servers.js';
import { nativeLab, type NativeLab } from './lab.js';

let lab: NativeLab;
let redis: Redis;
let monitor: { readonly close: () => void };
/** The script calls that Redis has run, as MONITOR tells them. */
const calls: string[] = [];
beforeAll(async () => {
  lab = await nativeLab();
  redis = new Redis(redisUrl());
  monitor = await redisMonitor(redisUrl(), (line) => { if (/"eval(sha)?"/i.test(line)) calls.push(line); });
});
afterAll(async () => {
  monitor.close();
  redis.disconnect();
  await lab.stop();
});

test('place, extend, progress and settle are one script call each', async () => {
  const service = await lab.service(['holds', 'charges', 'grants', 'read', 'admin']);
  const counts: string[] = [];
  // The first account teaches Redis the scripts.
  for (const account of [await lab.funded('10'), await lab.funded('10')]) {
    counts.length = 0;
    await service('PUT', `/v1/accounts/${account}/limits/daily`, { amount: '5', period: 'day' });
    const count = async (name: string, path: string, body: object, headers: Record<string, string> = {}): Promise<void> => {
      const before = calls.length;
      const { status, text } = await service('POST', path, { account, ...body }, headers);
      if (status >= 300) throw new Error(text);
      // MONITOR tells of commands in their order, so it has told of all of them when it tells of this one.
      const mark = `mark ${account} ${name}`;
      while (!calls.some((line) => line.includes(mark))) await redis.eval('return 1', 0, mark);
      counts.push(`${name} ${calls.slice(before).filter((line) => line.includes(account) && !line.includes('mark')).length}`);
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
