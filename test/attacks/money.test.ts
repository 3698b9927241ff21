import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../chaos/lab.js';
import { nativeLab, type Call, type NativeLab } from '../edge/v1/lab.js';
import type { Answer } from '../support/fake-gateway.js';

/** Attacks on the money of one gateway (docs/attacks.md). Each says what is answered and shows that nothing changed. */
let lab: NativeLab;
beforeAll(async () => { lab = await nativeLab(); });
afterAll(async () => { await lab.stop(); });

/** All of the account: every balance and lot, and the number of its entries. */
const stateOf = async (account: string): Promise<unknown> => (await lab.operator('GET', `/v1/accounts/${account}`)).body;
const wordOf = ({ status, body }: Answer): string => `${status} ${(body['code'] ?? body['error'] ?? 'ok') as string}`;
const refused = async (account: string, attack: () => Promise<Answer>, word: string): Promise<void> => {
  const before = await stateOf(account);
  expect(wordOf(await attack())).toBe(word);
  expect(await stateOf(account)).toEqual(before);
};
const grant = (account: string, amount: string, more: object = {}): Promise<Answer> =>
  lab.operator('POST', '/v1/grants', { account, amount, reason: 'test', ...more });
const place = (call: Call, id: string, amount: string): Promise<Answer> => call('POST', '/v1/holds', { id, amount });
const settle = (call: Call, id: string, amount: string): Promise<Answer> => call('POST', `/v1/holds/${id}/settle`, { amount });

test('12 to 14: at the largest balance a grant more is refused, every operation is exact, and the end at nothing is no -0', async () => {
  const account = await lab.funded('999999999.999999');
  const user = await lab.user(account);
  for (let lot = 1; lot < 9; lot += 1) expect((await grant(account, '999999999.999999')).status).toBe(201);
  await refused(account, () => grant(account, '999999999.999999'), '409 too_many');
  expect((await grant(account, '7199254.741')).status).toBe(201); // 2^53 - 1 millionths in all
  await refused(account, () => grant(account, '0.000001'), '409 too_many');
  await refused(account, () => grant(account, '1000000000'), '400 invalid_request');
  expect(await stateOf(account)).toMatchObject({ available: '9007199254.740991', held: '0' });

  const id = randomUUID();
  expect((await place(user, id, '999999999.999999')).body).toMatchObject({ amount: '999999999.999999' });
  expect((await settle(user, id, '999999999.999998')).body).toMatchObject({ captured: '999999999.999998' });
  expect(await stateOf(account)).toMatchObject({ available: '8007199254.740993', held: '0' });
  for (let charge = 0; charge < 8; charge += 1) {
    expect((await user('POST', '/v1/charges', { amount: '999999999.999999' })).status).toBe(201);
  }
  expect(await stateOf(account)).toMatchObject({ available: '7199254.741001' });

  // 14: nothing is left when the hold ends above its amount, and when it ends at it.
  const last = randomUUID();
  expect((await place(user, last, '7199254.741001')).status).toBe(201);
  const ended = await settle(user, last, '7199255');
  expect([ended.status, ended.body['captured'], ended.text.includes('"-0')]).toEqual([200, '7199254.741001', false]);
  expect(await stateOf(account)).toMatchObject({ available: '0', held: '0', debt: '0' });
  await refused(account, () => user('POST', '/v1/charges', { amount: '0.000001' }), '402 insufficient_credits');
});

test('17: names that are made to fall together are spread over the shards', async () => {
  const { keyspace } = await import('../../src/ledger/keys.js');
  const keys = keyspace('cg', 64);
  const counts = new Array<number>(64).fill(0);
  for (let at = 0; at < 9_999; at += 1) counts[keys.shardOf(`a}${at}`)] = (counts[keys.shardOf(`a}${at}`)] ?? 0) + 1;
  // 156 each, if they were even.
  expect([Math.min(...counts) > 78, Math.max(...counts) < 312]).toEqual([true, true]);
});

describe('38 and 39: a user', () => {
  test.each<[string, string, object, string]>([
    ['records less than nothing', '/api/usage/record', { service: 's', operation: 'o', credits: -5 }, '400 invalid_request'],
    ['deducts less than nothing', '/api/credits/deduct', { credits: -5 }, '400 invalid_request'],
    ['charges less than nothing', '/v1/charges', { amount: '-5' }, '400 invalid_request'],
    ['charges nothing', '/v1/charges', { amount: '0' }, '400 invalid_request'],
    ['holds less than nothing', '/v1/holds', { amount: '-5' }, '400 invalid_request'],
    ['names the account of another', '/v1/charges', { account: 'root', amount: '1' }, '403 forbidden'],
    ['sets the fields of the server', '/v1/charges', { amount: '1', balance: '5', seq: 1 }, '400 invalid_request'],
    ['grants', '/v1/grants', { amount: '5' }, '403 forbidden'],
    ['refunds', '/v1/refunds', { amount: '5' }, '403 forbidden'],
    ['moves credits', '/v1/transfers', { amount: '5' }, '403 forbidden'],
    ['allocates', '/api/credits/allocate', { userId: 'mallory', credits: 5 }, '403 forbidden'],
    ['adds', '/credits/add', { amount: 5 }, '403 forbidden'],
  ])('%s', async (_, path, body, word) => {
    const account = await lab.funded('10');
    const user = await lab.user(account);
    await refused(account, () => user('POST', path, body), word);
  });
});

describe('49 to 51: a hold', () => {
  test('that was never placed, or has ended, is ended by nobody for less, and only its own account sees it', async () => {
    const account = await lab.funded('10');
    const [user, mallory] = [await lab.user(account), await lab.user(await lab.funded('10'))];
    const [open, settled, voided] = [randomUUID(), randomUUID(), randomUUID()];
    await refused(account, () => settle(user, open, '1'), '404 hold_not_found');
    for (const id of [open, settled, voided]) expect((await place(user, id, '2')).status).toBe(201);
    expect((await settle(user, settled, '1')).status).toBe(200);
    expect((await user('POST', `/v1/holds/${voided}/void`, { reason: 'user_stop' })).status).toBe(200);
    await refused(account, () => settle(user, settled, '0.5'), '409 hold_resolved');
    await refused(account, () => settle(user, voided, '0'), '200 ok'); // the same end again
    await refused(account, () => place(user, settled, '2'), '409 hold_resolved');
    for (const id of [open, settled, voided, randomUUID()]) {
      await refused(account, () => settle(mallory, id, '1'), '404 hold_not_found');
      await refused(account, () => mallory('POST', `/v1/holds/${id}/void`, { reason: 'user_stop' }), '404 hold_not_found');
      await refused(account, () => mallory('GET', `/v1/holds/${id}`), '404 hold_not_found');
    }
  });

  test('49: of ends at once one decides, and what is captured is the highest that was told', async () => {
    const account = await lab.funded('10');
    const user = await lab.user(account);
    for (let round = 0; round < 5; round += 1) {
      const id = randomUUID();
      expect((await place(user, id, '1')).status).toBe(201);
      const ends = await Promise.all(['0.1', '0.4', '0.2'].map((amount) => settle(user, id, amount))
        .concat(user('POST', `/v1/holds/${id}/void`, { reason: 'user_stop' })));
      expect(ends.every(({ status }) => status === 200 || status === 409)).toBe(true);
      const { body } = await user('GET', `/v1/holds/${id}`);
      const captured = ends.filter(({ status }) => status === 200).map(({ body: each }) => Number(each['captured'] ?? 0));
      expect(Number(body['captured'])).toBe(Math.max(...captured));
    }
    expect(await stateOf(account)).toMatchObject({ held: '0' });
  });
});

test('53 and 58: neither holds nor clocks that jump keep credits beyond their end, and none is lost or made', async () => {
  const account = await lab.funded('5');
  const user = await lab.user(account);
  const hour = 3_600_000;
  const day = 24 * hour;
  const expiresAt = new Date(Date.now() + day).toISOString();
  expect((await grant(account, '7', { expiresAt })).status).toBe(201);
  const cycle = async (): Promise<string> => {
    const id = randomUUID();
    expect((await place(user, id, '1')).status).toBe(201);
    return id;
  };
  for (let round = 0; round < 5; round += 1) {
    expect((await user('POST', `/v1/holds/${await cycle()}/void`, { reason: 'user_stop' })).status).toBe(200);
  }
  const before = await cycle();
  lab.gateway.advance(-hour); // a server that was set back
  expect((await settle(user, before, '1')).status).toBe(200);
  expect(await stateOf(account)).toMatchObject({ available: '11', held: '0' });
  const kept = await cycle();
  lab.gateway.advance(day + 2 * hour);
  // The hold ended with its lease, and what it had of the lot ended with the lot, which no hold renews.
  await until('the lot has ended', async () => ((await stateOf(account)) as { available: string }).available === '5');
  expect((await user('GET', `/v1/holds/${kept}`)).body).toMatchObject({ captured: '0' });
  lab.gateway.advance(-(day + hour));
  expect(await stateOf(account)).toMatchObject({ available: '5', held: '0', debt: '0' });
  await until('Postgres says the same', async () => {
    const { body } = await lab.operator('POST', '/v1/reconciliation', { account });
    return body['result'] === 'ok';
  });
});

test('45: a request whose client has gone before its answer is done once', async () => {
  const account = await lab.funded('5');
  const token = await lab.gateway.token({ sub: account, role: 'user' });
  const body = JSON.stringify({ id: 'left', amount: '1' });
  await new Promise<void>((resolve, reject) => {
    const socket = connect(Number(new URL(lab.gateway.url).port), '127.0.0.1', () => {
      socket.end(`POST /v1/holds HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`
        + `Content-Length: ${body.length}\r\n\r\n${body}`, () => { socket.destroy(); });
    });
    socket.on('error', reject).on('close', () => { resolve(); });
  });
  const user = lab.bearer(token);
  const again = await Promise.all(Array.from({ length: 5 }, () => place(user, 'left', '1')));
  expect(new Set(again.map(({ status, body: { amount } }) => `${status} ${String(amount)}`))).toEqual(new Set(['201 1']));
  expect(await stateOf(account)).toMatchObject({ available: '4', held: '1', seq: 2 });
});

test('54: no more is refunded than was captured, and no refund is refunded', async () => {
  const account = await lab.funded('10');
  const user = await lab.user(account);
  const { body: charged } = await user('POST', '/v1/charges', { amount: '3' }, { 'Idempotency-Key': 'spent' });
  const of = { entry: Number(charged['entry']) };
  const refund = (amount: string, what: object = of): Promise<Answer> =>
    lab.operator('POST', '/v1/refunds', { account, of: what, amount, reason: 'test' });
  await refused(account, () => refund('3.000001'), '409 not_refundable');
  expect((await refund('2')).status).toBe(201);
  await refused(account, () => refund('1.000001'), '409 not_refundable');
  expect((await refund('1')).status).toBe(201);
  await refused(account, () => refund('0.000001'), '409 not_refundable');
  const { seq } = await stateOf(account) as { seq: number };
  await refused(account, () => refund('1', { entry: seq }), '409 not_refundable');
  await refused(account, () => refund('1', { entry: seq + 1 }), '404 not_found');
  expect(await stateOf(account)).toMatchObject({ available: '10' });
});

test.each([
  '/v1/usage?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', '/v1/usage?from=1000-01-01T00:00:00Z&interval=minute',
  `/v1/usage?from=${encodeURIComponent("' or 1=1 --")}`, '/v1/usage?interval=day;drop table accounts',
  '/v1/usage?timeZone=../../etc/passwd',
  '/v1/entries?limit=-1', '/v1/entries?limit=1000000000', '/v1/entries?cursor=9e99', '/v1/holds?state=any', '/v1/holds?limit=0',
  '/api/usage/stats?startDate=2026-02-01&endDate=2026-01-01', '/api/usage/stats?startDate=0001-01-01&endDate=2999-01-01',
  `/api/credits/transactions?page=-1&startDate=${encodeURIComponent("1'; select pg_sleep(9) --")}`,
])('63: %s is 400', async (path) => {
  const user = await lab.user('reader');
  expect(wordOf(await user('GET', path))).toBe('400 invalid_request');
});
