import { connect, type ChannelModel, type ConfirmChannel, type GetMessage } from 'amqplib';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { seedFeatures } from '../../../src/credits/features/seed-features.js';
import { closeChannel } from '../../../src/edge/queues/close-channel.js';
import { deadLetterQueue, SETTLEMENT_QUEUES, TELEMETRY_QUEUE, type ConsumedQueue } from '../../../src/edge/queues/queues.js';
import { DEMO_SEED, toEndpoint, toPackage } from '../../../src/edge/v1/feature-fields.js';
import { connectPostgres, apiProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { patience } from '../../support/volume.js';

export const [MULTI, SINGLE] = SETTLEMENT_QUEUES;
/** What their publishers say of the queues, by hand: a broker refuses a publisher that says anything else (406). */
const DECLARED: Readonly<Record<ConsumedQueue, Readonly<Record<string, string | number>>>> = {
  [MULTI]: { 'x-dead-letter-exchange': 'dlx_exchange', 'x-dead-letter-routing-key': `${MULTI}_dlq` },
  [SINGLE]: { 'x-dead-letter-exchange': 'dlx_exchange', 'x-dead-letter-routing-key': `${SINGLE}_dlq`, 'x-max-priority': 10 },
  [TELEMETRY_QUEUE]: {
    'x-dead-letter-exchange': 'dlx_exchange', 'x-dead-letter-routing-key': `${TELEMETRY_QUEUE}_dlq`, 'x-max-priority': 10,
  },
};
export const WAIT_MS = patience(120_000);

export type Publisher = {
  readonly channel: () => ConfirmChannel;
  readonly connection: ChannelModel;
  /** Declares a queue as its publishers do. */
  readonly declare: (queue: ConsumedQueue) => Promise<void>;
  readonly send: (queue: ConsumedQueue, ...bodies: readonly unknown[]) => Promise<void>;
  /** Messages that wait in a queue. Rejects when there is no such queue, and leaves the channel of the publisher open. */
  readonly count: (queue: string) => Promise<number>;
  readonly get: (queue: string) => Promise<GetMessage | false>;
  readonly close: () => Promise<void>;
};

/** A client of the queues, as the guide has them. */
export async function publisher(url: string): Promise<Publisher> {
  const connection: ChannelModel = await connect(url);
  connection.on('error', () => undefined); // the broker may be restarted under it
  const channel = await connection.createConfirmChannel();
  return {
    channel: () => channel,
    connection,
    declare: async (queue) => {
      await channel.assertExchange('dlx_exchange', 'direct', { durable: true });
      await channel.assertQueue(deadLetterQueue(queue), { durable: true });
      await channel.bindQueue(deadLetterQueue(queue), 'dlx_exchange', deadLetterQueue(queue));
      await channel.assertQueue(queue, { durable: true, arguments: DECLARED[queue] });
    },
    send: async (queue, ...bodies) => {
      for (const body of bodies) {
        channel.sendToQueue(queue, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), { persistent: true });
      }
      await channel.waitForConfirms();
    },
    count: async (queue) => {
      // A broker closes the channel that asks for a queue that is not there.
      const asking = await connection.createChannel();
      asking.on('error', () => undefined);
      const { messageCount } = await asking.checkQueue(queue);
      await closeChannel(asking);
      return messageCount;
    },
    get: (queue) => channel.get(queue, { noAck: true }),
    close: async () => {
      await closeChannel(channel).catch(() => undefined); // the broker may be gone
      await connection.close().catch(() => undefined);
    },
  };
}

export const user = (): string => randomBytes(12).toString('hex');

/** A usage of 115 credits by default. */
export const usage = (userId: string, more: object = {}) =>
  ({
    user_id: userId, usage_key: randomUUID(), feature_endpoint_id: 'ai_chat_v1',
    usages: [{ ai_model: 'gpt-4', input_tokens: 0, output_tokens: 460 }], ...more,
  });

export async function seeded(databaseUrl: string): Promise<Db> {
  const db = connectPostgres(databaseUrl, apiProfile(10_000));
  await seedFeatures(db, {
    endpoints: DEMO_SEED.endpoints.map(toEndpoint),
    packages: DEMO_SEED.packages.map((each) => toPackage({ ...each, features: [...each.features] })),
  });
  return db;
}

export type Charged = { readonly settlements: number; readonly holds: number; readonly micros: number };

/** What the ledger says about these users: how often something was settled, of how many names, and for how much. */
export async function charged(db: Db, ...users: readonly string[]): Promise<Charged> {
  const { rows } = await db.raw<{ rows: Charged[] }>(
    `select count(*) as settlements, count(distinct (account_id, hold_id)) as holds, coalesce(sum(captured), 0)::bigint as micros
       from entries where kind in ('settle', 'late_settle') and account_id = any(?::text[])`,
    [[...users]],
  );
  return rows[0] ?? { settlements: 0, holds: 0, micros: 0 };
}

/** Waits until it is true. Answers the last value, so that a test says what it was when time ran out. */
export async function until<T>(read: () => Promise<T>, isDone: (value: T) => boolean, timeoutMs = WAIT_MS): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (isDone(value) || performance.now() > deadline) return value;
    await sleep(50);
  }
}
