import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { nativeLab, problemOf, type Call, type NativeLab } from './lab.js';

/** Webhooks and events of /v1, over HTTP, with a receiver of its own on the loopback (docs/contracts/native.md#webhooks). */
type Received = { readonly headers: Record<string, string>; readonly body: string };

let lab: NativeLab;
let admin: Call;
let receiver: Server;
let url: string;
const received: Received[] = [];
let status = 200;
beforeAll(async () => {
  lab = await nativeLab({ WEBHOOK_ALLOW_PRIVATE_ADDRESSES: 'true' });
  admin = await lab.service(['admin', 'read', 'charges', 'grants']);
  receiver = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      received.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() });
      response.writeHead(status).end('seen');
    })();
  });
  await new Promise<void>((resolve) => { receiver.listen(0, '127.0.0.1', resolve); });
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
});
afterAll(async () => {
  receiver.close();
  receiver.closeAllConnections();
  await lab.stop();
});

const DEADLINE_MS = 30_000;
async function until<T>(read: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const endsAt = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > endsAt) throw new Error('it did not happen in time');
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}
const ofAccount = (account: string) => received.filter(({ body }) => (JSON.parse(body) as { account: string }).account === account);
const receivedAfter = (account: string, count: number) => until(() => {
  const found = ofAccount(account);
  return found.length >= count ? found : undefined;
});
type Item = Record<string, unknown>;
const dataOf = async (answer: Promise<{ body: Item }>): Promise<Item[]> => (await answer).body['data'] as Item[];

test('what happens to an account is sent, signed, recorded with the answer, listed as events, and sent again on request', async () => {
  const account = await lab.funded('10', 'wh');
  const made = await admin('POST', '/v1/webhooks', { url, account, lowBalance: '5', description: 'alerts' });
  expect([made.status, made.headers.get('etag'), made.body]).toEqual([201, '"1"', {
    id: expect.stringMatching(/^whe_/), url, description: 'alerts', events: [], account, accountPrefix: null, lowBalance: '5',
    state: 'enabled', disabledReason: null, disabledAt: null, failingSince: null, previousSecretEndsAt: null, createdBy: expect.any(String),
    createdAt: expect.any(String), secret: expect.stringMatching(/^whsec_/),
  }]);
  await admin('PUT', `/v1/accounts/${account}/limits/daily`, { amount: '8', period: 'day', mode: 'warn' });
  await admin('POST', '/v1/charges', { account, amount: '6' });
  await admin('POST', '/v1/charges', { account, amount: '3' });
  await lab.operator('POST', `/v1/accounts/${account}/freeze`, { reason: 'a test' });
  const secret = String(made.body['secret']);
  const sent = await receivedAfter(account, 3);
  const messages = sent.map(({ headers, body }) => new Webhook(secret).verify(body, headers) as Item);
  const byType = new Map(messages.map((message) => [message['type'], message]));
  expect([...byType.keys()].sort()).toEqual(['account.frozen', 'balance.low', 'limit.warned']);
  expect(byType.get('balance.low')).toEqual({
    id: expect.stringMatching(/^evt_/), type: 'balance.low', timestamp: expect.any(String), account,
    data: { threshold: '5', available: '4', held: '0', entry: 2 },
  });
  expect(byType.get('limit.warned')).toMatchObject({ data: { limit: 'daily', spender: null, entry: 3 } });

  const user = await lab.user(account);
  const events = await user('GET', '/v1/events');
  expect(new Map((events.body['data'] as Item[]).map((event) => [event['type'], event]))).toEqual(byType);
  const cursor = String(events.body['nextCursor']);
  expect((await user('GET', `/v1/events?cursor=${cursor}`)).body).toEqual({ data: [], nextCursor: cursor });
  expect(await dataOf(admin('GET', `/v1/events?account=${account}&type=balance.low,debt.incurred`))).toEqual([byType.get('balance.low')]);

  const id = String(made.body['id']);
  const list = await until(async () => {
    const rows = await dataOf(admin('GET', `/v1/webhooks/${id}/deliveries?state=delivered`));
    return rows.length === 3 ? rows : undefined;
  });
  expect(list[0]).toMatchObject({ webhook: id, attempts: 1, nextAttemptAt: null, answers: [{ status: 200, body: 'seen', problem: null }] });
  const [first] = list as [Item];
  const path = `/v1/webhooks/${id}/deliveries/${String(first['id'])}`;
  expect((await admin('GET', path)).body).toEqual(first);
  expect((await admin('POST', `${path}/resend`)).status).toBe(202);
  const again = (await receivedAfter(account, 4))[3];
  expect(again?.headers['webhook-id']).toBe((first['event'] as Item)['id']);
  expect(ofAccount(account).find(({ headers }) => headers['webhook-id'] === again?.headers['webhook-id'])?.body).toBe(again?.body);
  expect(problemOf(await admin('POST', `/v1/webhooks/${id}/deliveries/999999/resend`))).toEqual([404, 'not_found', []]);
});

test('a failed attempt is tried again with the time, and a disabled webhook is told so', async () => {
  const account = await lab.funded('10', 'wh');
  const { body } = await admin('POST', '/v1/webhooks', { url, account, events: ['account.frozen'] });
  const path = `/v1/webhooks/${String(body['id'])}`;
  status = 503;
  await lab.operator('POST', `/v1/accounts/${account}/freeze`, { reason: 'a test' });
  await receivedAfter(account, 1);
  await until(async () => ((await admin('GET', path)).body['failingSince'] === null ? undefined : true));
  const [row] = await dataOf(admin('GET', `${path}/deliveries`));
  expect(row).toMatchObject({ state: 'pending', attempts: 1, nextAttemptAt: expect.any(String), answers: [{ status: 503 }] });
  status = 200;
  lab.gateway.advance(10_000);
  const [one, two] = await receivedAfter(account, 2);
  expect(two?.headers['webhook-id']).toBe(one?.headers['webhook-id']);
  await until(async () => ((await admin('GET', path)).body['failingSince'] === null ? true : undefined));
  const off = await admin('PUT', path, { url, account, enabled: false });
  expect(off.body).toMatchObject({ state: 'disabled', disabledReason: 'request', events: [], disabledAt: expect.any(String) });
  expect(problemOf(await admin('POST', `${path}/deliveries/${String(row?.['id'])}/resend`))).toEqual([409, 'conflict', []]);
});

describe('endpoints', () => {
  test('are changed only in the version that was read, and deleted', async () => {
    const { body } = await admin('POST', '/v1/webhooks', { url, account: 'etag' });
    const path = `/v1/webhooks/${String(body['id'])}`;
    const changed = await admin('PUT', path, { url: `${url}2`, account: 'etag' }, { 'If-Match': '"1"' });
    expect([changed.status, changed.headers.get('etag'), changed.body['url']]).toEqual([200, '"2"', `${url}2`]);
    expect(changed.body).not.toHaveProperty('secret');
    expect(problemOf(await admin('PUT', path, { url, account: 'etag' }, { 'If-Match': '"1"' }))).toEqual([412, 'precondition_failed', []]);
    expect(problemOf(await admin('DELETE', path, undefined, { 'If-Match': '"1"' }))).toEqual([412, 'precondition_failed', []]);
    expect((await admin('PUT', path, { url: `${url}2`, account: 'etag' })).headers.get('etag')).toBe('"2"');
    expect((await admin('DELETE', path, undefined, { 'If-Match': '"2"' })).status).toBe(204);
    expect(problemOf(await admin('GET', path))).toEqual([404, 'not_found', []]);
  });

  test('are made once per key; a rotation is repeated with its secret', async () => {
    const headers = { 'Idempotency-Key': 'make-1' };
    const request = { url, account: 'keyed' };
    const [made, again] = [await admin('POST', '/v1/webhooks', request, headers), await admin('POST', '/v1/webhooks', request, headers)];
    expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([201, made.body, 'true']);
    expect(problemOf(await admin('POST', '/v1/webhooks', { ...request, lowBalance: '1' }, headers)))
      .toEqual([422, 'idempotency_key_reused', []]);
    expect(await dataOf(admin('GET', '/v1/webhooks')).then((all) => all.filter(({ account }) => account === 'keyed'))).toHaveLength(1);
    const path = `/v1/webhooks/${String(made.body['id'])}/rotate`;
    const rotated = await admin('POST', path, {}, { 'Idempotency-Key': 'rotate-1' });
    expect(rotated.body).toMatchObject({ previousSecretEndsAt: expect.any(String), secret: expect.stringMatching(/^whsec_/) });
    expect(rotated.body['secret']).not.toBe(made.body['secret']);
    expect((await admin('POST', path, {}, { 'Idempotency-Key': 'rotate-1' })).body).toEqual(rotated.body);
    expect(problemOf(await admin('POST', path, { keepPreviousSeconds: 5 }, { 'Idempotency-Key': 'rotate-1' })))
      .toEqual([422, 'idempotency_key_reused', []]);
    expect((await admin('POST', path, { keepPreviousSeconds: 0 })).body).toMatchObject({ previousSecretEndsAt: null });
    expect((await admin('POST', '/v1/webhooks', request, headers)).body['secret']).toBeNull();
  });

  test('belong to the accounts of their caller: others cannot see, make or move them', async () => {
    const acme = await lab.service(['admin', 'read'], { accountPrefix: 'acme-' });
    const payer = await lab.service(['admin', 'read'], { payer: 'acme-1' });
    const made = await acme('POST', '/v1/webhooks', { url });
    expect(made.body).toMatchObject({ account: null, accountPrefix: 'acme-' });
    const own = await payer('POST', '/v1/webhooks', { url });
    expect(own.body).toMatchObject({ account: 'acme-1', accountPrefix: null });
    expect((await dataOf(acme('GET', '/v1/webhooks'))).map(({ id }) => id)).toEqual([own.body['id'], made.body['id']]);
    expect((await dataOf(payer('GET', '/v1/webhooks'))).map(({ id }) => id)).toEqual([own.body['id']]);
    const path = `/v1/webhooks/${String(made.body['id'])}`;
    for (const answer of [
      await payer('GET', path), await payer('DELETE', path), await payer('PUT', path, { url }), await payer('POST', `${path}/rotate`, {}),
      await payer('GET', `${path}/deliveries`), await payer('GET', `${path}/deliveries/1`),
      await payer('POST', `${path}/deliveries/1/resend`),
    ]) expect(problemOf(answer)).toEqual([404, 'not_found', []]);
    expect(problemOf(await acme('POST', '/v1/webhooks', { url, account: 'other' }))).toEqual([403, 'forbidden', ['body.account']]);
    expect(problemOf(await acme('PUT', path, { url, accountPrefix: 'ac' }))).toEqual([403, 'forbidden', ['body.accountPrefix']]);
    expect(problemOf(await acme('GET', '/v1/events?account=other'))).toEqual([403, 'forbidden', ['query.account']]);
    const other = await lab.funded('1', 'other');
    await lab.operator('POST', `/v1/accounts/${other}/freeze`, { reason: 'a test' });
    await until(async () => ((await dataOf(lab.operator('GET', `/v1/events?account=${other}`))).length > 0 ? true : undefined));
    expect(await dataOf(acme('GET', '/v1/events'))).toEqual([]);
    expect(await dataOf(payer('GET', '/v1/events'))).toEqual([]);
  });

  test('for one filter are bounded in number', async () => {
    const answers = [];
    for (let count = 0; count < 21; count += 1) answers.push((await admin('POST', '/v1/webhooks', { url, account: 'many' })).status);
    expect([answers.slice(0, 20).every((each) => each === 201), answers[20]]).toEqual([true, 409]);
  });
});

test('the threshold of an account is a resource with a version', async () => {
  const path = '/v1/accounts/threshold-1/low-balance';
  expect(problemOf(await admin('GET', path))).toEqual([404, 'not_found', []]);
  const set = await admin('PUT', path, { amount: '2.5' }, { 'If-None-Match': '*' });
  expect([set.status, set.body, set.headers.get('etag')]).toEqual([201, { account: 'threshold-1', amount: '2.5' }, '"1"']);
  expect((await admin('PUT', path, { amount: 3 }, { 'If-Match': '"1"' })).headers.get('etag')).toBe('"2"');
  expect(problemOf(await admin('PUT', path, { amount: 4 }, { 'If-Match': '"1"' }))).toEqual([412, 'precondition_failed', []]);
  expect((await admin('DELETE', path)).status).toBe(204);
  expect(problemOf(await admin('DELETE', path))).toEqual([404, 'not_found', []]);
});

test.each<[string, object, string]>([
  ['a URL of no web server', { url: 'ftp://example.com/' }, 'body.url'], ['no URL', { url: 'hook' }, 'body.url'],
  ['no ASCII', { url: 'https://exämple.com/' }, 'body.url'], ['a password', { url: 'https://a:b@example.com/' }, 'body.url'],
  ['an unknown event', { events: ['balance.high'] }, 'body.events.0'], ['an unknown member', { event: [] }, 'body.event'],
  ['two filters', { account: 'a', accountPrefix: 'b' }, 'body.accountPrefix'],
  ['a threshold of nothing', { lowBalance: 0 }, 'body.lowBalance'],
])('%s is refused', async (_name, body, path) => {
  expect(problemOf(await admin('POST', '/v1/webhooks', { url, ...body }))).toEqual([400, 'invalid_request', [path]]);
});

test.each([['/v1/events?type=nothing', 'query.type'], ['/v1/events?cursor=x', 'query.cursor'], ['/v1/events?limit=0', 'query.limit']])(
  '%s is refused', async (path, source) => {
    expect(problemOf(await admin('GET', path))).toEqual([400, 'invalid_request', [source]]);
  },
);

test('without the setting, an internal address is refused', async () => {
  const strict = await nativeLab();
  try {
    for (const internal of [url, 'https://127.0.0.1/', 'https://[::ffff:10.0.0.1]/', 'https://169.254.169.254/', 'https://localhost/']) {
      expect(problemOf(await strict.operator('POST', '/v1/webhooks', { url: internal }))).toEqual([400, 'invalid_request', ['body.url']]);
    }
  } finally {
    await strict.stop();
  }
});
