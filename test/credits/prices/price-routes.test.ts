import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { checkedGateway, type CheckedGateway } from '../../support/checked-fetch.js';
import type { Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';

/** Price books over HTTP. Every answer is held against the document by `checkedGateway`. */
const HOUR_MS = 3_600_000;

let gateway: TestGateway;
let checked: CheckedGateway;
let admin: string;
let alice: string;
let movedMs = 0;
beforeAll(async () => {
  gateway = await startGateway();
  checked = await checkedGateway(gateway.url);
  [admin, alice] = await Promise.all([gateway.token({ sub: 'root', role: 'admin' }), gateway.token({ sub: 'alice', role: 'user' })]);
});
afterAll(async () => { await gateway.stop(); });

type Price = {
  readonly version: number;
  readonly model: string;
  readonly effectiveFrom: string;
  readonly prices: Record<string, string | null>;
} & Record<string, unknown>;
const get = (path: string, token = admin): Promise<Answer> => checked.send('GET', `/v1/prices/${path}`, { token });
const put = (path: string, body: object, token = admin): Promise<Answer> =>
  checked.send('PUT', `/v1/prices/${path}`, { token, body: { reason: 'test', ...body } });
const priceIn = ({ body }: Answer): Price =>
  Object.fromEntries(Object.entries(body).filter(([name]) => name !== 'changed')) as unknown as Price;
const pricesIn = ({ body }: Answer): Price[] => body['data'] as Price[];
const pathsIn = ({ body }: Answer): string[] => (body['errors'] as { path: string }[]).map(({ path }) => path);
const later = (ms: number): string => new Date(Date.now() + movedMs + ms).toISOString();
const acme = (model: string, prices: object = { input: '2.50', output: 10 }): object => ({ provider: 'acme', model, prices });

test('a price is set, shown, and not set twice', async () => {
  const first = await put('native', { ...acme('m-1'), note: 'list of May' });
  expect(first).toMatchObject({ status: 200, body: { changed: true } });
  expect(priceIn(first)).toMatchObject({
    book: 'native', provider: 'acme', model: 'm-1', unit: 1_000_000, rounding: 'micro', marginPercent: '0', moneyPerCredit: null,
    isDefault: false, state: 'active', createdBy: 'root', note: 'list of May',
    prices: { input: '2.50', output: '10', cachedRead: null, message: null },
  });
  const again = await put('native', acme('m-1', { input: 2.5, output: '10.0' }));
  expect([again.body['changed'], priceIn(again).version]).toEqual([false, priceIn(first).version]);
  const second = await put('native', acme('m-1', { input: '3', output: '12' }));
  expect(priceIn(second).version).toBeGreaterThan(priceIn(first).version);
  expect(pricesIn(await get('native?provider=acme&model=m-1'))).toEqual([priceIn(second)]);
  expect(pricesIn(await get('native/history?provider=acme&model=m-1'))).toEqual([priceIn(second), priceIn(first)]);
});

test('books are read page by page', async () => {
  const paged = async (path: string, more = ''): Promise<Price[]> => {
    const found: Price[] = [];
    for (let cursor = ''; ;) {
      const page = await get(`${path}?limit=5${more}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      found.push(...pricesIn(page));
      if (page.body['nextCursor'] === null) return found;
      cursor = page.body['nextCursor'] as string;
    }
  };
  const all = await get('messages?limit=1000');
  expect(all.body['nextCursor']).toBeNull();
  expect(await paged('messages')).toEqual(pricesIn(all));
  expect((await paged('messages', '&provider=openai')).filter(({ isDefault }) => isDefault === true).map(({ model }) => model)).toEqual([
    'gpt-4-turbo',
  ]);
  const versions = (await paged('messages/history')).map(({ version }) => version);
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => b - a));
  expect(versions.length).toBeGreaterThanOrEqual(pricesIn(all).length);
  for (const query of ['limit=0', 'limit=1001', 'cursor=x', 'offset=1', 'limt=10']) {
    expect([query, pathsIn(await get(`messages?${query}`))]).toEqual([query, [`query.${query.split('=')[0] ?? ''}`]]);
  }
  expect(pathsIn(await get('messages/history?before=0'))).toEqual(['query.before']);
});

test('other names of a model are listed with what they lead to', async () => {
  await put('native', acme('long-name-1'));
  const alias = await put('native', { provider: 'acme', model: 'house-model', aliasOf: 'long-name-1', note: 'ours' });
  expect(pricesIn(await get('native/aliases?provider=acme'))).toEqual([{
    book: 'native', provider: 'acme', alias: 'house-model', model: 'long-name-1', version: priceIn(alias).version,
    effectiveFrom: priceIn(alias).effectiveFrom, state: 'active', createdBy: 'root', note: 'ours',
  }]);
  const missing = await put('native', { provider: 'acme', model: 'other', aliasOf: 'nothing' });
  expect([missing.status, pathsIn(missing)]).toEqual([400, ['body.aliasOf']]);
});

test('rates are decimal text as it was sent', async () => {
  const prices = { input: '0.10000000000000000555', output: 0.3 };
  const tiers = [{ aboveInputTokens: 200_000, serviceTier: 'standard', prices: { input: '0.2000' } }];
  const { body } = await put('native', { ...acme('exact', prices), tiers, marginPercent: 12.5 });
  expect(body).toMatchObject({
    prices: { input: '0.10000000000000000555', output: '0.3' }, marginPercent: '12.5',
    tiers: [{ aboveInputTokens: 200_000, serviceTier: 'standard', prices: { input: '0.2000' } }],
  });
});

test('a price of the future waits for its moment', async () => {
  const now = priceIn(await put('native', acme('m-2')));
  const planned = await put('native', { ...acme('m-2', { input: '5', output: '20' }), effectiveFrom: later(HOUR_MS) });
  expect(planned.body['changed']).toBe(true);
  const path = 'native?provider=acme&model=m-2';
  expect(pricesIn(await get(path))).toEqual([now]);
  expect(pricesIn(await get('native/history?model=m-2')).map(({ version }) => version)).toEqual([priceIn(planned).version, now.version]);
  gateway.advance(HOUR_MS + 1_000);
  movedMs += HOUR_MS + 1_000;
  expect(pricesIn(await get(path))).toEqual([priceIn(planned)]);
});

test('more than ten times as much is a slip until it is forced', async () => {
  await put('native', acme('m-3'));
  const tenfold = acme('m-3', { input: '2500', output: '10' });
  const refused = await put('native', tenfold);
  expect([refused.status, pathsIn(refused)]).toEqual([400, ['body.force']]);
  expect(await put('native', { ...tenfold, force: true })).toMatchObject({ status: 200, body: { changed: true } });
});

test.each<[string, object, string]>([
  ['a negative price', acme('bad', { input: '-1', output: '1' }), 'body.prices.input'],
  ['no number', acme('bad', { input: 'NaN', output: '1' }), 'body.prices.input'],
  ['a zero without allowZero', acme('bad', { input: 0, output: '1' }), 'body.prices.input'],
  ['nothing', acme('bad', {}), 'body.prices'],
  ['a margin below zero', { ...acme('bad'), marginPercent: -1 }, 'body.marginPercent'],
  ['a credit that costs nothing', { ...acme('bad'), moneyPerCredit: '0' }, 'body.moneyPerCredit'],
  ['numbers that no column holds', { ...acme('bad', { input: '1e20', output: '1' }), moneyPerCredit: '1' }, 'body.prices.input'],
  ['the past', { ...acme('bad'), effectiveFrom: '2020-01-01T00:00:00Z' }, 'body.effectiveFrom'],
  ['a day that is none', { ...acme('bad'), effectiveFrom: '2090-02-30T00:00:00Z' }, 'body.effectiveFrom'],
  ['another unit', { ...acme('bad'), unit: 10 }, 'body.unit'],
  ['a moment without a zone', { ...acme('bad'), effectiveFrom: '2090-01-01T00:00:00' }, 'body.effectiveFrom'],
  ['a member that is not there', { ...acme('bad'), maxOutputToken: 5 }, 'body.maxOutputToken'],
  ['a class that is not there', acme('bad', { input: '1', ouput: '2' }), 'body.prices.ouput'],
  ['a member of a tier that is not there', {
    ...acme('bad'), tiers: [{ aboveInputTokens: 1, serviceTier: 'standard', prices: { input: '1' }, belowInputTokens: 5 }],
  }, 'body.tiers.0.belowInputTokens'],
  ['no model', { provider: 'acme', prices: { input: 1, output: 1 } }, 'body.model'],
])('refuses %s', async (_, body, path) => {
  const refused = await put('native', body);
  expect([refused.status, pathsIn(refused)]).toEqual([400, [path]]);
  expect(pricesIn(await get('native/history?model=bad'))).toEqual([]);
});

test('a zero that is meant is taken', async () => {
  expect(await put('native', { ...acme('free', { input: 0, output: 0 }), allowZero: true })).toMatchObject({
    status: 200, body: { changed: true },
  });
});

test('terms change every price of a book', async () => {
  await put('resale', { model: 'a', prices: { input: 1, output: 2 }, moneyPerCredit: '0.01' });
  await put('resale', { model: 'b', prices: { input: 3, output: 4 }, moneyPerCredit: '0.01' });
  const terms = { profitPercents: ['12.5', 7.5], moneyPerCredit: '0.02', note: 'new year' };
  expect((await put('resale/terms', terms)).body).toEqual({ changed: 2 });
  expect((await put('resale/terms', terms)).body).toEqual({ changed: 0 });
  expect(pricesIn(await get('resale'))).toMatchObject([
    { model: 'a', marginPercent: '20', moneyPerCredit: '0.02', note: 'new year' }, { model: 'b', marginPercent: '20' },
  ]);
  expect(pathsIn(await put('resale/terms', { profitPercents: ['101'] }))).toEqual(['body.profitPercents']);
  expect(pathsIn(await put('resale/terms', { moneyPerCredit: 0 }))).toEqual(['body.moneyPerCredit']);
  expect(pathsIn(await put('resale/terms', { moneyPerCredit: '0.0001' }))).toEqual(['body.force']);
  expect((await put('resale/terms', { moneyPerCredit: '0.0001', force: true })).body).toEqual({ changed: 2 });
});

test('an unknown book -> 404', async () => {
  const answers = [await get('nobodys'), await get('nobodys/history'), await put('nobodys/terms', {})];
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  expect(pathsIn(await get('No%20Book'))).toEqual(['path.book']);
});

test('only administrators get in', async () => {
  const boss = await gateway.token({ sub: 'boss', role: 'supervisor' });
  for (const token of [alice, boss]) {
    const answers = [
      await get('native', token), await get('native/history', token), await put('native', acme('m-9'), token),
      await put('native/terms', {}, token),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
  }
  expect(pricesIn(await get('native/history?model=m-9'))).toEqual([]);
});

test('a new session is charged the new price, and an open one its own', async () => {
  const post = (path: string, body: object, token = alice): Promise<Answer> => checked.send('POST', path, { token, body });
  const open = (sessionId: string): Promise<Answer> =>
    post('/api/streaming-sessions/initialize', { sessionId, modelId: 'gpt-4', estimatedTokens: 1_000 });
  const charged = async (sessionId: string): Promise<unknown> =>
    (await post('/api/streaming-sessions/finalize', { sessionId, actualTokens: 1_000, success: true })).body['actualCredits'];
  await post('/api/credits/allocate', { userId: 'alice', credits: 1_000 }, admin);
  expect((await open('old')).status).toBe(201);
  expect((await put('tokens', { model: 'gpt-4', prices: { input: '8', output: '8' } })).body).toMatchObject({
    changed: true, unit: 1_000, rounding: 'micro',
  });
  expect((await open('new')).status).toBe(201);
  expect([await charged('old'), await charged('new')]).toEqual([5, 8]);
});
