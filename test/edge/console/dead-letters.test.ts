import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { SETTLEMENT_QUEUES } from '../../../src/edge/queues/queues.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { queuePrefix } from '../../../src/stores/redis/queue-connections.js';
import { creditsLab, type Lab } from '../../contract/credits-process/lab.js';
import { redisUrl } from '../../support/servers.js';
import { charged, until, usage } from '../queues/lab.js';
import { hiddenOf, operator, type Operator, withoutOwnScript } from './lab.js';
import { rawRedis } from '../../support/redis-address.js';

/** Settlements that were refused wait with their reason; an operator replays them when the cause is mended. */
const HOME = '/console/dead-letters';
let lab: Lab;
let db: Db;
let redis: Redis;
let queue: Queue<unknown>;
let root: Operator;
beforeAll(async () => {
  lab = await creditsLab({ UNKNOWN_MODEL: 'refuse' });
  db = connectPostgres(lab.gateway.databaseUrl, apiProfile(5_000));
  redis = rawRedis(redisUrl(), { maxRetriesPerRequest: null });
  queue = new Queue(SETTLEMENT_QUEUES[0], { connection: redis, prefix: queuePrefix(lab.gateway.redisNamespace) });
  root = operator(lab.gateway.url, await lab.gateway.token({ sub: 'root', role: 'admin' }));
  await price('gpt-4');
});
afterAll(async () => {
  await queue.close();
  redis.disconnect();
  await db.destroy();
  await lab.stop();
});

const price = async (model: string): Promise<void> => {
  const { status } = await lab.admin('PUT', '/v1/prices/models', { model, prices: { input: '0.000001', output: '0.000001' } });
  expect(status).toBe(200);
};
const page = async (): Promise<string> => (await root.get(HOME)).text;
const lettersAbout = async (text: string, count: number): Promise<string> => {
  const found = await until(page, (html) => html.split(text).length - 1 >= count);
  expect(found.split(text).length - 1).toBe(count);
  return found;
};
/** The path of an action, from the row of the message that contains `text`. */
const linkOf = (html: string, text: string, verdict: string): string =>
  new RegExp(`<tr>(?:(?!</tr>)[\\s\\S])*${text}(?:(?!</tr>)[\\s\\S])*href="([^"]+/${verdict})"`).exec(html)?.[1] ?? '';
async function confirm(path: string, reason: string): Promise<Record<string, string>> {
  const answer = await root.post(path, { reason });
  expect(answer.status).toBe(200);
  return hiddenOf(answer.text);
}

test('an unknown model: waits with its reason; replayed when it has a price, by two operators at once, it is charged once', async () => {
  const user = lab.user();
  await queue.add('end', usage(user, { usages: [{ ai_model: 'gpt-99', output_tokens: 460 }] }));
  const listed = await lettersAbout(user, 1);
  expect(listed).toContain('gpt-99');
  expect(listed).toContain('invalid_request');
  await price('gpt-99');
  const path = linkOf(listed, user, 'replay');
  expect((await root.post(path, {})).text).toContain('Enter a reason: it is kept in the audit trail, with your name');
  const hidden = await confirm(path, 'it has a price now');
  await Promise.all([root.post(path, hidden), root.post(path, hidden), root.post(path, await confirm(path, 'me too'))]);
  expect(await until(() => charged(db, user), ({ settlements }) => settlements > 0)).toMatchObject({ settlements: 1, holds: 1 });
  expect((await root.post(path, hidden)).text).toContain('There is no such message any more');
  await lettersAbout(user, 0);
  expect(await charged(db, user)).toMatchObject({ settlements: 1, holds: 1 });
});

test('a frozen account: its settlements wait at once, and are replayed together after the thaw', async () => {
  const user = lab.user();
  await lab.grant(user, 1_000);
  await lab.admin('POST', `/v1/accounts/${user}/freeze`, { reason: 'a test' });
  await queue.add('end', usage(user));
  await queue.add('end', { ...usage(user), usage_key: undefined });
  const listed = await lettersAbout(user, 2);
  expect(listed).toContain('account_frozen');
  // Replayed too early they come back, and nothing is lost.
  const all = `${HOME}/codes/account_frozen/replay`;
  expect((await root.post(all, await confirm(all, 'too early'))).text).toContain('2 replayed');
  await lettersAbout(user, 2);
  await lab.admin('POST', `/v1/accounts/${user}/thaw`, { reason: 'a test' });
  expect((await root.post(all, await confirm(all, 'thawed'))).text).toContain('2 replayed');
  expect(await until(() => charged(db, user), ({ settlements }) => settlements >= 2)).toMatchObject({ settlements: 2, holds: 2 });
});

test('what is discarded is gone and never charged; a body is shown as text', async () => {
  const user = lab.user();
  await queue.add('end', { ...usage(user), feature_endpoint_id: '<script>alert(1)</script>' });
  const listed = await lettersAbout(user, 1);
  expect(withoutOwnScript(listed)).not.toContain('<script');
  const path = linkOf(listed, user, 'discard');
  const hidden = await confirm(path, 'a test');
  // A page of another site cannot post the form.
  expect((await root.post(path, hidden, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  await lettersAbout(user, 1);
  expect((await root.post(path, hidden)).text).toContain('1 discarded');
  await lettersAbout(user, 0);
  expect(await charged(db, user)).toMatchObject({ settlements: 0 });
});
