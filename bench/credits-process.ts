import { connect } from 'amqplib';
import { randomBytes, randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { seedFeatures } from '../src/credits/features/seed-features.js';
import { closeChannel } from '../src/edge/queues/close-channel.js';
import { queueArguments, SETTLEMENT_QUEUES } from '../src/edge/queues/queues.js';
import { DEMO_SEED, toEndpoint, toPackage } from '../src/edge/v1/feature-fields.js';
import { apiProfile, connectPostgres } from '../src/stores/postgres/connect.js';
import { migrate } from '../src/stores/postgres/migrate.js';
import { inParallel } from '../test/support/parallel.js';
import { openRabbit } from '../test/support/rabbitmq.js';
import { throwawayPostgres, throwawayRedis } from '../test/support/servers.js';
import { startGatewayProcess } from './processes.js';
import { median } from './statistics.js';

/**
 * `npm run bench:credits-process`: settlements per second from a full RabbitMQ queue, and the same settlements over HTTP,
 * in turns. All processes share this machine's cores, so the ratio means more than the numbers. Exits with code 1 unless
 * Postgres has every usage exactly once.
 */
const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '3000' }, rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '32' }, accounts: { type: 'string', default: '64' },
    prefetch: { type: 'string', default: '100' },
    // yes: every usage has a hold from its start, as in the guide; no: it has none, which costs two more scripts.
    starts: { type: 'string', default: 'yes' },
  },
});
const [messages, rounds, connections, accountCount] = [
  values.messages, values.rounds, values.connections, values.accounts,
].map(Number) as [number, number, number, number];
const [QUEUE] = SETTLEMENT_QUEUES;
const KEY = randomBytes(24).toString('hex');
const DRAIN_TIMEOUT_MS = 60_000;

process.setMaxListeners(50); // each worker of a round adds an exit listener to this process
const rabbit = await openRabbit();
if (typeof rabbit === 'string') process.exit(1);
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
const connection = await connect(rabbit.url);
const channel = await connection.createConfirmChannel();
const accounts = Array.from({ length: accountCount }, () => randomBytes(12).toString('hex'));
const post = async (path: string, body: object): Promise<Readonly<Record<string, unknown>>> => {
  const response = await fetch(`http://127.0.0.1:${api.port}/api/${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-server-api-key': KEY }, body: JSON.stringify(body),
  });
  const answer = await response.json() as { readonly data: Readonly<Record<string, unknown>> };
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer.data;
};
for (const account of accounts) await post('user-wallets/give-bonus-credits', { user_id: account, credits: 100_000_000 });

type Usage = {
  readonly user_id: string;
  readonly usage_key: string;
  readonly feature_endpoint_id: string;
  readonly usages: readonly object[];
};
/** Usages whose processes were started before the measurement. */
async function makeUsages(): Promise<Usage[]> {
  const made: Usage[] = [];
  await inParallel(connections, Array.from({ length: messages }, (_, index) => async () => {
    const user_id = accounts[index % accounts.length] ?? '';
    const key = values.starts === 'yes'
      ? (await post('credits-process/start', { user_id, feature_endpoint_id: 'ai_chat_v1' }))['usage_key'] as string
      : randomUUID();
    made.push({
      user_id, usage_key: key, feature_endpoint_id: 'ai_chat_v1',
      usages: [{ ai_model: 'gpt-4', input_tokens: 100, output_tokens: 460 }],
    });
  }));
  return made;
}

let expected = 0;
const settled = async (): Promise<number> =>
  (await db.raw<{ rows: { count: number }[] }>(`select count(*) from entries where kind in ('settle', 'late_settle')`)).rows[0]?.count ?? 0;
async function drained(): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  while (await settled() < expected && performance.now() < deadline) await new Promise((resolve) => { setTimeout(resolve, 50); });
}

await channel.assertExchange('dlx_exchange', 'direct', { durable: true });
await channel.assertQueue(QUEUE, { durable: true, arguments: queueArguments(QUEUE) });
await channel.assertQueue(`${QUEUE}_dlq`, { durable: true });
const byQueue: number[] = [];
const byHttp: number[] = [];
for (let round = -1; round < rounds; round += 1) {
  for (const body of await makeUsages()) channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify(body)), { persistent: true });
  await channel.waitForConfirms();
  // The queue is full before the worker reads it, so only reading is measured. The first acknowledgement marks its start.
  const worker = await startGatewayProcess('worker', { ...environment, RABBITMQ_URL: rabbit.url, RABBITMQ_PREFETCH: values.prefetch });
  const queueMs = await timeOf(async () => {
    while ((await channel.checkQueue(QUEUE)).messageCount > 0) await new Promise((resolve) => { setTimeout(resolve, 5); });
  });
  expected += messages;
  await drained();

  const bodies = await makeUsages();
  const httpMs = await timeOf(() => inParallel(connections, bodies.map((body) => () => post('credits-process/end-multimodel', body))));
  expected += messages;
  await drained();
  await worker.stop();
  if (round >= 0) {
    byQueue.push(messages / queueMs * 1_000);
    byHttp.push(messages / httpMs * 1_000);
  }
  process.stderr.write(round < 0 ? 'warming up ...\n' : `round ${round + 1} of ${rounds}\n`);
}

const total = await settled();
const dead = (await channel.checkQueue(`${QUEUE}_dlq`)).messageCount;
const line = (name: string, perSecond: readonly number[]): string =>
  `${name.padEnd(34)}${median(perSecond).toFixed(0).padStart(8)}  (${perSecond.map((each) => each.toFixed(0)).join(', ')})`;
process.stdout.write([
  '',
  `${rounds} rounds of ${messages} settlements, ${values.starts === 'yes' ? 'each with the hold of its start' : 'without a start'}; `
    + `${accountCount} accounts, prefetch ${values.prefetch}, ${connections} HTTP connections; `
    + `Node ${process.version}, ${availableParallelism()} cores for everything`,
  '',
  line('queue, settled messages a second', byQueue), line('HTTP, answers a second', byHttp),
  `queue to HTTP: ${(median(byQueue) / median(byHttp)).toFixed(2)}`,
  `${expected} usages, ${total} settlements in Postgres, `
    + `${dead} dead letters: ${total === expected && dead === 0 ? 'each charged exactly once' : 'WRONG'}`, '',
].join('\n'));
process.exitCode = total === expected && dead === 0 ? 0 : 1;

await closeChannel(channel);
await connection.close();
await db.destroy();
await api.stop();
await redis.discard();
await postgres.discard();
await rabbit.discard();

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
