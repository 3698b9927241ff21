import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Operation } from '../../../src/edge/openapi/types.js';
import { nativeLab, problemOf, type NativeLab } from './lab.js';

/** Every write of /v1 under an Idempotency-Key (docs/contracts/native.md#repeats). */
let lab: NativeLab;
beforeAll(async () => { lab = await nativeLab(); });
afterAll(async () => { await lab.stop(); });

const key = () => ({ 'Idempotency-Key': randomUUID() });
const name = (): string => `r${randomUUID().slice(0, 8)}`;

/**
 * Writes that are known by what they are about, or change nothing: the header is taken, and the answer is right without it. A
 * batch makes the keys of its operations from its own.
 */
const BY_NATURE: ReadonlySet<string> = new Set([
  'POST /v1/batch',
  'POST /v1/quotes', 'POST /v1/holds/{holdId}/progress',
]);
/** Writes with tests of their own keys, here or in the tests of their routes: their tables remember the keys. */
const BY_THEMSELVES: ReadonlySet<string> = new Set([
  'POST /v1/charges', 'POST /v1/grants', 'DELETE /v1/grants/{grantId}', 'POST /v1/refunds', 'POST /v1/transfers', 'POST /v1/api-keys',
  'POST /v1/api-keys/{keyId}/rotate', 'POST /v1/holds', 'POST /v1/holds/{holdId}/extend',
  'POST /v1/holds/{holdId}/settle', 'POST /v1/holds/{holdId}/void',
  'POST /v1/webhooks', 'POST /v1/webhooks/{webhookId}/rotate',
]);
/** Sends an event again, which needs one that was sent. */
const RESEND = 'POST /v1/webhooks/{webhookId}/deliveries/{deliveryId}/resend';

type Sample = {
  readonly path: string;
  readonly body?: object;
  /** A body of another request. */
  readonly other?: object;
  /** The path of another request; by default with another last part. */
  readonly otherPath?: string;
  /** What makes the request possible. */
  readonly before?: () => Promise<unknown>;
  /** What others do between the request and its repeat; without memory the repeat would undo it, or fail. */
  readonly meanwhile?: () => Promise<unknown>;
  /** What must be so after the repeat. */
  readonly after?: () => Promise<unknown>;
};

/** One request for each of the other writes. */
const SAMPLES: Readonly<Record<string, () => Sample>> = {
  'PUT /v1/plans/{planId}': () => {
    const path = `/v1/plans/${name()}`;
    const plan = { name: 'Pro', credits: '1', period: 'month' };
    return {
      path, body: plan, other: { ...plan, credits: '2' }, meanwhile: () => lab.operator('PUT', path, { ...plan, credits: '9' }),
      after: async () => { expect((await lab.operator('GET', path)).body['credits']).toBe('9'); },
    };
  },
  'DELETE /v1/plans/{planId}': () => {
    const path = `/v1/plans/${name()}`;
    return { path, before: () => lab.operator('PUT', path, { name: 'Pro', credits: '1', period: 'month' }) };
  },
  'PUT /v1/account-plans/{accountId}': () => ({
    path: `/v1/account-plans/${name()}`, body: { plan: 'walk' }, other: { plan: 'other' }, before: () => definePlan('walk'),
  }),
  'DELETE /v1/account-plans/{accountId}': () => {
    const path = `/v1/account-plans/${name()}`;
    return {
      path, before: async () => { await definePlan('walk'); await lab.operator('PUT', path, { plan: 'walk' }); },
      meanwhile: () => lab.operator('PUT', path, { plan: 'walk' }),
      after: async () => { expect((await lab.operator('GET', path)).status).toBe(200); },
    };
  },
  'POST /v1/referrals': () => {
    const body = { referrer: name(), referee: name(), credits: '5' };
    return { path: '/v1/referrals', body, other: { ...body, credits: '6' } };
  },
  'PUT /v1/prices/{book}': () => {
    const path = `/v1/prices/${name()}`;
    const price = (input: string): object => ({ model: 'm', prices: { input } });
    return {
      path, body: price('1'), other: price('2'), meanwhile: () => lab.operator('PUT', path, price('3')),
      after: async () => { expect((await lab.operator('GET', path)).body['data']).toMatchObject([{ prices: { input: '3' } }]); },
    };
  },
  'PUT /v1/prices/{book}/terms': () => {
    const path = `/v1/prices/${name()}`;
    return {
      path: `${path}/terms`, body: { profitPercents: ['10'] }, other: { profitPercents: ['20'] },
      before: () => lab.operator('PUT', path, { model: 'm', prices: { input: '1' } }),
    };
  },
  'POST /v1/accounts/{accountId}/freeze': () => {
    const account = name();
    return {
      path: `/v1/accounts/${account}/freeze`, body: { reason: 'stolen' }, other: { reason: 'lost' }, before: () => grant(account),
      meanwhile: () => lab.operator('POST', `/v1/accounts/${account}/thaw`, { reason: 'found' }),
      after: async () => { expect((await lab.operator('GET', `/v1/accounts/${account}`)).body['frozen']).toBe(false); },
    };
  },
  'POST /v1/accounts/{accountId}/thaw': () => {
    const account = name();
    const freeze = () => lab.operator('POST', `/v1/accounts/${account}/freeze`, { reason: 'stolen' });
    return {
      path: `/v1/accounts/${account}/thaw`, body: { reason: 'found' }, other: { reason: 'x' },
      before: async () => { await grant(account); await freeze(); }, meanwhile: freeze,
      after: async () => { expect((await lab.operator('GET', `/v1/accounts/${account}`)).body['frozen']).toBe(true); },
    };
  },
  'PUT /v1/accounts/{accountId}/limits/{limitId}': () => {
    const path = `/v1/accounts/${name()}/limits/daily`;
    const limit = (amount: string): object => ({ amount, period: 'day' });
    return {
      path, body: limit('1'), other: limit('2'), meanwhile: () => lab.operator('PUT', path, limit('3')),
      after: async () => { expect((await lab.operator('GET', path)).body['amount']).toBe('3'); },
    };
  },
  'DELETE /v1/accounts/{accountId}/limits/{limitId}': () => {
    const path = `/v1/accounts/${name()}/limits/daily`;
    return { path, before: () => lab.operator('PUT', path, { amount: '1', period: 'day' }) };
  },
  'PUT /v1/accounts/{accountId}/members/{spender}': () => {
    const path = `/v1/accounts/${name()}/members/${name()}`;
    return {
      path, body: {}, meanwhile: () => lab.operator('DELETE', path),
      after: async () => { expect((await lab.operator('GET', path)).status).toBe(404); },
    };
  },
  'DELETE /v1/accounts/{accountId}/members/{spender}': () => {
    const path = `/v1/accounts/${name()}/members/${name()}`;
    return { path, before: () => lab.operator('PUT', path, {}) };
  },
  'PUT /v1/accounts/{accountId}/terms': () => {
    const path = `/v1/accounts/${name()}/terms`;
    const terms = (maxHold: string): object => ({ maxHold, reason: 'test' });
    return {
      path, body: terms('1'), other: terms('2'), meanwhile: () => lab.operator('PUT', path, terms('3')),
      after: async () => { expect((await lab.operator('GET', path)).body['maxHold']).toBe('3'); },
    };
  },
  'DELETE /v1/accounts/{accountId}/terms': () => {
    const path = `/v1/accounts/${name()}/terms`;
    return {
      path: `${path}?reason=over`, otherPath: `/v1/accounts/${name()}/terms?reason=over`,
      before: () => lab.operator('PUT', path, { maxHold: '1', reason: 'test' }),
    };
  },
  'PUT /v1/accounts/{accountId}/low-balance': () => {
    const path = `/v1/accounts/${name()}/low-balance`;
    return {
      path, body: { amount: '1' }, other: { amount: '2' }, meanwhile: () => lab.operator('PUT', path, { amount: '3' }),
      after: async () => { expect((await lab.operator('GET', path)).body['amount']).toBe('3'); },
    };
  },
  'DELETE /v1/accounts/{accountId}/low-balance': () => {
    const path = `/v1/accounts/${name()}/low-balance`;
    return {
      path, otherPath: `/v1/accounts/${name()}/low-balance`, before: () => lab.operator('PUT', path, { amount: '1' }),
      meanwhile: () => lab.operator('PUT', path, { amount: '3' }),
    };
  },
  'PUT /v1/webhooks/{webhookId}': () => ({
    path: `/v1/webhooks/${webhook}`, body: ENDPOINT, other: { ...ENDPOINT, events: ['hold.expired'] }, before: defineWebhook,
  }),
  'DELETE /v1/webhooks/{webhookId}': () => ({ path: `/v1/webhooks/${webhook}`, before: defineWebhook }),
  'POST /v1/reconciliation': () => ({ path: '/v1/reconciliation', body: {}, other: { account: name() } }),
  'PATCH /v1/api-keys/{keyId}': () => ({
    path: `/v1/api-keys/${apiKey}`, body: { rateLimit: 50 }, other: { rateLimit: 60 }, before: defineKey,
  }),
  'DELETE /v1/api-keys/{keyId}': () => ({ path: `/v1/api-keys/${apiKey}`, before: defineKey }),
};
let apiKey = '';
const defineKey = async (): Promise<void> => {
  apiKey = String((await lab.operator('POST', '/v1/api-keys', { name: name(), scopes: ['read'] })).body['id']);
};
let webhook = '';
const ENDPOINT = { url: 'https://example.com/events', events: ['balance.low'] };
const defineWebhook = async (): Promise<void> => {
  webhook = String((await lab.operator('POST', '/v1/webhooks', ENDPOINT)).body['id']);
};

const definePlan = (planId: string) => lab.operator('PUT', `/v1/plans/${planId}`, { name: 'Walk', credits: '1', period: 'month' });
const grant = (account: string) => lab.operator('POST', '/v1/grants', { account, amount: '1', reason: 'test' });

const writes = (): [string, Operation][] => Object.entries(lab.checked.document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation]))
  .filter(([each]) => each.includes(' /v1/') && !each.startsWith('GET '));

test('every write takes the header, and remembers it unless its nature does', () => {
  const expected = new Set([...BY_NATURE, ...BY_THEMSELVES, RESEND, ...Object.keys(SAMPLES)]);
  expect(writes().map(([each]) => each).sort()).toEqual([...expected].sort());
  for (const [each, { parameters, responses }] of writes()) {
    const replays = Object.values(responses).some(({ headers }) => 'Idempotency-Replayed' in headers);
    expect([each, parameters.some((one) => one.in === 'header' && one.name === 'Idempotency-Key'), replays, '422' in responses])
      .toEqual(BY_NATURE.has(each) ? [each, true, expect.any(Boolean), expect.any(Boolean)] : [each, true, true, true]);
  }
});

describe('a write under a key', () => {
  test.each(Object.keys(SAMPLES))('%s', async (each) => {
    const [method = ''] = each.split(' ');
    const prepared = SAMPLES[each]?.();
    await prepared?.before?.();
    const sample = /\{(keyId|webhookId)\}/.test(each) ? SAMPLES[each]?.() : prepared;
    if (sample === undefined) throw new Error('no sample');
    const headers = key();
    const first = await lab.operator(method, sample.path, sample.body, headers);
    expect([first.status < 300, first.headers.get('idempotency-replayed')]).toEqual([true, null]);
    await sample.meanwhile?.();
    const again = await lab.operator(method, sample.path, sample.body, headers);
    expect([again.status, again.text, again.headers.get('etag'), again.headers.get('idempotency-replayed')])
      .toEqual([first.status, first.text, first.headers.get('etag'), 'true']);
    await sample.after?.();
    const other = sample.other === undefined
      ? await lab.operator(method, sample.otherPath ?? sample.path.replace(/[^/]*$/, 'another'), sample.body, headers)
      : await lab.operator(method, sample.path, sample.other, headers);
    expect(problemOf(other)).toEqual([422, 'idempotency_key_reused', []]);
  });
});

describe('memory', () => {
  const plan = { name: 'Pro', credits: '1', period: 'month' };

  test('the order of members does not make another request; a condition does', async () => {
    const path = `/v1/plans/${name()}`;
    const headers = key();
    await lab.operator('PUT', path, plan, headers);
    const again = await lab.operator('PUT', path, { period: 'month', credits: '1', name: 'Pro' }, headers);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect((await lab.operator('PUT', path, plan, { ...headers, 'If-Match': '*' })).status).toBe(422);
  });

  test('a refused write leaves its key free', async () => {
    const path = `/v1/plans/${name()}`;
    const headers = key();
    expect((await lab.operator('DELETE', path, undefined, headers)).status).toBe(404);
    await lab.operator('PUT', path, plan);
    expect((await lab.operator('DELETE', path, undefined, headers)).status).toBe(204);
    expect((await lab.operator('DELETE', path, undefined, headers)).headers.get('idempotency-replayed')).toBe('true');
  });

  test('sent many times at once, it is one request with one answer', async () => {
    const path = `/v1/plans/${name()}`;
    const headers = { ...key(), 'If-None-Match': '*' };
    const answers = await Promise.all(Array.from({ length: 5 }, () => lab.operator('PUT', path, plan, headers)));
    const refused = answers.filter(({ status }) => status !== 200);
    // One that was refused came while the first still ran, and gets the answer when it asks again.
    expect(refused.every(({ status }) => status === 412)).toBe(true);
    const again = await lab.operator('PUT', path, plan, headers);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
  });

  test('a key belongs to its caller', async () => {
    const path = `/v1/plans/${name()}`;
    const headers = key();
    await lab.operator('PUT', path, plan, headers);
    const other = lab.bearer(await lab.gateway.token({ sub: 'other-root', role: 'admin' }));
    expect((await other('PUT', path, { ...plan, credits: '2', reason: 'test' }, headers)).status).toBe(200);
  });

  test('a key that is none is refused, also where nothing is remembered', async () => {
    for (const path of ['/v1/quotes', '/v1/referrals']) {
      const body = path === '/v1/quotes' ? { model: 'gpt-4o', usage: { inputTokens: 1 } } : { referrer: 'a', referee: 'b', credits: '1' };
      expect(problemOf(await lab.operator('POST', path, body, { 'Idempotency-Key': 'a b' }))).toEqual([
        400, 'invalid_request', ['header.Idempotency-Key'],
      ]);
    }
  });
});

describe('a hold under a key', () => {
  const reused = [422, 'idempotency_key_reused'];
  const codeOf = ({ status, body }: { status: number; body: Record<string, unknown> }): unknown[] => [status, body['code']];
  const send = (path: string, body: object, headers = {}) => lab.operator('POST', `/v1/holds${path}`, body, headers);
  const asked = async (more: object = {}) => ({ account: await lab.funded('10'), id: name(), amount: '4', reason: 'test', ...more });

  test('a place: the key names one hold of the account, and so does the id', async () => {
    const [headers, body] = [key(), await asked()];
    const first = await send('', body, headers);
    const again = await send('', body, headers);
    expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([201, first.text, 'true']);
    // The id alone serves as well.
    expect((await send('', body)).headers.get('idempotency-replayed')).toBe('true');
    for (const other of [{ ...body, id: name() }, { ...body, id: undefined }, { ...body, amount: '5' }, { ...body, onExpiry: 'release' }]) {
      expect(codeOf(await send('', other, headers))).toEqual(reused);
    }
    for (const other of [{ ...body, amount: '5' }, { ...body, amount: undefined, price: { model: 'gpt-4o', maxOutputTokens: 5 } }]) {
      expect(codeOf(await send('', other))).toEqual(reused);
      expect(codeOf(await send('', other, key()))).toEqual(reused);
    }
    expect((await send('', { ...body, account: await lab.funded('10') }, headers)).status).toBe(201);
    expect((await lab.operator('GET', `/v1/accounts/${body.account}`)).body).toMatchObject({ available: '6', held: '4' });
    await send(`/${body.id}/settle`, { account: body.account, amount: '1', reason: 'completed' });
    expect(codeOf(await send('', body, headers))).toEqual([409, 'hold_resolved']);
    expect(codeOf(await send('', { ...body, id: name() }, headers))).toEqual(reused);
  });

  test('a key without an id names its hold, and no other', async () => {
    const [headers, { id, ...body }] = [key(), await asked()];
    expect((await send('', body, headers)).status).toBe(201);
    expect((await send('', body, headers)).headers.get('idempotency-replayed')).toBe('true');
    expect(codeOf(await send('', { ...body, id }, headers))).toEqual(reused);
  });

  test('an end: the first answer, also after a correction; other usage under the key is refused, under none it corrects', async () => {
    const [headers, { id, ...body }] = [key(), await asked()];
    await send('', { ...body, id });
    const settle = (amount: string, more = {}, also = {}) =>
      send(`/${id}/settle`, { account: body.account, amount, reason: 'completed', ...also }, more);
    const first = await settle('1', headers, { metadata: { a: 1, b: 2 } });
    const same = await settle('1', headers, { metadata: { b: 2, a: 1 } });
    expect([same.status, same.text, same.headers.get('idempotency-replayed')]).toEqual([200, first.text, 'true']);
    expect(codeOf(await settle('2', headers))).toEqual(reused);
    expect(codeOf(await send(`/${id}/void`, { account: body.account, reason: 'timeout' }, headers))).toEqual(reused);
    expect((await settle('2')).body).toMatchObject({ captured: '2' });
    expect((await settle('3', key())).body).toMatchObject({ captured: '3' });
    const late = await settle('1', headers, { metadata: { a: 1, b: 2 } });
    expect([late.status, late.text, late.headers.get('idempotency-replayed')]).toEqual([200, first.text, 'true']);
    expect(codeOf(await settle('1'))).toEqual([409, 'hold_resolved']);
    expect((await lab.operator('GET', `/v1/accounts/${body.account}`)).body).toMatchObject({ available: '7', held: '0' });
  });

  test('a void under its key', async () => {
    const [headers, { id, ...body }] = [key(), await asked()];
    await send('', { ...body, id });
    const end = (reason: string, more = {}) => send(`/${id}/void`, { account: body.account, reason }, more);
    const first = await end('timeout', headers);
    const again = await end('timeout', headers);
    expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([200, first.text, 'true']);
    expect(codeOf(await end('user_stop', headers))).toEqual(reused);
    expect((await end('user_stop')).status).toBe(200);
  });
});
