import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { judgeAmqpDeadLetters } from '../../../src/edge/queues/dead-letters.js';
import {
  CONSUMED_QUEUES, deadLetterQueue, HEADERS, RETRY_DELAYS_MS, retryQueue, SETTLEMENT_QUEUES, TELEMETRY_QUEUE,
} from '../../../src/edge/queues/queues.js';
import type { Db } from '../../../src/stores/postgres/connect.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { send } from '../../support/fake-gateway.js';
import { PATIENCE } from '../../support/gateway.js';
import { seriesOf } from '../../support/gauges.js';
import { startProcesses, type GatewayProcesses } from '../../support/processes.js';
import { openRabbit } from '../../support/rabbitmq.js';
import { asAdmin, freshDatabase, redisUrl, type FreshDatabase } from '../../support/servers.js';
import { volume } from '../../support/volume.js';
import { hiddenOf, operator } from '../console/lab.js';
import { charged, MULTI, publisher, seeded, SINGLE, until, usage, user, type Publisher } from './lab.js';

/**
 * Real RabbitMQ, real processes: whatever is killed, restarted or sent again, each usage is charged exactly once. Where
 * RabbitMQ cannot be had, the whole file is skipped, and says so.
 */
const rabbit = await openRabbit();
const KEY = 'a-server-key-that-only-tests-use';
const COST = 115_000_000;

(typeof rabbit === 'string'
  ? describe.skip
  : describe)(`settlements through RabbitMQ${typeof rabbit === 'string' ? ` (SKIPPED: ${rabbit})` : ''}`, () => {
  if (typeof rabbit === 'string') return;
  let database: FreshDatabase;
  let db: Db;
  let gateway: GatewayProcesses;
  let publish: Publisher;

  beforeAll(async () => {
    database = await freshDatabase(migrate);
    db = await seeded(database.databaseUrl);
  });
  afterAll(async () => {
    await publish.close();
    await gateway.stop();
    await db.destroy();
    await database.drop();
    await rabbit.discard();
  });
  const gauge = async (name: string) => seriesOf(await (await fetch(`${gateway.worker.operationsUrl()}/metrics`)).text()).get(name);
  beforeEach(async () => { publish = await publisher(rabbit.url); });

  test('published before the gateway is up: charged when it is, on either queue, with either body', async () => {
    const alice = user();
    for (const queue of SETTLEMENT_QUEUES) await publish.declare(queue);
    const single = { ...usage(alice), usages: undefined, input_token: 0, output_token: 460, model: 'gpt-4' };
    await publish.send(MULTI, usage(alice), single);
    await publish.send(SINGLE, usage(alice), { ...single, usage_key: 'order-8' });
    gateway = await startProcesses({ redisUrl: redisUrl(), databaseUrl: database.databaseUrl }, {
      RABBITMQ_URL: rabbit.url, SERVER_API_KEYS: KEY, RABBITMQ_PREFETCH: '20', ...PATIENCE,
    });
    const result = await until(() => charged(db, alice), ({ settlements }) => settlements >= 4);
    expect(result).toEqual({ settlements: 4, holds: 4, micros: 4 * COST });
  });

  test('the worker says that it is connected', async () => {
    expect(await until(() => gauge('cg_amqp_connected'), (value) => value === 1)).toBe(1);
    expect(await gauge('cg_amqp_in_flight')).toBe(0);
  });

  test('the same usage over HTTP and by queue, both first and both second', async () => {
    const alice = user();
    const bodies = Array.from({ length: 20 }, () => usage(alice));
    const post = (body: object): Promise<Response> => fetch(`${gateway.url()}/api/credits-process/end-multimodel`, {
      method: 'POST', headers: { 'content-type': 'application/json', 'x-server-api-key': KEY }, body: JSON.stringify(body),
    });
    const [answers] = await Promise.all([Promise.all(bodies.map(post)), publish.send(MULTI, ...bodies)]);
    expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 200));
    await until(() => publish.count(MULTI), (count) => count === 0);
    expect(await until(() => charged(db, alice), ({ settlements }) => settlements >= 20)).toEqual({
      settlements: 20, holds: 20, micros: 20 * COST,
    });
  });

  test('kill -9 of the worker in mid-batch, twice; then everything is delivered twice again', async () => {
    const users = Array.from({ length: 5 }, user);
    const bodies = Array.from({ length: volume(600, 1_500) }, (_, index) => usage(users[index % users.length] ?? ''));
    await publish.send(MULTI, ...bodies.slice(0, bodies.length / 2));
    await publish.send(SINGLE, ...bodies.slice(bodies.length / 2));
    for (const share of [bodies.length * 0.07, bodies.length * 0.4]) {
      const before = await until(async () => (await publish.count(MULTI)) + (await publish.count(SINGLE)), (left) =>
        left < bodies.length - share);
      await gateway.worker.kill('SIGKILL');
      expect(before).toBeGreaterThan(0);
      await gateway.worker.start();
    }
    const once = { settlements: bodies.length, holds: bodies.length, micros: bodies.length * COST };
    expect(await until(() => charged(db, ...users), ({ settlements }) => settlements >= bodies.length)).toEqual(once);

    await publish.send(SINGLE, ...bodies);
    await publish.send(MULTI, ...bodies);
    expect(await until(async () => (await publish.count(MULTI)) + (await publish.count(SINGLE)), (left) => left === 0)).toBe(0);
    expect(await charged(db, ...users)).toEqual(once);
    expect(await publish.count(deadLetterQueue(MULTI)) + await publish.count(deadLetterQueue(SINGLE))).toBe(0);
  });

  test('equal messages without a usage_key are a usage each', async () => {
    const alice = user();
    const bodies = Array.from({
      length: 60,
    }, (_, index) => ({ ...usage(alice), usage_key: undefined, usages: [{ output_tokens: 460 }], duration: index % 6 }));
    await publish.send(MULTI, ...bodies);
    const once = { settlements: 60, holds: 60, micros: 60 * COST };
    expect(await until(() => charged(db, alice), ({ settlements }) => settlements >= 60)).toEqual(once);
    expect(await until(async () =>
      (await db.raw<{ rows: unknown[] }>('select from unnamed_deliveries')).rows.length, (count) => count === 0)).toBe(0);
  });

  test('a message without a usage_key is charged once when the worker is killed, whether its acknowledgement arrived or not', async () => {
    const alice = user();
    // No two are equal: for equal ones it is unknown which of them was redelivered (unnamed-deliveries.ts).
    const bodies = Array.from({
      length: volume(300, 600),
    }, (_, index) => ({ ...usage(alice), usage_key: undefined, usages: [{ output_tokens: 460 }], duration: index }));
    await publish.send(MULTI, ...bodies);
    for (const left of [bodies.length * 0.75, bodies.length * 0.5, bodies.length * 0.25]) {
      await until(() => publish.count(MULTI), (count) => count < left);
      await gateway.worker.kill('SIGKILL');
      await gateway.worker.start();
    }
    const once = { settlements: bodies.length, holds: bodies.length, micros: bodies.length * COST };
    expect(await until(() => charged(db, alice), ({ settlements }) => settlements >= bodies.length)).toEqual(once);
    expect(await until(() => publish.count(MULTI), (count) => count === 0)).toBe(0);
    expect(await charged(db, alice)).toEqual(once);
  });

  test('the broker is restarted in mid-batch', async () => {
    const alice = user();
    const bodies = Array.from({ length: volume(300, 800) }, () => usage(alice));
    await publish.send(MULTI, ...bodies);
    expect(await publish.count(MULTI)).toBeGreaterThan(0);
    await rabbit.stop();
    expect(await until(() => gauge('cg_amqp_connected'), (value) => value === 0)).toBe(0);
    await rabbit.start();
    expect(gateway.worker.log()).toContain('RabbitMQ: not connected');
    expect(await until(() => charged(db, alice), ({ settlements }) => settlements >= bodies.length)).toEqual({
      settlements: bodies.length, holds: bodies.length, micros: bodies.length * COST,
    });
  });

  test('what cannot be done is kept, with its reason; it can be listed, replayed and discarded', async () => {
    const alice = user();
    const first = usage(alice);
    await publish.send(MULTI, first);
    await until(() => charged(db, alice), ({ settlements }) => settlements === 1);
    const later = usage(alice, { feature_endpoint_id: 'not_there_yet' });
    await publish.send(
      MULTI, '{"user_id":', { user_id: alice, usages: [{ input_tokens: -1 }], feature_endpoint_value: 'ai_chat_v1' },
      { ...first, usages: [{ output_tokens: 1 }] }, later,
    );
    const dead = deadLetterQueue(MULTI);
    expect(await until(() => publish.count(dead), (count) => count === 4)).toBe(4);

    const listed = await judgeAmqpDeadLetters(publish.connection, () => 'keep');
    const reasonOf = (text: string): string => listed.find(({ body }) => body.includes(text))?.reason ?? '';
    expect(listed.map(({ code, queue, transport }) => [code, queue, transport]).sort()).toEqual([
      ['hold_resolved', MULTI, 'rabbitmq'], ['invalid_request', MULTI, 'rabbitmq'], ['invalid_request', MULTI, 'rabbitmq'],
      ['not_found', MULTI, 'rabbitmq'],
    ]);
    expect(listed.find(({ body }) => body === '{"user_id":')?.reason).toBe('the message is not JSON in UTF-8');
    expect(reasonOf('"input_tokens":-1')).toContain('body.usages.0.input_tokens');
    expect(reasonOf('"output_tokens":1}')).toContain('has already ended: settled, ');
    expect(await until(() => gauge('cg_dead_letters'), (value) => value === 4)).toBe(4);

    await db.raw(`insert into feature_endpoints (endpoint_id, feature, name, value) values (?, 'ai_chat', 'Late', 'not_there_yet')`, [
      'a'.repeat(24),
    ]);
    await judgeAmqpDeadLetters(publish.connection, ({ code }) => (code === 'not_found' ? 'replay' : 'discard'));
    expect(await until(() => charged(db, alice), ({ settlements }) => settlements === 2)).toEqual({
      settlements: 2, holds: 2, micros: 2 * COST,
    });
    expect(await publish.count(dead)).toBe(0);
  });

  test('a frozen account: its settlement waits with its reason; replayed in the console after the thaw, it is charged once', async () => {
    const alice = user();
    const token = await gateway.token({ sub: 'root', role: 'admin' });
    const freeze = (what: 'freeze' | 'thaw') =>
      send(`${gateway.url()}/v1/accounts/${alice}/${what}`, 'POST', { token, body: { reason: 'a test' } });
    await send(`${gateway.url()}/api/credits/allocate`, 'POST', { token, body: { userId: alice, credits: 1_000 } });
    expect((await freeze('freeze')).status).toBe(200);
    await publish.send(MULTI, usage(alice), { ...usage(alice), usage_key: undefined });
    expect(await until(() => publish.count(deadLetterQueue(MULTI)), (count) => count === 2)).toBe(2);
    const root = operator(gateway.url(), token);
    const listed = (await root.get('/console/dead-letters')).text;
    expect([listed.includes(alice), listed.includes('account_frozen'), listed.includes('rabbitmq')]).toEqual([true, true, true]);
    expect((await freeze('thaw')).status).toBe(200);
    const path = '/console/dead-letters/codes/account_frozen/replay';
    const hidden = hiddenOf((await root.post(path, { reason: 'thawed' })).text);
    const said = await Promise.all([root.post(path, hidden), root.post(path, hidden)]);
    expect(said.map(({ status }) => status)).toEqual([200, 200]);
    const once = { settlements: 2, holds: 2, micros: 2 * COST };
    expect(await until(() => charged(db, alice), ({ settlements }) => settlements >= 2)).toEqual(once);
    expect(await until(() => publish.count(deadLetterQueue(MULTI)), (count) => count === 0)).toBe(0);
    expect(await charged(db, alice)).toEqual(once);
  });

  test('what may pass is tried again, and not before its time', async () => {
    const [alice, root] = [user(), user()];
    await db.raw(`insert into feature_endpoints (endpoint_id, feature, name, value) values (?, 'f', 'n', 'frozen_feature')`, [
      'b'.repeat(24),
    ]);
    expect(root).not.toBe(alice);
    // Postgres answers no question about this endpoint, and says so at once, whatever the deadline.
    const role = new URL(database.databaseUrl).username;
    await asAdmin(database.databaseUrl, `revoke select on feature_endpoints from ${role}`);
    try {
      await publish.send(MULTI, usage(alice, { feature_endpoint_id: 'frozen_feature' }));
      const waiting = async () => (await Promise.all(RETRY_DELAYS_MS.map((delayMs) => publish.count(retryQueue(MULTI, delayMs)))))
        .reduce((total, each) => total + each, 0);
      expect(await until(waiting, (count) => count === 1)).toBe(1);
    } finally {
      await asAdmin(database.databaseUrl, `grant select on feature_endpoints to ${role}`);
    }
    expect(await until(() => charged(db, alice), ({ settlements }) => settlements === 1)).toEqual({
      settlements: 1, holds: 1, micros: COST,
    });
    expect(await publish.count(deadLetterQueue(MULTI))).toBe(0);
    expect(HEADERS.attempts).toBe('x-credits-attempts');
  });

  test('a queue that exists is used as it is, whatever its arguments', async () => {
    await gateway.worker.kill('SIGTERM');
    const channel = publish.channel();
    for (const queue of [SINGLE, MULTI]) await channel.deleteQueue(queue);
    await channel.assertQueue(SINGLE, { durable: true });
    await channel.assertQueue(MULTI, { durable: true, arguments: { 'x-max-priority': 10, 'x-message-ttl': 3_600_000 } });
    const alice = user();
    await publish.send(SINGLE, usage(alice));
    await publish.send(MULTI, usage(alice));
    await gateway.worker.start();
    expect(await until(() => charged(db, alice), ({ settlements }) => settlements === 2)).toMatchObject({ settlements: 2 });
    expect(gateway.worker.log()).not.toContain('exists with another');
    expect(gateway.worker.isRunning()).toBe(true);
  });

  test('on a fresh broker the queues are declared as their publishers declare them, so that none of them hears 406', async () => {
    await gateway.worker.kill('SIGTERM');
    for (const queue of CONSUMED_QUEUES) {
      await publish.channel().deleteQueue(queue);
      await publish.channel().deleteQueue(deadLetterQueue(queue));
    }
    await publish.channel().deleteExchange('dlx_exchange');
    await gateway.worker.start();
    expect(await until(() => gauge('cg_amqp_connected'), (value) => value === 1)).toBe(1);
    for (const queue of CONSUMED_QUEUES) await publish.declare(queue);
    const alice = user();
    await publish.send(MULTI, usage(alice));
    expect(await until(() => charged(db, alice), ({ settlements }) => settlements === 1)).toMatchObject({ settlements: 1 });
  });

  test('telemetry is stored as over HTTP, and what is none is kept with its reason', async () => {
    const alice = user();
    const told = { user_id: alice, feature: 'humanize', words: 210, nested: { model: 'gpt-4' } };
    await publish.send(TELEMETRY_QUEUE, told, { feature: 'nobody' });
    const stored = () => db.raw<{ rows: { payload: string }[] }>('select payload from feature_usage_logs where account_id = ?', [alice])
      .then(({ rows }) => rows);
    expect((await until(stored, (rows) => rows.length === 1)).map(({ payload }) => JSON.parse(payload) as unknown)).toEqual([told]);
    const dead = deadLetterQueue(TELEMETRY_QUEUE);
    expect(await until(() => publish.count(dead), (count) => count === 1)).toBe(1);
    const [letter] = await judgeAmqpDeadLetters(publish.connection, ({ queue }) => (queue === TELEMETRY_QUEUE ? 'discard' : 'keep'));
    expect(letter).toMatchObject({ queue: TELEMETRY_QUEUE, code: 'invalid_request' });
    expect(letter?.reason).toContain('Either user or user_id must be provided');
    expect(await charged(db, alice)).toEqual({ settlements: 0, holds: 0, micros: 0 });
  });
});
