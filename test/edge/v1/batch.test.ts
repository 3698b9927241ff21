import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OPERATIONS } from '../../../src/edge/v1/operations.js';
import { BATCHES_AT_ONCE_MAX, HOLD_ID_LENGTH_MAX } from '../../../src/kit/limits.js';
import { until } from '../../chaos/lab.js';
import { nativeLab, problemOf, type Call, type NativeLab } from './lab.js';

/** Many operations in one request, over HTTP (docs/contracts/native.md#batches). */
let lab: NativeLab;
let service: Call;
beforeAll(async () => {
  lab = await nativeLab();
  service = await lab.service(['holds', 'charges', 'grants', 'read'], { accountPrefix: 'b-' });
});
afterAll(async () => { await lab.stop(); });

type Result = { readonly status: number; readonly replayed?: true; readonly body: Record<string, unknown> };
type Item = { readonly op: string; readonly id?: string; readonly idempotencyKey?: string; readonly body?: object };

async function batch(operations: readonly unknown[], headers: Record<string, string> = {}, call = service): Promise<readonly Result[]> {
  const answer = await call('POST', '/v1/batch', { operations }, headers);
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.body['results'] as Result[];
}

const availableOf = async (account: string): Promise<unknown> => (await lab.operator('GET', `/v1/accounts/${account}`)).body['available'];

describe('an operation of a batch', () => {
  const usage = { inputTokens: 100, outputTokens: 10 };

  test('does what its own route does, in the order of its account, whatever it is', async () => {
    const account = await lab.funded('100', 'b');
    const other = await lab.funded('1', 'b');
    const items: Item[] = [
      { op: 'holds.place', body: { account, id: 'h1', price: { model: 'gpt-4o', inputTokens: 100, maxOutputTokens: 1_000 } } },
      { op: 'holds.progress', id: 'h1', body: { account, usage } },
      { op: 'holds.extend', id: 'h1', body: { account, amount: '1' } },
      { op: 'holds.settle', id: 'h1', body: { account, usage, reason: 'completed' } },
      { op: 'holds.place', body: { account, id: 'h2', amount: '2' } },
      { op: 'holds.void', id: 'h2', body: { account, reason: 'user_stop' } },
      { op: 'charges.create', body: { account, amount: '3' }, idempotencyKey: 'c1' },
      { op: 'refunds.create', body: { account, of: { charge: 'c1' }, amount: '1', reason: 'sorry' } },
      { op: 'quotes.create', body: { model: 'gpt-4o', usage } },
      { op: 'grants.create', body: { account, amount: '5' } },
      { op: 'transfers.create', body: { from: account, to: other, amount: '4', reason: 'gift' } },
    ];
    expect(new Set(items.map(({ op }) => op))).toEqual(new Set(OPERATIONS.keys()));
    const results = await batch(items);
    expect(results.map(({ status }) => status)).toEqual([201, 200, 200, 200, 201, 200, 201, 201, 200, 201, 201]);
    expect(results.map(({ body }) => body)).toMatchObject([
      { id: 'h1', state: 'open', stopAtTokens: 1_000 }, { reported: '0.00035' }, { amount: '1.01025' },
      { state: 'settled', captured: '0.00035' },
      { id: 'h2' }, { state: 'voided', released: '2' }, { amount: '3' }, { amount: '1', left: '2' }, { amount: '0.00035' }, { amount: '5' },
      { state: 'completed' },
    ]);
    expect(await availableOf(account)).toBe('98.99965');
    // The single route knows what the batch did, and answers the same.
    const single = await service('POST', '/v1/charges', { account, amount: '3' }, { 'idempotency-key': 'c1' });
    expect([single.headers.get('idempotency-replayed'), single.body]).toEqual(['true', results[6]?.body]);
  });

  test('on the hold of a member takes as long an id as its route', async () => {
    const [pool, member] = [await lab.funded('10', 'b'), await lab.funded('10', 'b')];
    await lab.operator('PUT', `/v1/accounts/${pool}/members/${member}`, {});
    const id = 'h'.repeat(HOLD_ID_LENGTH_MAX);
    const place = async (holdId?: string) => (await batch([{ op: 'holds.place', body: { account: member, id: holdId, amount: '1' } }]))[0];
    await until('the member is known', async () => (await place())?.body['account'] === pool);
    expect((await place(id))?.status).toBe(201);
    const on = (holdId: string): Item => ({ op: 'holds.extend', id: holdId, body: { account: pool, amount: '1' } });
    const results = await batch([on(`${member}/${id}`), on(`${id}h`), on(`${member}/${id}h`)]);
    expect(results.map(({ status, body }) => [status, body['amount'] ?? body['code']])).toEqual([
      [200, '2'], [400, 'invalid_request'], [400, 'invalid_request'],
    ]);
  });

  test('that is broken or refused fails alone, with the problem of its own route', async () => {
    const account = await lab.funded('10', 'b');
    const good = (index: number): Item => ({ op: 'charges.create', body: { account, amount: '0.5' }, idempotencyKey: `good-${index}` });
    const broken: readonly (readonly [unknown, number, string, string?])[] = [
      [{ op: 'holds.plaice', body: {} }, 400, 'invalid_request', 'operation.op'],
      [{ op: 'charges.create', bodi: {} }, 400, 'invalid_request', 'operation.bodi'],
      [{ op: 'holds.settle', body: { account, amount: '1' } }, 400, 'invalid_request', 'operation.id'],
      [{ op: 'charges.create', id: 'x', body: { account, amount: '1' } }, 400, 'invalid_request', 'operation.id'],
      ['charges.create', 400, 'invalid_request', 'operation'], [null, 400, 'invalid_request', 'operation'],
      [{ op: 'charges.create', body: [] }, 400, 'invalid_request'],
      [{ op: 'charges.create', body: { account, amount: '1', ammount: '1' } }, 400, 'invalid_request', 'body.ammount'],
      [{ op: 'charges.create', body: { account, amount: '-1' } }, 400, 'invalid_request', 'body.amount'],
      [{ op: 'charges.create', body: { account, amount: '1' }, idempotencyKey: 'ü' }, 400, 'invalid_request'],
      [{ op: 'charges.create', body: { account, amount: '1000' } }, 402, 'insufficient_credits'],
      [{ op: 'charges.create', body: { account: 'alien', amount: '1' } }, 403, 'forbidden', 'body.account'],
      [{ op: 'holds.settle', id: 'nothing', body: { account, amount: '1' } }, 404, 'hold_not_found'],
      [{ op: 'quotes.create', body: { model: 'no-such', usage } }, 422, 'unknown_model'],
      [{ op: 'charges.create', body: { account, amount: '2' }, idempotencyKey: 'good-0' }, 422, 'idempotency_key_reused'],
    ];
    const results = await batch(broken.flatMap(([item], index) => [good(index), item]));
    broken.forEach(([item, status, code, path], index) => {
      expect([item, results[2 * index]?.status]).toEqual([item, 201]);
      const { status: found, body = {} } = results[2 * index + 1] ?? {};
      expect([item, found, body['code']]).toEqual([item, status, code]);
      if (path !== undefined) expect((body['errors'] as { path: string }[])[0]?.path).toBe(path);
    });
    expect(await availableOf(account)).toBe('2.5');
    // Support finds what was refused, as of single requests.
    await until('the refusals', async () => {
      const refused = (await lab.operator('GET', `/v1/refusals?account=${account}`)).body['data'] as { reason: string; route: string }[];
      return refused.some(({ reason, route }) => reason === 'insufficient_credits' && route === '/v1/charges');
    });
  });

  test('needs what its own route needs: scopes, users and operators', async () => {
    const account = await lab.funded('10', 'b');
    const items: Item[] = [
      { op: 'holds.place', body: { account, amount: '1', id: 'g' } }, { op: 'charges.create', body: { account, amount: '1' } },
      { op: 'grants.create', body: { account, amount: '1' } }, { op: 'quotes.create', body: { model: 'gpt-4o', usage } },
    ];
    const verdicts = async (call: Call): Promise<number[]> => (await batch(items, {}, call)).map(({ status }) => status);
    expect(await verdicts(await lab.service(['holds']))).toEqual([201, 403, 403, 403]);
    expect(await verdicts(await lab.service(['grants']))).toEqual([403, 403, 201, 403]);
    expect(await verdicts(await lab.service(['telemetry']))).toEqual([403, 403, 403, 403]);
    expect(await verdicts(await lab.user(account))).toEqual([201, 201, 403, 200]);
    expect(await verdicts(await lab.user('b-stranger'))).toEqual([403, 403, 403, 200]);
    // An operator says why, here as there.
    expect(await verdicts(lab.operator)).toEqual([400, 400, 400, 200]);
    const supervisor = lab.bearer(await lab.gateway.token({ sub: 'boss', role: 'supervisor' }));
    expect(await verdicts(supervisor)).toEqual([403, 403, 403, 200]);
    expect((await fetch(`${lab.gateway.url}/v1/batch`, { method: 'POST' })).status).toBe(401);
  });
});

describe('a batch', () => {
  test('of a thousand is safe to repeat as a whole, also when it is sent several times at once', async () => {
    const accounts = await Promise.all(Array.from({ length: 10 }, () => lab.funded('100', 'b')));
    const items: Item[] = Array.from({ length: 1_000 }, (_, index): Item => {
      const account = accounts[index % accounts.length] ?? '';
      return { op: index % 2 === 0 ? 'charges.create' : 'holds.place', body: { account, amount: '0.1' } };
    });
    const key = { 'idempotency-key': 'whole-1' };
    const [first, ...repeats] = await Promise.all([batch(items, key), batch(items, key), batch(items, key)]);
    repeats.push(await batch(items, key));
    expect(new Set(first.map(({ status }) => status))).toEqual(new Set([201]));
    for (const repeat of repeats) {
      expect(repeat.map(({ status }) => status)).toEqual(first.map(({ status }) => status));
      expect(repeat.map(({ body }) => body['entry'] ?? body['id'])).toEqual(first.map(({ body }) => body['entry'] ?? body['id']));
    }
    expect(repeats.at(-1)?.every(({ replayed }) => replayed === true)).toBe(true);
    for (const account of accounts) expect(await availableOf(account)).toBe('90');
    // A changed operation under the same key is another request; the others are repeats.
    const changed = await batch([{ op: 'charges.create', body: { account: accounts[0], amount: '0.2' } }, ...items.slice(1)], key);
    expect(changed.map(({ status }) => status)).toEqual([422, ...items.slice(1).map(() => 201)]);
  });

  test.each([
    [{}], [{ operations: [] }], [{ operations: {} }], [{ operations: [{}], atomic: true }],
  ])('%j is refused as a whole', async (body) => {
    expect(problemOf(await service('POST', '/v1/batch', body)).slice(0, 2)).toEqual([400, 'invalid_request']);
  });

  test('is answered in full, or refused as a whole where too many are in progress', async () => {
    // Its own gateway: with a deadline that a slow machine keeps, and with nothing else in progress.
    const own = await nativeLab({ REDIS_TIMEOUT_MS: '10000' });
    try {
      const call = await own.service(['holds']);
      const accounts = await Promise.all(Array.from({ length: 8 }, () => own.funded('1000', 'b')));
      // Each runs more than 100 at once when it is alone: without a bound on all together they would pass IN_FLIGHT_MAX.
      const [sent, each] = [BATCHES_AT_ONCE_MAX + 4, 250];
      const answers = await Promise.all(Array.from({ length: sent }, (_, number) => call('POST', '/v1/batch', {
        operations: Array.from({ length: each }, (_, index): Item => (
          { op: 'holds.place', body: { account: accounts[index % accounts.length], id: `n-${number}-${index}`, amount: '0.01' } })),
      })));
      const done = answers.filter(({ status }) => status === 200);
      expect(done.length).toBeGreaterThanOrEqual(BATCHES_AT_ONCE_MAX);
      for (const { body } of done) expect(new Set((body['results'] as Result[]).map(({ status }) => status))).toEqual(new Set([201]));
      for (const { status, body } of answers.filter((answer) => !done.includes(answer))) {
        expect([status, body['code'], body['outcome']]).toEqual([503, 'ledger_unavailable', 'not_executed']);
      }
      const held = await Promise.all(accounts.map(async (account) => (
        Number((await own.operator('GET', `/v1/accounts/${account}`)).body['held']))));
      expect(held.reduce((total, credits) => total + credits, 0)).toBeCloseTo(done.length * each * 0.01, 6);
    } finally {
      await own.stop();
    }
  });

  test('of more than a thousand is refused as a whole', async () => {
    expect(problemOf(await service('POST', '/v1/batch', { operations: Array.from({ length: 1_001 }, () => ({})) })))
      .toEqual([400, 'invalid_request', ['body.operations']]);
  });
});
