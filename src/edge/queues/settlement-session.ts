import { randomUUID } from 'node:crypto';
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import type { Db } from '../../stores/postgres/connect.js';
import { closeChannel } from './close-channel.js';
import { readPayload, type Handled, type HandleMessage } from './handle-settlement.js';
import { headersOf, originalOf, publisher, type Publish } from './publish.js';
import {
  ATTEMPTS_MAX, deadLetterQueue, delayAfter, HEADERS, RETRY_DELAYS_MS, retryQueue, CONSUMED_QUEUES, type ConsumedQueue,
} from './queues.js';
import { countMessages, declareQueue, type TopologyProblem } from './topology.js';
import { contentHash, unnamedDeliveries, type UnnamedDeliveries } from './unnamed-deliveries.js';

export type SessionDeps = {
  readonly url: string;
  readonly db: Db;
  readonly handlers: Readonly<Record<ConsumedQueue, HandleMessage>>;
  /** Messages that are under way at a time, per queue. */
  readonly prefetch: number;
  readonly retryDelaysMs?: readonly number[];
  readonly observe: (queue: ConsumedQueue, handled: Handled, seconds: number) => void;
  readonly onProblem: (problem: TopologyProblem) => void;
  /** A message could not be kept or acknowledged: the broker has it still. */
  readonly onError: (error: unknown) => void;
};

/** One connection to the broker, from its opening to its end. */
export type SettlementSession = {
  /** Resolves with the reason when the connection is gone, or a queue was taken away. */
  readonly ended: Promise<string>;
  /** Messages being worked on. */
  readonly inFlight: () => number;
  /** Messages in the dead-letter queues. */
  readonly countDeadLetters: () => Promise<number>;
  /** Takes no more messages, finishes those under way, and hangs up. */
  readonly close: () => Promise<void>;
};

const HEARTBEAT_SECONDS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
/** Beyond it a message under way goes back to the broker. */
const FINISH_TIMEOUT_MS = 8_000;
/** The wait after a failure while the ledger is down: each slot of the prefetch tries one message a second. */
const PAUSE_MS = 1_000;

/** Connects, declares, and consumes the queues. Throws when the broker cannot be reached or hangs up meanwhile. */
export async function openSession(deps: SessionDeps): Promise<SettlementSession> {
  const { connect } = await import('amqplib'); // most gateways have no broker
  const connection = await connect(withHeartbeat(deps.url), { timeout: CONNECT_TIMEOUT_MS });
  let isOver = false;
  let end: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    end = (reason) => {
      isOver = true;
      resolve(reason);
    };
  });
  // What is under way when the connection breaks cannot be acknowledged any more: expected, and redelivered.
  const onError = (error: unknown): void => { if (!isOver) deps.onError(error); };
  connection.on('error', (error: Error) => { end(error.message); });
  connection.on('close', (error?: Error) => { end(error?.message ?? 'the connection was closed'); });
  try {
    const { stop, inFlight, closeChannels } = await consume({ ...deps, onError }, connection, end);
    return {
      ended,
      inFlight,
      countDeadLetters: () => countMessages(connection, CONSUMED_QUEUES.map(deadLetterQueue)),
      close: async () => {
        if (!isOver) await stop().catch(onError);
        await closeChannels();
        await connection.close().catch(() => undefined); // it may be gone already
      },
    };
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw error;
  }
}

/** Silence for two of these means that the broker is gone. A URL that says otherwise has its way. */
function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
  return parsed.href;
}

type Consuming = { readonly inFlight: () => number; readonly stop: () => Promise<void>; readonly closeChannels: () => Promise<void> };

async function consume(deps: SessionDeps, connection: ChannelModel, end: (reason: string) => void): Promise<Consuming> {
  const delaysMs = deps.retryDelaysMs ?? RETRY_DELAYS_MS;
  for (const queue of CONSUMED_QUEUES) for (const problem of await declareQueue(connection, queue, delaysMs)) deps.onProblem(problem);

  const unnamed = unnamedDeliveries(deps.db, randomUUID());
  const underWay = new Set<Promise<void>>();
  const stopping = new AbortController();
  const channels = await Promise.all(CONSUMED_QUEUES.map(async (queue) => {
    // Confirms are for what we publish: a message is acknowledged only when its copy is on the broker's disk.
    const channel = await connection.createConfirmChannel();
    channel.on('error', (error: Error) => { end(`${queue}: ${error.message}`); });
    channel.on('close', () => { end(`${queue}: the channel was closed`); });
    await channel.prefetch(deps.prefetch);
    const work = { ...deps, channel, publish: publisher(channel), queue, delaysMs, unnamed, stopping: stopping.signal };
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (message === null) {
        end(`${queue} was deleted`);
        return;
      }
      const job = take(work, message).catch(deps.onError).finally(() => { underWay.delete(job); });
      underWay.add(job);
    });
    return { channel, consumerTag };
  }));

  return {
    inFlight: () => underWay.size,
    stop: async () => {
      await Promise.all(channels.map(({ channel, consumerTag }) => channel.cancel(consumerTag)));
      stopping.abort();
      await Promise.race([Promise.all(underWay), pause(FINISH_TIMEOUT_MS)]);
    },
    closeChannels: async () => {
      await Promise.all(channels.map(({ channel }) => closeChannel(channel).catch(() => undefined))); // they may be gone already
    },
  };
}

type Work = SessionDeps & {
  readonly channel: ConfirmChannel;
  readonly publish: Publish;
  readonly queue: ConsumedQueue;
  readonly delaysMs: readonly number[];
  readonly unnamed: UnnamedDeliveries;
  readonly stopping: AbortSignal;
};

/** One message, to its end: acknowledged when it is settled, or when its copy is safe elsewhere; otherwise not at all. */
async function take(work: Work, message: ConsumeMessage): Promise<void> {
  const { channel, queue, handlers, observe, unnamed } = work;
  const startedAt = performance.now();
  let name: string | undefined;
  const handled = await handlers[queue](readPayload(message.content), async () => {
    name ??= nameOf(queue, message) ?? await unnamed.name(message.content, message.fields.redelivered);
    return name;
  });
  observe(queue, handled, (performance.now() - startedAt) / 1_000);
  // What was refused before it needed a name may be replayed one day: from two copies it must be charged once. Without
  // Postgres it is put aside as it is.
  if (handled.kind === 'refused') {
    name ??= nameOf(queue, message) ?? await unnamed.name(message.content, message.fields.redelivered).catch(() => undefined);
  }
  if (handled.kind !== 'settled') await keep(work, message, handled, name);
  channel.ack(message);
  if (name === undefined || name === nameOf(queue, message)) return;
  // A broker takes what a channel sends in order: when it answers this, it has the acknowledgement, and the message never
  // comes again. Crossed out any earlier, a message whose acknowledgement is lost with this process would be charged twice.
  await channel.checkQueue(queue);
  await unnamed.done(name);
}

/** A name that the message brings along: the one it got at an earlier attempt, or its publisher's, who is the queue's caller. */
function nameOf(queue: ConsumedQueue, { properties, content }: ConsumeMessage): string | undefined {
  const earlier: unknown = headersOf(properties.headers)[HEADERS.unnamed];
  if (typeof earlier === 'string') return earlier;
  const id: unknown = properties.messageId;
  return typeof id === 'string' && id !== '' ? `amqp ${queue} message ${contentHash(Buffer.from(id))} ${contentHash(content)}` : undefined;
}

/** Moves a message to the queue of its next attempt, or to the dead letters. */
async function keep(
  work: Work, message: ConsumeMessage, handled: Exclude<Handled, { kind: 'settled' }>, name: string | undefined,
): Promise<void> {
  const { publish, queue, delaysMs, stopping } = work;
  const headers = headersOf(message.properties.headers);
  const before = headers[HEADERS.attempts];
  const attempts = (typeof before === 'number' ? before : 0) + 1;
  const isDead = handled.kind === 'refused' || attempts >= ATTEMPTS_MAX;
  if (handled.code === 'ledger_unavailable') await pause(PAUSE_MS, stopping);
  const target = isDead ? deadLetterQueue(queue) : retryQueue(queue, delayAfter(attempts, delaysMs));
  await publish(target, message.content, {
    ...originalOf(message.properties),
    headers: {
      ...headers,
      [HEADERS.attempts]: attempts,
      ...(name === undefined ? {} : { [HEADERS.unnamed]: name }),
      [HEADERS.reason]: handled.reason.slice(0, REASON_LENGTH_MAX),
      [HEADERS.code]: handled.code,
      ...(isDead ? { [HEADERS.deadAt]: new Date().toISOString() } : {}),
    },
  });
}

/** Header tables are bounded by the client library; a reason is for people. */
const REASON_LENGTH_MAX = 1_000;

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms).unref();
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
    if (signal?.aborted === true) resolve();
  });
}
