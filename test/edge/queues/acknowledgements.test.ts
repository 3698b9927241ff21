import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { connect, type ChannelModel, type Options } from 'amqplib';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { judgeAmqpDeadLetters, type Judge } from '../../../src/edge/queues/dead-letters.js';
import type { Handled } from '../../../src/edge/queues/handle-settlement.js';
import { deadLetterQueue, HEADERS, SETTLEMENT_QUEUES } from '../../../src/edge/queues/queues.js';
import { openSession } from '../../../src/edge/queues/settlement-session.js';
import type { Db } from '../../../src/stores/postgres/connect.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { PATIENCE } from '../../support/gateway.js';
import { seriesOf } from '../../support/gauges.js';
import { startProcesses } from '../../support/processes.js';
import { openRabbit } from '../../support/rabbitmq.js';
import { freshDatabase, redisUrl, type FreshDatabase } from '../../support/servers.js';
import { charged, MULTI, publisher, seeded, SINGLE, until, usage, user, type Publisher } from './lab.js';

/** What was said to a real broker has reached it when we hang up; what did not reach it changes no charge. */
const rabbit = await openRabbit();
const COST = 115_000_000;
const DEAD = deadLetterQueue(MULTI);

(typeof rabbit === 'string'
  ? describe.skip
  : describe)(`acknowledgements${typeof rabbit === 'string' ? ` (SKIPPED: ${rabbit})` : ''}`, () => {
  if (typeof rabbit === 'string') return;
  let database: FreshDatabase;
  let db: Db;
  let publish: Publisher;
  beforeAll(async () => {
    database = await freshDatabase(migrate);
    db = await seeded(database.databaseUrl);
    publish = await publisher(rabbit.url);
    for (const queue of SETTLEMENT_QUEUES) await publish.declare(queue);
  }, 120_000);
  afterAll(async () => {
    await publish.close();
    await db.destroy();
    await database.drop();
    await rabbit.discard();
  }, 60_000);
  beforeEach(async () => {
    for (const queue of SETTLEMENT_QUEUES) for (const name of [queue, deadLetterQueue(queue)]) await publish.channel().purgeQueue(name);
  });

  const lay = async (queue: string, body: object, options: Options.Publish = {}): Promise<void> => {
    publish.channel().sendToQueue(queue, Buffer.from(JSON.stringify(body)), { persistent: true, ...options });
    await publish.channel().waitForConfirms();
  };
  /** As an operator runs it: a process of its own, which ends. */
  const command = async (...args: readonly string[]): Promise<string> => {
    const {
      stdout,
    } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../../src/cli/main.js'), 'dead-letters', ...args], {
      env: { PATH: process.env['PATH'], RABBITMQ_URL: rabbit.url, JWT_ACCESS_SECRET: 'x'.repeat(32) },
    });
    return stdout.trim();
  };

  test.each([1, 3])('dead letters, %i of them: listed they stay, discarded they are gone, the last one too', async (count) => {
    // Of the queue that is looked at last: nothing else is sent after its acknowledgements.
    const dead = deadLetterQueue(SINGLE);
    for (let index = 0; index < count; index += 1) await lay(dead, usage(user()));
    expect((await command('list')).split('\n\n')).toHaveLength(count);
    expect(await publish.count(dead)).toBe(count);
    expect(await command('discard', '--all')).toBe(`${count} of ${count} dead letters: discarded`);
    expect(await command('list')).toBe('no dead letters');
    expect(await publish.count(dead)).toBe(0);
  }, 60_000);

  test('dead letters in both queues: replayed they are gone, and each is back in its queue once', async () => {
    for (const queue of SETTLEMENT_QUEUES) await lay(deadLetterQueue(queue), usage(user()));
    expect(await command('replay', '--all')).toBe('2 of 2 dead letters: replayed');
    expect(await command('replay', '--all')).toBe('0 of 0 dead letters: replayed');
    expect([
      await publish.count(MULTI), await publish.count(SINGLE), await publish.count(DEAD),
      await publish.count(deadLetterQueue(SINGLE)),
    ]).toEqual([1, 1, 0, 0]);
  }, 60_000);

  const session = (handle: () => Promise<Handled>) => openSession({
    url: rabbit.url, db, handlers: { [MULTI]: handle, [SINGLE]: handle, feature_usage_queue: handle }, prefetch: 50,
    observe: () => undefined, onProblem: () => undefined, onError: (error) => { throw error; },
  });

  test('a session that closes while messages are under way has acknowledged those it settled', async () => {
    let settle = (): void => undefined;
    const settled = new Promise<Handled>((resolve) => { settle = () => { resolve({ kind: 'settled', replayed: false }); }; });
    const open = await session(() => settled);
    await publish.send(MULTI, ...Array.from({ length: 20 }, () => usage(user())));
    await publish.send(SINGLE, usage(user()));
    expect(await until(() => Promise.resolve(open.inFlight()), (count) => count === 21)).toBe(21);
    const closed = open.close();
    // It takes no more: what is left to do is to settle these and to hang up.
    expect(await until(async () => (await publish.channel().checkQueue(SINGLE)).consumerCount, (count) => count === 0)).toBe(0);
    expect(await until(async () => (await publish.channel().checkQueue(MULTI)).consumerCount, (count) => count === 0)).toBe(0);
    settle();
    await closed;
    expect([await publish.count(MULTI), await publish.count(SINGLE)]).toEqual([0, 0]);
  }, 60_000);

  test('what is refused is put aside with a name, whether it needed one before or not', async () => {
    const open = await session(() => Promise.resolve({ kind: 'refused', code: 'invalid_request', reason: 'a test' }));
    await publish.send(MULTI, { ...usage(user()), usage_key: undefined });
    expect(await until(() => publish.count(DEAD), (count) => count === 1)).toBe(1);
    const letter = await publish.get(DEAD);
    expect(letter === false ? null : letter.properties.headers).toMatchObject({
      [HEADERS.unnamed]: expect.any(String) as unknown, [HEADERS.code]: 'invalid_request',
    });
    await open.close();
    expect(await until(async () =>
      (await db.raw<{ rows: unknown[] }>('select from unnamed_deliveries')).rows.length, (count) => count === 0)).toBe(0);
  }, 60_000);

  /** A connection that breaks where an acknowledgement would be sent: the copy is there, and the letter, too. */
  const replayKilledBeforeAck = async (): Promise<void> => {
    const connection = await connect(rabbit.url);
    connection.on('error', () => undefined);
    const openChannel = connection.createConfirmChannel.bind(connection);
    connection.createConfirmChannel = async () => {
      const channel = await openChannel();
      channel.ack = () => {
        (connection as ChannelModel & {
          readonly connection: { readonly stream: { destroy(error: Error): void } };
        }).connection.stream.destroy(new Error('killed'));
        throw new Error('killed');
      };
      return channel;
    };
    await expect(judgeAmqpDeadLetters(connection, () => 'replay')).rejects.toThrow('killed');
  };

  test('a replay that is killed between the copy and the acknowledgement is charged once', async () => {
    const [byKey, byId, ours, byBroker] = [user(), user(), user(), user()];
    const unnamed = (userId: string) => ({ ...usage(userId), usage_key: undefined });
    const letters: readonly (() => Promise<void>)[] = [
      () => lay(DEAD, usage(byKey)),
      () => lay(DEAD, unnamed(byId), { messageId: 'order-1' }),
      () => lay(DEAD, unnamed(ours), { headers: { 'x-credits-publish': 'one of an earlier version, without a name' } }),
      // Put aside by the broker, for another consumer: two equal ones, which are two usages.
      async () => {
        const channel = publish.channel();
        await channel.assertQueue('elsewhere', {
          arguments: { 'x-dead-letter-exchange': 'dlx_exchange', 'x-dead-letter-routing-key': DEAD },
        });
        await lay('elsewhere', unnamed(byBroker));
        await lay('elsewhere', unnamed(byBroker));
        for (let index = 0; index < 2; index += 1) {
          const message = await channel.get('elsewhere');
          if (message !== false) channel.nack(message, false, false);
        }
        await channel.deleteQueue('elsewhere');
      },
    ];
    const gateway = await startProcesses({ redisUrl: redisUrl(), databaseUrl: database.databaseUrl }, {
      RABBITMQ_URL: rabbit.url, ...PATIENCE,
    });
    try {
      for (const [index, put] of letters.entries()) {
        await put();
        const count = index === 3 ? 2 : 1;
        expect(await until(() => publish.count(DEAD), (found) => found === count)).toBe(count);
        for (let time = 0; time < 3; time += 1) {
          await replayKilledBeforeAck();
          // The broker notices that the connection is gone, and has the letter again.
          expect(await until(() => publish.count(DEAD), (found) => found === count)).toBe(count);
        }
        const replayAll: Judge = () => 'replay';
        await judgeAmqpDeadLetters(publish.connection, replayAll);
      }
      const gauge = async (name: string) => seriesOf(await (await fetch(`${gateway.worker.operationsUrl()}/metrics`)).text()).get(name);
      expect(await until(async () => [
        await publish.count(MULTI), await gauge('cg_amqp_in_flight'),
      ], ([left, underWay]) => left === 0 && underWay === 0)).toEqual([0, 0]);
      // One more of each: when they are in Postgres, so is all that came before them.
      for (const userId of [byKey, byId, ours, byBroker]) await publish.send(MULTI, usage(userId));
      const expected = [2, 2, 2, 3].map((times) => ({ settlements: times, holds: times, micros: times * COST }));
      const each = () => Promise.all([byKey, byId, ours, byBroker].map((userId) => charged(db, userId)));
      expect(await until(each, (found) => found.every(({ settlements }, index) => settlements >= (expected[index]?.settlements ?? 0))))
        .toEqual(expected);
      expect(await publish.count(DEAD)).toBe(0);
    } finally {
      await gateway.stop();
    }
  }, 180_000);
});
