import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { send } from '../support/fake-gateway.js';
import { seriesOf } from '../support/gauges.js';
import { startProcesses, type GatewayProcesses } from '../support/processes.js';
import { freshDatabase, redisUrl, type FreshDatabase } from '../support/servers.js';

/**
 * An API process whose event loop is repeatedly blocked for longer than the deadline of its calls to Redis, under load.
 * Redis is healthy all the time, so no answer may be `unknown`.
 */
const TIMEOUT_MS = 500; // long enough for a Redis on a busy machine
const BLOCKED_MS = 2 * TIMEOUT_MS + 200;
const BLOCKS = 4;
const WIDTH = 64;
const CREDITS = 1_000_000;

let database: FreshDatabase;
let processes: GatewayProcesses;
beforeAll(async () => {
  database = await freshDatabase(migrate);
  processes = await startProcesses({ redisUrl: redisUrl(), databaseUrl: database.databaseUrl }, { REDIS_TIMEOUT_MS: String(TIMEOUT_MS) });
}, 120_000);
afterAll(async () => {
  await processes.stop();
  await database.drop();
});

type Told = { answered: number; notExecuted: number; readonly others: string[] };

test('a blocked loop loses no answer of Redis; refused requests were not executed', async () => {
  const { token, url, api } = processes;
  const [admin, user] = [await token({ sub: 'admin', role: 'admin' }), await token({ sub: 'late' })];
  expect((await send(`${url()}/api/credits/allocate`, 'POST', { token: admin, body: { userId: 'late', credits: CREDITS } })).status)
    .toBe(201);
  const told: Told = { answered: 0, notExecuted: 0, others: [] };
  const ask = async (path: string, body: object): Promise<boolean> => {
    const { status, body: said, text } = await send(`${url()}/api/streaming-sessions/${path}`, 'POST', { token: user, body });
    if (status < 300) told.answered += 1;
    else if (status === 503 && said['outcome'] === 'not_executed') told.notExecuted += 1;
    else told.others.push(`${path} ${status} ${text}`);
    return status < 300;
  };
  let isOver = false;
  const caller = async (_: unknown, index: number): Promise<void> => {
    for (let round = 0; !isOver; round += 1) {
      const sessionId = `late-${index}-${round}`;
      if (await ask('initialize', {
        sessionId, modelId: 'gpt-4', estimatedTokens: 200,
      })) await ask('finalize', { sessionId, actualTokens: 100 });
      else await sleep(20);
    }
  };
  const callers = Promise.all(Array.from({ length: WIDTH }, caller));
  for (let block = 0; block < BLOCKS; block += 1) {
    await sleep(200);
    api.block(BLOCKED_MS);
    await sleep(BLOCKED_MS);
  }
  isOver = true;
  await callers;

  process.stderr.write(`late loop: ${told.answered} answered, ${told.notExecuted} not executed, ${told.others.length} others\n`);
  expect(told.others).toEqual([]);
  expect(told.answered).toBeGreaterThan(WIDTH);
  const series = seriesOf(await (await fetch(`${api.operationsUrl()}/metrics`)).text());
  const unknown = series.get('cg_outcomes_unknown_total{operation="script"}');
  expect(unknown ?? 0).toBe(0);
}, 120_000);
