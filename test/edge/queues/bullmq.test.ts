import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { judgeBullDeadLetters } from '../../../src/edge/queues/dead-letters.js';
import { SETTLEMENT_QUEUES } from '../../../src/edge/queues/queues.js';
import { connectPostgres, apiProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { queuePrefix } from '../../../src/stores/redis/queue-connections.js';
import { creditsLab, type Lab } from '../../contract/credits-process/lab.js';
import { AWKWARD_IDS } from '../../support/awkward-ids.js';
import { redisUrl } from '../../support/servers.js';
import { charged, until, usage } from './lab.js';
import { rawRedis } from '../../support/redis-address.js';

/** The queues of the same names for those who have no RabbitMQ. */
const COST = 115_000_000;
let lab: Lab;
let db: Db;
let redis: Redis;
let queues: Queue<unknown>[];
beforeAll(async () => {
  lab = await creditsLab();
  db = connectPostgres(lab.gateway.databaseUrl, apiProfile(5_000));
  redis = rawRedis(redisUrl(), { maxRetriesPerRequest: null });
  queues = SETTLEMENT_QUEUES.map((name) => new Queue(name, { connection: redis, prefix: queuePrefix(lab.gateway.redisNamespace) }));
});
afterAll(async () => {
  await Promise.all(queues.map((queue) => queue.close()));
  redis.disconnect();
  await db.destroy();
  await lab.stop();
});
async function add(...bodies: readonly unknown[]): Promise<void> {
  for (const [index, body] of bodies.entries()) await queues[index % queues.length]?.add('end', body, { removeOnFail: true });
}

test('either body on either queue, each usage once, however often it is sent', async () => {
  const user = lab.user();
  const single = { ...usage(user), usages: undefined, input_tokens: 0, output_tokens: 460 };
  const bodies = [usage(user), usage(user), single, { ...single, usage_key: 'order-1' }];
  await add(...bodies);
  await until(() => charged(db, user), ({ settlements }) => settlements === 4);
  await add(...bodies.toReversed());
  await add({ user_id: user, feature_endpoint_id: 'ai_chat_v1', output_tokens: 460 }, {
    user_id: user, feature_endpoint_id: 'ai_chat_v1', output_tokens: 460,
  });
  expect(await until(() => charged(db, user), ({ settlements }) => settlements >= 6)).toEqual({
    settlements: 6, holds: 6, micros: 6 * COST,
  });
});

test('account ids are any text, but not bytes that are no UTF-8', async () => {
  const ids = AWKWARD_IDS.map((id) => `${id.slice(0, 200)}-bull`);
  await add(...ids.map((id) => usage(id)), usage('\uFFFD'));
  for (const id of [...ids, '\uFFFD']) {
    expect([id, (await until(() => charged(db, id), ({ settlements }) => settlements === 1)).micros]).toEqual([id, COST]);
  }
  const [queue] = queues;
  await queue?.pause();
  const job = await queue?.add('end', usage('garbled-MARK'));
  const key = queue?.toKey(job?.id ?? '') ?? '';
  const data = await redis.hgetBuffer(key, 'data');
  await redis.hset(key, 'data', Buffer.from(data?.toString('latin1').replace('MARK', '\u00ff\u00fe') ?? '', 'latin1'));
  await queue?.resume();
  const letters = await until(() => judgeBullDeadLetters(redis, lab.gateway.redisNamespace, () => 'keep'), (found) => found.length === 1);
  expect(letters).toMatchObject([{ code: 'invalid_request', reason: 'the message is not JSON in UTF-8' }]);
  await judgeBullDeadLetters(redis, lab.gateway.redisNamespace, () => 'discard');
});

test('what cannot be done is kept, whatever its producer said about failed jobs', async () => {
  const user = lab.user();
  await add('no object', { ...usage(user), feature_endpoint_id: 'later_v1' });
  const list = () => judgeBullDeadLetters(redis, lab.gateway.redisNamespace, () => 'keep');
  const letters = await until(list, (found) => found.length === 2);
  expect(letters.map(({ code, transport }) => [code, transport]).sort()).toEqual([['invalid_request', 'bullmq'], ['not_found', 'bullmq']]);
  await lab.admin('POST', '/api/admin/feature-endpoints', { feature: 'x', name: 'x', value: 'later_v1' });
  await judgeBullDeadLetters(redis, lab.gateway.redisNamespace, ({ code }) => (code === 'not_found' ? 'replay' : 'discard'));
  expect(await until(() => charged(db, user), ({ settlements }) => settlements === 1)).toEqual({ settlements: 1, holds: 1, micros: COST });
  expect(await list()).toEqual([]);
});
