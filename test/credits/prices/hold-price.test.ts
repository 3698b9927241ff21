import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DEFAULT_UNKNOWN_MODEL } from '../../../src/config/unknown-model.js';
import { priceBooks, type PriceBooks } from '../../../src/credits/prices/price-books.js';
import { setPrice, type SetPrice } from '../../../src/credits/prices/set-price.js';
import { costOfTokens } from '../../../src/credits/prices/token-book.js';
import { toCredits } from '../../../src/kit/money/credits.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';

/** A gateway, and another process that changes its prices. */
let gateway: Awaited<ReturnType<typeof startGateway>>;
let db: Db;
let books: PriceBooks;
let admin: string;
let offsetMs = 0;
const clock = (): number => Date.now() + offsetMs;
beforeAll(async () => {
  gateway = await startGateway();
  db = connectPostgres(gateway.databaseUrl, apiProfile(5_000));
  books = await priceBooks({ db, clock, unknownModel: DEFAULT_UNKNOWN_MODEL, onError: () => undefined });
  admin = await gateway.token({ sub: 'price-admin', role: 'admin' });
});
afterAll(async () => {
  await books.close();
  await db.destroy();
  await gateway.stop();
});

async function streamer(): Promise<(path: string, body: object) => Promise<Answer>> {
  const sub = `p-${randomUUID()}`;
  const token = await gateway.token({ sub, role: 'enduser' });
  expect((await send(`${gateway.url}/api/credits/allocate`, 'POST', { token: admin, body: { userId: sub, credits: 1_000 } })).status)
    .toBe(201);
  return (path, body) => send(`${gateway.url}/api/${path}`, 'POST', { token, body });
}

const price = (model: string, perThousand: string, more: Partial<SetPrice> = {}) =>
  setPrice({ books, clock }, { book: 'tokens', model, prices: { input: perThousand, output: perThousand }, actor: 'tester', ...more });

/** What the gateway says that 10 000 tokens cost, asked until it says so. */
async function untilItCosts(call: Awaited<ReturnType<typeof streamer>>, modelId: string, credits: number): Promise<number> {
  const started = performance.now();
  for (;;) {
    const { body } = await call('credits/calculate', { modelId, tokens: 10_000 });
    if (body['credits'] === credits) return performance.now() - started;
    if (performance.now() - started > 5_000) throw new Error(`still ${String(body['credits'])}`);
  }
}

test('a price that changes between hold and settle: the hold is charged at its own', async () => {
  const call = await streamer();
  await price('swift', '1');
  await untilItCosts(call, 'swift', 10);
  await call('streaming-sessions/initialize', { sessionId: 'old', modelId: 'swift', estimatedTokens: 10_000 });
  await price('swift', '2');
  expect(await untilItCosts(call, 'swift', 20)).toBeLessThan(1_000);
  await call('streaming-sessions/initialize', { sessionId: 'new', modelId: 'swift', estimatedTokens: 10_000 });
  expect((await call('streaming-sessions/finalize', { sessionId: 'old', actualTokens: 10_000 })).body).toMatchObject({
    actualCredits: 10, refund: 2,
  });
  expect((await call('streaming-sessions/finalize', { sessionId: 'new', actualTokens: 10_000 })).body).toMatchObject({
    actualCredits: 20, refund: 4,
  });
});

test('a model that gets a price, and loses the default, between hold and settle', async () => {
  const call = await streamer();
  await call('streaming-sessions/initialize', { sessionId: 's', modelId: 'unheard-of', estimatedTokens: 10_000 });
  await price('unheard-of', '9');
  await untilItCosts(call, 'unheard-of', 90);
  expect((await call('streaming-sessions/finalize', { sessionId: 's', actualTokens: 10_000 })).body).toMatchObject({ actualCredits: 4 });
});

test('a hold names the version it was placed with, and so does the entry of its charge', async () => {
  const call = await streamer();
  await price('named', '1');
  await untilItCosts(call, 'named', 10);
  const { version } = (await price('named', '1')).price;
  const sessionId = randomUUID();
  await call('streaming-sessions/initialize', { sessionId, modelId: 'named', estimatedTokens: 10_000 });
  await call('streaming-sessions/finalize', { sessionId, actualTokens: 10_000 });
  const started = performance.now();
  const prices = async (): Promise<string[]> => (await db.raw<{
    rows: { price: string }[];
  }>('select price from entries where hold_id = ? order by seq', [sessionId])).rows.map((row) => row.price);
  while ((await prices()).length < 2 && performance.now() - started < 10_000) await new Promise((resolve) => { setTimeout(resolve, 20); });
  expect(await prices()).toEqual([`tokens/${version}/named`, `tokens/${version}/named`]);
  expect(toCredits(costOfTokens(books.tokens.named(`tokens/${version}/named`), 10_000))).toBe(10);
});

test('a price in the future holds from its moment on', async () => {
  const call = await streamer();
  await price('tomorrow', '1');
  await price('tomorrow', '3', { effectiveFromMs: clock() + 86_400_000 });
  await untilItCosts(call, 'tomorrow', 10);
  gateway.advance(86_400_001);
  offsetMs += 86_400_001;
  await untilItCosts(call, 'tomorrow', 30);
});

test('an inactive model is a bad request, not a free one', async () => {
  const call = await streamer();
  await price('retired', '1');
  await price('retired', '1', { state: 'inactive' });
  await books.refresh();
  const started = performance.now();
  let status = 0;
  while (status !== 400 && performance.now() - started < 5_000) {
    ({ status } = await call('credits/calculate', { modelId: 'retired', tokens: 1 }));
  }
  expect(status).toBe(400);
  expect((await call('streaming-sessions/initialize', { sessionId: 's', modelId: 'retired', estimatedTokens: 1 })).status).toBe(400);
});
