import { connect, type ConfirmChannel } from 'amqplib';
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { seedFeatures } from '../../src/credits/features/seed-features.js';
import { closeChannel } from '../../src/edge/queues/close-channel.js';
import { queueArguments, SETTLEMENT_QUEUES } from '../../src/edge/queues/queues.js';
import { DEMO_SEED, toEndpoint, toPackage } from '../../src/edge/v1/feature-fields.js';
import { apiProfile, connectPostgres, type Db } from '../../src/stores/postgres/connect.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { openRabbit, type TestRabbit } from '../../test/support/rabbitmq.js';
import { throwawayPostgres, throwawayRedis } from '../../test/support/servers.js';
import { drained } from '../acknowledged.js';
import type { LoadGenerator } from '../load/burst.js';
import { openLoad } from '../load/open-load.js';
import type { Figure, Part, PartOptions, PartResult } from '../part.js';
import { startGatewayProcess, type GatewayProcess } from '../processes.js';
import { median } from '../statistics.js';
import { inTurns } from './script-server.js';

/**
 * Settlements from a full RabbitMQ queue, compared with the same settlements over HTTP, in turns. Each has the hold of its start,
 * which is not measured. Both are timed by their entries, from the first decision of Redis to the last: the queue is empty before its
 * last messages are settled, and the worker reads before it says that it is ready.
 */
export const queue: Part = {
  name: 'queue',
  about: 'settlements from a RabbitMQ queue, compared with HTTP (P12)',
  isQuick: false,
  run: async ({ quick, say }) => {
    const rabbit = await openRabbit();
    if (typeof rabbit === 'string') {
      return { figures: [figure([], `there is no RabbitMQ here: ${rabbit}`)], tables: [], problems: [] };
    }
    const redis = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
    const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
    await migrate(postgres.ownerUrl, () => undefined);
    const db = connectPostgres(postgres.url, apiProfile(30_000));
    await seedFeatures(db, {
      endpoints: DEMO_SEED.endpoints.map(toEndpoint),
      packages: DEMO_SEED.packages.map((each) => toPackage({ ...each, features: [...each.features] })),
    });
    const environment = {
      REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: randomBytes(32).toString('hex'), SERVER_API_KEYS: KEY,
      LOG_LEVEL: 'info',
    };
    const api = await startGatewayProcess('api', environment);
    const load = await openLoad(say);
    const connection = await connect(rabbit.url);
    const channel = await connection.createConfirmChannel();
    try {
      return await compare({ rabbit, db, api, load, channel, environment }, quick ? QUICK : FULL, say);
    } finally {
      await closeChannel(channel);
      await connection.close();
      await db.destroy();
      await Promise.all([load.stop(), api.stop()]);
      await redis.discard();
      await postgres.discard();
      await rabbit.discard();
    }
  },
};

type Size = { readonly rounds: number; readonly messages: number };
const FULL: Size = { rounds: 5, messages: 2_000 };
const QUICK: Size = { rounds: 1, messages: 200 };
const ACCOUNTS = 64;
const CONNECTIONS = 32;
const PREFETCH = '100';
const [QUEUE] = SETTLEMENT_QUEUES;
const KEY = randomBytes(24).toString('hex');

type Bench = {
  readonly rabbit: TestRabbit; readonly db: Db; readonly api: GatewayProcess; readonly load: LoadGenerator;
  readonly channel: ConfirmChannel; readonly environment: Readonly<Record<string, string>>;
};
type Usage = {
  readonly user_id: string; readonly usage_key: string; readonly feature_endpoint_id: string; readonly usages: readonly object[];
};

async function compare(bench: Bench, { rounds, messages }: Size, say: PartOptions['say']): Promise<PartResult> {
  const { channel, rabbit, environment } = bench;
  const accounts = Array.from({ length: ACCOUNTS }, () => randomBytes(12).toString('hex'));
  for (const account of accounts) await post(bench, 'user-wallets/give-bonus-credits', { user_id: account, credits: 100_000_000 });
  await channel.assertExchange('dlx_exchange', 'direct', { durable: true });
  await channel.assertQueue(QUEUE, { durable: true, arguments: queueArguments(QUEUE) });
  await channel.assertQueue(`${QUEUE}_dlq`, { durable: true });
  const perSecond = { queue: [] as number[], http: [] as number[] };
  let [settlements, entries, busy] = [0, ACCOUNTS, 0]; // each account has the entry of its credits
  const settled = async (startedAt: Date): Promise<number> => {
    settlements += messages;
    entries += 2 * messages; // with their holds
    await drained(bench.db, entries);
    return speedSince(bench.db, startedAt);
  };
  for (let round = -1; round < rounds; round += 1) {
    say(round < 0 ? 'warming up ...' : `round ${round + 1} of ${rounds}`);
    for (const body of await startUsages(bench, accounts, messages)) {
      channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify(body)), { persistent: true });
    }
    await channel.waitForConfirms();
    const queueAt = new Date();
    // The queue is full before the worker reads it, so only reading is measured.
    const worker = await startGatewayProcess('worker', { ...environment, RABBITMQ_URL: rabbit.url, RABBITMQ_PREFETCH: PREFETCH });
    const fromQueue = await settled(queueAt);

    const bodies = await startUsages(bench, accounts, messages);
    const httpAt = new Date();
    const refused = await settleByHttp(bench, bodies);
    const byHttp = await settled(httpAt);
    await worker.stop();
    busy += refused > 0 ? 1 : 0;
    if (round < 0 || refused > 0) continue;
    perSecond.queue.push(fromQueue);
    perSecond.http.push(byHttp);
  }
  const dead = (await channel.checkQueue(`${QUEUE}_dlq`)).messageCount;
  const { count } = await settlementsSince(bench.db, new Date(0));
  return {
    figures: [figure(
      perSecond.queue.map((each, round) => each / (perSecond.http[round] ?? NaN)), 'the gateway refused something in each round')],
    tables: [{
      title: `${messages} settlements: medians; prefetch ${PREFETCH}, ${CONNECTIONS} HTTP connections`, columns: ['', 'per s'],
      rows: [['queue', median(perSecond.queue).toFixed(0)], ['HTTP', median(perSecond.http).toFixed(0)]],
    }],
    notes: busy === 0 ? [] : [`${busy} rounds do not count, because the gateway refused something while it was busy`],
    problems: count === settlements && dead === 0 ? [] : [`${settlements} usages, ${count} settlements in Postgres, ${dead} dead letters`],
  };
}

const figure = (values: readonly number[], unmeasured: string): Figure => ({
  id: 'P12', name: 'settlements per second from a queue ÷ by single calls', target: { atLeast: 3 }, values, unmeasured,
  limitedBy: 'one script and one acknowledgement per message, in one worker that also drains',
});

/** Settles each usage once, and returns how many were refused at first, because the gateway was busy. */
async function settleByHttp(bench: Bench, bodies: readonly Usage[]): Promise<number> {
  const { answers } = await bench.load.run({
    port: bench.api.port, connections: CONNECTIONS,
    requests: bodies.map((body) => ({ path: '/api/credits-process/end-multimodel', serverKey: KEY, body: JSON.stringify(body) })),
  });
  const other = answers.find(({ status }) => status !== 200 && status !== BUSY);
  if (other !== undefined) throw new Error(`a settlement was answered ${other.status}: ${other.body}`);
  const refused = answers.filter(({ status }) => status === BUSY).length;
  // Which ones is not told by a refusal. Settling one again has no effect.
  if (refused > 0) await inTurns(bodies, CONNECTIONS, (body) => post(bench, 'credits-process/end-multimodel', body));
  return refused;
}

async function post(bench: Bench, path: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`http://127.0.0.1:${bench.api.port}/api/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-server-api-key': KEY }, body: JSON.stringify(body),
  });
  const answer = await response.json() as { readonly data: Readonly<Record<string, unknown>> };
  if (response.status === BUSY) {
    await setTimeout(RETRY_AFTER_MS);
    return post(bench, path, body);
  }
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer.data;
}

const BUSY = 503;
const RETRY_AFTER_MS = 1_000;

/** Usages whose processes were started before the measurement. */
async function startUsages(bench: Bench, accounts: readonly string[], count: number): Promise<Usage[]> {
  const made: Usage[] = [];
  await inTurns(Array.from({ length: count }, (_, index) => accounts[index % accounts.length] ?? ''), CONNECTIONS, async (user_id) => {
    const started = await post(bench, 'credits-process/start', { user_id, feature_endpoint_id: 'ai_chat_v1' });
    made.push({
      user_id, usage_key: String(started['usage_key']), feature_endpoint_id: 'ai_chat_v1',
      usages: [{ ai_model: 'gpt-4', input_tokens: 100, output_tokens: 460 }],
    });
  });
  return made;
}

/** How many settlements Redis decided per second, of those since then. */
async function speedSince(db: Db, since: Date): Promise<number> {
  const { count, seconds } = await settlementsSince(db, since);
  return (count - 1) / seconds;
}

async function settlementsSince(db: Db, since: Date): Promise<{ readonly count: number; readonly seconds: number }> {
  const { rows: [row] } = await db.raw<{ rows: { readonly count: string; readonly seconds: string }[] }>(`
    select count(*)::text as count, coalesce(extract(epoch from max(at) - min(at)), 0)::text as seconds
    from entries where kind in ('settle', 'late_settle') and at >= ?`, [since]);
  return { count: Number(row?.count), seconds: Number(row?.seconds) };
}
