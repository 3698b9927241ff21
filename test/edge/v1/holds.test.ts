import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkedGateway, type CheckedGateway } from '../../support/checked-fetch.js';
import type { Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';

/** Every rule of docs/contracts/native.md#holds over HTTP. Every answer is held against the document by `checkedGateway`. */

let gateway: TestGateway;
let checked: CheckedGateway;
let admin: string;
let key: string;
beforeAll(async () => {
  gateway = await startGateway({ environment: { HOLD_MAX: '500' } });
  checked = await checkedGateway(gateway.url);
  admin = await gateway.token({ sub: 'root', role: 'admin' });
  const made = await checked.send('POST', '/v1/api-keys', {
    token: admin, body: { reason: 'test', name: 'proxy', scopes: ['holds', 'charges', 'read'] },
  });
  key = String(made.body['key']);
  // A credit is 1 000 000 micros: with these a token of input costs 1 micro and one of output 10.
  await price('m', { input: '1', output: '10', cachedRead: '0.5' }, 1_000);
  await price('other', { input: '2', output: '20' }, 1_000);
  await price('endless', { input: '1', output: '10' }, null);
  await price('embedder', { input: '1' }, null);
});
afterAll(async () => { await gateway.stop(); });

const price = (model: string, prices: object, maxOutputTokens: number | null): Promise<Answer> =>
  checked.send('PUT', '/v1/prices/native', { token: admin, body: { reason: 'test', provider: 'acme', model, prices, maxOutputTokens } });

let accounts = 0;
/** A new account with so many credits. */
async function funded(credits: number): Promise<string> {
  accounts += 1;
  const account = `acc-${accounts}`;
  await checked.send('POST', '/api/credits/allocate', { token: admin, body: { userId: account, credits } });
  return account;
}

type Sent = { readonly token?: string; readonly idempotencyKey?: string };
const post = (path: string, body: object, { token = key, idempotencyKey }: Sent = {}): Promise<Answer> =>
  checked.send('POST', `/v1/holds${path}`, {
    token, body, ...(idempotencyKey === undefined ? {} : { headers: { 'idempotency-key': idempotencyKey } }),
  });
const get = (path: string, token = key): Promise<Answer> => checked.send('GET', `/v1/holds${path}`, { token });
const pathsIn = ({ body }: Answer): string[] => (body['errors'] as { path: string }[]).map(({ path }) => path);
const isReplayed = ({ headers }: Answer): boolean => headers.get('idempotency-replayed') === 'true';

describe('place', () => {
  test('an amount; the same again gets the first answer, another request under the id is refused', async () => {
    const account = await funded(10);
    const first = await post('', { id: 'h', account, amount: '2.5' });
    expect(first).toMatchObject({ status: 201, body: {
      id: 'h', account, state: 'open', amount: '2.5', reported: '0', remaining: '2.5', final: false, stopAtTokens: null, price: null,
      available: '7.5', limits: [],
    } });
    await post('/h/extend', { account, amount: 1 });
    const again = await post('', { account, amount: '2.5', id: 'h' });
    expect([again.status, again.body, isReplayed(again)]).toEqual([201, first.body, true]);
    expect(await post('', { id: 'h', account, amount: '2.6' })).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });

  test('without an id: a new hold each time, or the one of the Idempotency-Key', async () => {
    const account = await funded(10);
    const [one, two] = [await post('', { account, amount: 1 }), await post('', { account, amount: 1 })];
    expect(one.body['id']).not.toBe(two.body['id']);
    const keyed = await post('', { account, amount: 1 }, { idempotencyKey: 'k' });
    const again = await post('', { account, amount: 1 }, { idempotencyKey: 'k' });
    expect([again.body, isReplayed(again)]).toEqual([keyed.body, true]);
    expect(await post('', { account, amount: 2 }, { idempotencyKey: 'k' })).toMatchObject({ status: 422 });
  });

  test('as much as is there, at least the minimum; what is missing is told', async () => {
    const account = await funded(2);
    expect(await post('', { account, amount: { minimum: '2.1', desired: 3 } })).toMatchObject({ status: 402, body: {
      code: 'insufficient_credits', available: '2', required: '2.1', shortBy: '0.1',
    } });
    expect(await post('', { account, amount: { minimum: 1, desired: 3 } })).toMatchObject({ status: 201, body: {
      amount: '2', available: '0', final: true,
    } });
  });

  test('a model: stopAtTokens is exact, and what is settled there costs the hold to the micro', async () => {
    const account = await funded(1);
    const placed = await post('', { id: 'h', account, price: {
      model: 'm', inputTokens: 100, cachedInputTokens: 40, maxOutputTokens: 50,
    } });
    // 60 + 40 / 2 + 50 × 10 micros.
    expect(placed.body).toMatchObject({ amount: '0.00058', stopAtTokens: 50, price: { book: 'native', model: 'm' } });
    const usage = { inputTokens: 100, cachedInputTokens: 40, outputTokens: 50 };
    expect((await post('/h/settle', { account, usage })).body).toMatchObject({ captured: '0.00058', released: '0', overage: '0' });
    // One token more does not fit.
    const odd = await post('', { id: 'odd', account, amount: '0.000589' });
    expect(odd.status).toBe(201);
    const adaptive = await post('', { id: 'g', account, price: {
      model: 'm', inputTokens: 9, maxOutputTokens: 100, minimumOutputTokens: 1,
    } });
    expect(adaptive.body).toMatchObject({ amount: '0.001009', stopAtTokens: 100 });
  });

  test('stopAtTokens with what is there: one more token would cost more than the hold', async () => {
    const account = await funded(0.000999);
    const { body } = await post('', { account, price: { model: 'm', inputTokens: 9, maxOutputTokens: 100, minimumOutputTokens: 99 } });
    expect(body).toMatchObject({ amount: '0.000999', stopAtTokens: 99, final: true, available: '0' });
    expect(await post('', { account: await funded(0.000998), price: {
      model: 'm', inputTokens: 9, maxOutputTokens: 100, minimumOutputTokens: 99,
    } })).toMatchObject({ status: 402, body: { required: '0.000999' } });
  });

  test('the largest hold bounds what extensions and top-ups make of it, too', async () => {
    const account = await funded(2_000);
    const hold = { id: 'big', account };
    expect((await post('', { ...hold, amount: 300 })).body).toMatchObject({ amount: '300', final: false });
    const extend = (body: object) => post('/big/extend', { account, ...body });
    const refused = await extend({ amount: 201 });
    expect([refused.status, pathsIn(refused)]).toEqual([400, ['body.amount']]);
    expect((await get(`/big?account=${account}`)).body).toMatchObject({ amount: '300' });
    expect((await extend({ amount: { minimum: 1, desired: 150 } })).body).toMatchObject({ amount: '450', final: false });
    expect((await extend({ amount: { minimum: 1, desired: 201 } })).body).toMatchObject({ amount: '500', final: true, available: '1500' });
    expect((await extend({ amount: 1 })).status).toBe(400);
    expect((await extend({ leaseSeconds: 60 })).body).toMatchObject({ amount: '500', final: true });

    await post('', { id: 'topped', account, price: { model: 'm', inputTokens: 10, maxOutputTokens: 1_000 } });
    const more = await post('/topped/extend', { account, maxOutputTokens: 60_000_000 });
    expect([more.status, pathsIn(more)]).toEqual([400, ['body.maxOutputTokens']]);
    const report = { usage: { outputTokens: 10 }, extend: { headroomTokens: 60_000_000 } };
    expect((await post('/topped/progress', { account, ...report })).body).toMatchObject({ amount: '500', final: true });
    expect((await post('', { account, amount: 500 })).body).toMatchObject({ amount: '500', final: true });
  });

  test('without maxOutputTokens: the maximum of the model, at most the largest hold, never the whole balance', async () => {
    const account = await funded(1_000);
    const price = (model: string) => post('', { account, price: { model, inputTokens: 10 } });
    expect((await price('m')).body).toMatchObject({ amount: '0.01001', stopAtTokens: 1_000 });
    expect((await price('endless')).body).toMatchObject({ amount: '500', available: '499.98999' });
    expect(await price('endless')).toMatchObject({ status: 402 });
    expect(await post('', { account, amount: 501 })).toMatchObject({ status: 400 });
    expect(pathsIn(await post('', { account, price: { model: 'm', inputTokens: 1, maxOutputTokens: 60_000_000 } })))
      .toEqual(['body.price.maxOutputTokens']);
  });

  test('a model without a price, or without a price for a class that is used, is refused', async () => {
    const account = await funded(1);
    const codeOf = ({ status, body }: Answer) => [status, body['code'], pathsIn({ status, body } as Answer)];
    expect(codeOf(await post('', { account, price: { model: 'nothing', inputTokens: 1 } })))
      .toEqual([422, 'unknown_model', ['body.price.model']]);
    expect(codeOf(await post('', { account, price: { model: 'embedder', inputTokens: 1, maxOutputTokens: 1 } })))
      .toEqual([422, 'price_missing', ['body.price.outputTokens']]);
    expect(await get(`?account=${account}`)).toMatchObject({ status: 200, body: { data: [] } });
    await post('', { id: 'h', account, price: { model: 'm', inputTokens: 1, maxOutputTokens: 1 } });
    const usages = [{ model: 'm', usage: { inputTokens: 1 } }, { model: 'nothing', usage: { inputTokens: 1 } }];
    expect(codeOf(await post('/h/settle', { account, usages }))).toEqual([422, 'unknown_model', ['body.usages.1.model']]);
    expect(codeOf(await post('/h/settle', { account, usages: [{ model: 'embedder', usage: { outputTokens: 1 } }] })))
      .toEqual([422, 'price_missing', ['body.usages.0.usage.outputTokens']]);
    expect((await get(`/h?account=${account}`)).body['state']).toBe('open');
  });

  test.each([
    ['a misspelt member', { amount: 1, maxOutputToken: 5 }, 'body.maxOutputToken'],
    ['a misspelt class', { price: { model: 'm', inputTokens: 1, maxOutputToken: 5 } }, 'body.price.maxOutputToken'],
    ['neither amount nor price', {}, 'body'],
    ['amount and price', { amount: 1, price: { model: 'm' } }, 'body.price'],
    ['a minimum above what is desired', { amount: { minimum: 2, desired: 1 } }, 'body.amount.minimum'],
    ['zero', { amount: 0 }, 'body.amount'],
    ['a seventh decimal', { amount: '0.0000001' }, 'body.amount'],
    ['negative tokens', { price: { model: 'm', inputTokens: -1 } }, 'body.price.inputTokens'],
    ['a fraction of a token', { price: { model: 'm', inputTokens: 1.5 } }, 'body.price.inputTokens'],
    ['an absurd count', { price: { model: 'm', inputTokens: 1e12 } }, 'body.price.inputTokens'],
    ['parts beyond their total', { price: { model: 'm', inputTokens: 1, cachedInputTokens: 2 } }, 'body.price.inputTokens'],
    ['more output than the most', { price: { model: 'm', maxOutputTokens: 1, minimumOutputTokens: 2 } }, 'body.price.minimumOutputTokens'],
    ['a lease of four seconds', { amount: 1, leaseSeconds: 4 }, 'body.leaseSeconds'],
    ['a lease of more than a day', { amount: 1, leaseSeconds: 86_401 }, 'body.leaseSeconds'],
    ['no such policy', { amount: 1, onExpiry: 'keep' }, 'body.onExpiry'],
    ['charge_input without an input', { amount: 1, onExpiry: 'charge_input' }, 'body.onExpiry'],
    ['a limit of debt where none is made', { amount: 1, overCapture: 'cap', debtLimit: 1 }, 'body.debtLimit'],
  ])('%s is refused by name, and nothing changes', async (_, body, path) => {
    const account = await funded(5);
    const answer = await post('', { account, ...body });
    expect([answer.status, answer.body['code'], pathsIn(answer)]).toEqual([400, 'invalid_request', [path]]);
    expect((await get(`?account=${account}`)).body['data']).toEqual([]);
  });

  test('the id of a hold that has ended names its outcome', async () => {
    const account = await funded(5);
    await post('', { id: 'h', account, amount: 2 });
    await post('/h/settle', { account, amount: '1.5', reason: 'completed' });
    expect(await post('', { id: 'h', account, amount: 2 })).toMatchObject({ status: 409, body: {
      code: 'hold_resolved', first: { state: 'settled', charged: '1.5' },
    } });
  });
});

describe('extend', () => {
  test('by an amount, to a number of tokens, or only the lease; under a key once', async () => {
    const account = await funded(10);
    await post('', { id: 'h', account, price: { model: 'm', inputTokens: 10, maxOutputTokens: 10 } });
    const more = await post('/h/extend', { account, amount: '0.001' }, { idempotencyKey: 'a' });
    expect(more).toMatchObject({ status: 200, body: { amount: '0.00111', stopAtTokens: 110 } });
    const again = await post('/h/extend', { account, amount: '0.001' }, { idempotencyKey: 'a' });
    expect([again.body, isReplayed(again)]).toEqual([more.body, true]);
    expect(await post('/h/extend', { account, amount: '0.002' }, { idempotencyKey: 'a' })).toMatchObject({ status: 422 });
    expect((await post('/h/extend', { account, maxOutputTokens: 200 })).body).toMatchObject({ amount: '0.00201', stopAtTokens: 200 });
    expect((await post('/h/extend', { account, maxOutputTokens: 100 })).body).toMatchObject({ amount: '0.00201' });
    const leased = await post('/h/extend', { account, leaseSeconds: 3_600 });
    expect(leased.body['amount']).toBe('0.00201');
    expect(Date.parse(String(leased.body['leaseEndsAt'])) - Date.parse(String(leased.body['reportBy']))).toBe(1_800_000);
    expect(await post('/h/extend', { account, amount: 10 })).toMatchObject({ status: 402, body: { available: '9.99799', required: '10' } });
    expect((await post('/h/extend', { account, amount: { minimum: 1, desired: 100 } })).body).toMatchObject({
      available: '0', final: true,
    });
  });

  test('never after the end, never nothing, and tokens only with a price', async () => {
    const account = await funded(1);
    expect(await post('/h/extend', { account, amount: 1 })).toMatchObject({ status: 404, body: { code: 'hold_not_found' } });
    await post('', { id: 'h', account, amount: '0.5' });
    expect(pathsIn(await post('/h/extend', { account }))).toEqual(['body']);
    expect(pathsIn(await post('/h/extend', { account, maxOutputTokens: 5 }))).toEqual(['body.maxOutputTokens']);
    expect(pathsIn(await post('/h/extend', { account, maxOutputTokens: 5, amount: 1 }))).toEqual(['body.maxOutputTokens']);
    await post('/h/void', { account, reason: 'user_stop' });
    expect(await post('/h/extend', { account, amount: '0.1' })).toMatchObject({ status: 409, body: {
      code: 'hold_resolved', first: { state: 'voided' },
    } });
  });
});

describe('progress', () => {
  test('is cumulative: a repeat is harmless, less is refused; the input is as placed unless it is told', async () => {
    const account = await funded(10);
    await post('', { id: 'h', account, price: { model: 'm', inputTokens: 100, maxOutputTokens: 100 } });
    const first = await post('/h/progress', { account, usage: { outputTokens: 50 } });
    expect(first.body).toMatchObject({ amount: '0.0011', reported: '0.0006', remaining: '0.0005', stopAtTokens: 100 });
    expect((await post('/h/progress', { account, usage: { outputTokens: 50 } })).body).toMatchObject({ reported: '0.0006' });
    expect(await post('/h/progress', { account, usage: { outputTokens: 49 } })).toMatchObject({
      status: 409, body: { code: 'progress_backwards' },
    });
    expect(await post('/h/progress', { account, usage: { inputTokens: 900, outputTokens: 49 } })).toMatchObject({
      status: 409, body: { code: 'progress_backwards' },
    });
    // The prompt was longer than expected: less output fits.
    expect((await post('/h/progress', { account, usage: { inputTokens: 200, outputTokens: 60 } })).body).toMatchObject({
      reported: '0.0008', remaining: '0.0003', stopAtTokens: 90,
    });
    expect((await post('/h/settle', { account, use: 'reported' })).body).toMatchObject({ captured: '0.0008' });
  });

  test('tops the hold up in the same step while less than the headroom is left, until nothing can be had', async () => {
    const account = await funded(0.0015);
    await post('', { id: 'h', account, price: { model: 'm', inputTokens: 0, maxOutputTokens: 50 } });
    const report = async (outputTokens: number) =>
      (await post('/h/progress', { account, usage: { outputTokens }, extend: { headroomTokens: 40 } })).body;
    expect(await report(5)).toMatchObject({ amount: '0.0005', available: '0.001', final: false });
    expect(await report(30)).toMatchObject({ amount: '0.0007', available: '0.0008', stopAtTokens: 70 });
    expect(await report(30)).toMatchObject({ amount: '0.0007', available: '0.0008' });
    expect(await report(130)).toMatchObject({ amount: '0.0015', available: '0', final: true, stopAtTokens: 150 });
    expect((await post('/h/settle', { account, usage: { outputTokens: 150 } })).body).toMatchObject({ captured: '0.0015', overage: '0' });
  });

  test('of a hold of an amount: by amounts', async () => {
    const account = await funded(3);
    await post('', { id: 'h', account, amount: 1 });
    expect((await post('/h/progress', { account, amount: '0.4', extend: { headroom: 1 } })).body).toMatchObject({
      amount: '1.4', reported: '0.4', remaining: '1',
    });
    expect(pathsIn(await post('/h/progress', { account, usage: { outputTokens: 1 } }))).toEqual(['body.usage']);
    expect(pathsIn(await post('/h/progress', { account, amount: 1, extend: { headroomTokens: 1 } })))
      .toEqual(['body.extend.headroomTokens']);
    expect(pathsIn(await post('/h/progress', { account }))).toEqual(['body']);
    expect(pathsIn(await post('/h/progress', { account, amount: 1, usage: {} }))).toEqual(['body.amount']);
    await post('/h/settle', { account, amount: 1 });
    expect(await post('/h/progress', { account, amount: 2 })).toMatchObject({ status: 409, body: { code: 'hold_resolved' } });
  });
});

describe('settle and void', () => {
  test('by usage, several models, amount or what the hold has; the same again is the first answer', async () => {
    const account = await funded(10);
    const place = (id: string) => post('', { id, account, price: { model: 'm', inputTokens: 100, maxOutputTokens: 100 } });
    const settle = async (id: string, body: object) => {
      await place(id);
      const first = await post(`/${id}/settle`, { account, ...body });
      const again = await post(`/${id}/settle`, { account, ...body });
      expect([again.status, again.body, isReplayed(again)]).toEqual([200, first.body, true]);
      return first.body;
    };
    expect(await settle('usage', { usage: { inputTokens: 100, outputTokens: 7 }, reason: 'completed' })).toMatchObject({
      captured: '0.00017',
    });
    expect(await settle('usages', { usages: [
      { model: 'm', usage: { inputTokens: 100, outputTokens: 10 } }, { model: 'other', usage: { inputTokens: 10, outputTokens: 1 } },
    ] })).toMatchObject({ captured: '0.00024' });
    expect(await settle('amount', { amount: '0.0005' })).toMatchObject({ captured: '0.0005', released: '0.0006' });
    expect(await settle('input', { use: 'input', reason: 'client_disconnect' })).toMatchObject({ captured: '0.0001' });
    expect(await settle('estimate', { use: 'estimate', reason: 'timeout' })).toMatchObject({ captured: '0.0011' });
    expect(await settle('reported', { use: 'reported' })).toMatchObject({ captured: '0', state: 'settled' });
    await place('void');
    expect(await post('/void/void', { account, reason: 'provider_error' })).toMatchObject({
      status: 200, body: { state: 'voided', captured: '0' },
    });
    expect(await post('/usage/void', { account, reason: 'provider_error' })).toMatchObject({ status: 409 });
    const { body } = await get(`/usage?account=${account}`);
    expect((body['timeline'] as object[]).at(-1)).toMatchObject({ kind: 'settle', reason: 'completed', by: 'service' });
  });

  test.each([
    [{}, 'body'], [{ amount: 1, use: 'input' }, 'body.use'], [{ usage: {}, amount: 1 }, 'body.amount'], [{ usages: [] }, 'body.usages'],
    [{ usage: { outputTokens: -5 } }, 'body.usage.outputTokens'], [{ amount: 1, reason: 'bored' }, 'body.reason'],
    [{ use: 'input', serviceTier: 'flex' }, 'body.serviceTier'],
  ])('%j is refused', async (body, path) => {
    const account = await funded(1);
    await post('', { id: 'h', account, amount: 1 });
    const answer = await post('/h/settle', { account, ...body });
    expect([answer.status, pathsIn(answer)]).toEqual([400, [path]]);
    expect((await get(`/h?account=${account}`)).body['state']).toBe('open');
  });

  test('a model or a class without a price is refused by its own code and place, and changes nothing', async () => {
    const account = await funded(1);
    const none = { model: 'none-such', inputTokens: 1, maxOutputTokens: 1 };
    const refused = async (path: string, body: object): Promise<unknown[]> => {
      const answer = await post(path, { account, ...body });
      return [answer.status, answer.body['code'], pathsIn(answer)];
    };
    expect(await refused('', { price: none })).toEqual([422, 'unknown_model', ['body.price.model']]);
    expect(await refused('', { price: { model: 'm', inputImages: 1, maxOutputTokens: 1 } }))
      .toEqual([422, 'price_missing', ['body.price.inputImages']]);
    await post('', { id: 'h', account, price: { model: 'm', inputTokens: 1, maxOutputTokens: 1 } });
    expect(await refused('/h/progress', { usage: { inputImages: 1 } })).toEqual([422, 'price_missing', ['body.usage.inputImages']]);
    expect(await refused('/h/settle', { usage: { outputImages: 1 } })).toEqual([422, 'price_missing', ['body.usage.outputImages']]);
    expect(await refused('/h/settle', { usages: [{ model: 'none-such', usage: { inputTokens: 1 } }] }))
      .toEqual([422, 'unknown_model', ['body.usages.0.model']]);
    expect(await refused('/h/settle', { usages: [{ model: 'other', usage: { inputImages: 1 } }] }))
      .toEqual([422, 'price_missing', ['body.usages.0.usage.inputImages']]);
    expect((await get(`/h?account=${account}`)).body).toMatchObject({ state: 'open', reported: '0' });
  });

  test('usage beyond the hold: by the rule of the hold, which may be stricter than the default', async () => {
    const settled = async (terms: object) => {
      const account = await funded(3);
      await post('', { id: 'h', account, amount: 1, ...terms });
      return (await post('/h/settle', { account, amount: 5 })).body;
    };
    expect(await settled({})).toMatchObject({ captured: '5', overage: '4', debt: '2', uncollected: '0' });
    expect(await settled({ debtLimit: '0.5' })).toMatchObject({ captured: '3.5', debt: '0.5', uncollected: '1.5' });
    expect(await settled({ overCapture: 'available' })).toMatchObject({ captured: '3', overage: '2', uncollected: '2' });
    expect(await settled({ overCapture: 'cap' })).toMatchObject({ captured: '1', overage: '0', uncollected: '4' });
  });

  test('the account of a request is the own one; what a service placed is no user\'s to change', async () => {
    const account = await funded(5);
    const [mine, others] = [await gateway.token({ sub: account, role: 'user' }), await gateway.token({ sub: 'mallory', role: 'user' })];
    await post('', { id: 'h', account, amount: 1 });
    for (const [path, body] of [
      ['/h/settle', { amount: 0 }], ['/h/void', { reason: 'user_stop' }], ['/h/extend', { amount: 1 }], ['/h/progress', { amount: 1 }],
    ] as const) {
      expect(await post(path, body, { token: mine })).toMatchObject({ status: 403, body: { code: 'forbidden' } });
      expect(await post(path, { ...body, account }, { token: others })).toMatchObject({ status: 403 });
      expect(await post(path, body, { token: others })).toMatchObject({ status: 404 });
    }
    expect(await post('', { account, amount: 1 }, { token: others })).toMatchObject({ status: 403 });
    expect(await get(`/h?account=${account}`, others)).toMatchObject({ status: 403 });
    expect(pathsIn(await post('', { amount: 1 }))).toEqual(['body.account']);
    expect(await post('', { id: 'own', amount: 1 }, { token: mine })).toMatchObject({ status: 201, body: { account } });
    expect(await post('/own/settle', { amount: 1 }, { token: mine })).toMatchObject({ status: 200 });
    expect(pathsIn(await post('/h/settle', { account, amount: 0 }, { token: admin }))).toEqual(['body.reason']);
  });
});

describe('the end of a lease', () => {
  const expired = async (place: object, usage?: object): Promise<string> => {
    const account = await funded(10);
    await post('', { id: 'h', account, price: { model: 'm', inputTokens: 100, maxOutputTokens: 100 }, leaseSeconds: 60, ...place });
    if (usage !== undefined) await post('/h/progress', { account, usage });
    gateway.advance(61_000);
    return account;
  };
  const state = async (account: string) => (await get(`/h?account=${account}`)).body;

  test('charges by its policy', async () => {
    expect(await state(await expired({}))).toMatchObject({ state: 'expired', captured: '0', released: '0.0011' });
    expect(await state(await expired({}, { outputTokens: 40 }))).toMatchObject({ captured: '0.0005', onExpiry: 'charge_reported' });
    expect(await state(await expired({ onExpiry: 'release' }, { outputTokens: 40 }))).toMatchObject({ captured: '0' });
    expect(await state(await expired({ onExpiry: 'charge_input' }, { outputTokens: 40 }))).toMatchObject({ captured: '0.0001' });
    expect(await state(await expired({ onExpiry: 'charge_estimate' }))).toMatchObject({ captured: '0.0011' });
  });

  test('a settle after charge_reported charges the difference, once, or gives back what was too much', async () => {
    const more = await expired({}, { outputTokens: 40 });
    expect(await state(more)).toMatchObject({ state: 'expired' });
    expect((await post('/h/settle', { account: more, usage: { outputTokens: 60 } })).body).toMatchObject({
      state: 'settled', captured: '0.0007', late: true, available: '9.9993',
    });
    expect((await post('/h/settle', { account: more, usage: { outputTokens: 60 } })).body).toMatchObject({ captured: '0.0007' });
    const less = await expired({}, { outputTokens: 40 });
    expect(await state(less)).toMatchObject({ state: 'expired' });
    expect((await post('/h/settle', { account: less, usage: { outputTokens: 10 } })).body).toMatchObject({
      state: 'settled', captured: '0.0002', late: true, available: '9.9998',
    });
    expect(await post('/h/settle', { account: less, usage: { outputTokens: 5 } })).toMatchObject({ status: 409 });
    const { body } = await get(`/h?account=${less}`);
    expect((body['timeline'] as { kind: string; captured: string }[]).map(({ kind, captured }) => [kind, captured])).toEqual([
      ['place', '0'], ['progress', '0'], ['expire_hold', '0.0005'], ['give_back', '-0.0003'],
    ]);
  });

  test('a report renews it', async () => {
    const account = await funded(1);
    await post('', { id: 'h', account, amount: 1, leaseSeconds: 60 });
    gateway.advance(45_000);
    await post('/h/progress', { account, amount: '0.1' });
    gateway.advance(45_000);
    expect(await state(account)).toMatchObject({ state: 'open', reported: '0.1' });
  });
});

test('holds of an account are listed by state and time, page by page', async () => {
  const account = await funded(10);
  for (const id of ['a', 'b', 'c']) await post('', { id, account, amount: 1, metadata: { id } });
  await post('/b/settle', { account, amount: 1 });
  const ids = ({ body }: Answer): string[] => (body['data'] as { id: string }[]).map(({ id }) => id);
  const all = await get(`?account=${account}`);
  expect([ids(all), all.body['nextCursor']]).toEqual([['c', 'b', 'a'], null]);
  expect((all.body['data'] as object[])[0]).toMatchObject({ state: 'open', metadata: { id: 'c' }, placedBy: 'service' });
  expect(ids(await get(`?account=${account}&state=open`))).toEqual(['c', 'a']);
  expect(ids(await get(`?account=${account}&before=2001-01-01T00:00:00Z`))).toEqual([]);
  const page = await get(`?account=${account}&limit=2`);
  expect(ids(page)).toEqual(['c', 'b']);
  expect(ids(await get(`?account=${account}&limit=2&cursor=${String(page.body['nextCursor'])}`))).toEqual(['a']);
  expect(pathsIn(await get(`?account=${account}&state=lost`))).toEqual(['query.state']);
  expect(await get(`/nothing?account=${account}`)).toMatchObject({ status: 404 });
});
