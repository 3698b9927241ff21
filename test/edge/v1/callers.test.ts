import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeLab, problemOf, SERVER_KEY, type Call, type NativeLab } from './lab.js';

/** Who calls /v1 and on whose account (docs/contracts/native.md#callers), and the keys of services. */
let lab: NativeLab;
beforeAll(async () => { lab = await nativeLab(); });
afterAll(async () => { await lab.stop(); });

const charge = (call: Call, body: object, headers?: Record<string, string>) =>
  call('POST', '/v1/charges', { amount: '1', ...body }, headers);

describe('the account of a request', () => {
  test('a user acts on the own account, named or not, and on no other', async () => {
    const [mine, other] = [await lab.funded('10'), await lab.funded('10')];
    const user = await lab.user(mine);
    expect((await charge(user, {})).body).toMatchObject({ account: mine, amount: '1', available: '9' });
    expect((await charge(user, { account: mine })).body).toMatchObject({ account: mine, available: '8' });
    expect(problemOf(await charge(user, { account: other }))).toEqual([403, 'forbidden', ['body.account']]);
    expect((await user('GET', `/v1/accounts/${mine}`)).body).toMatchObject({ account: mine, available: '8', frozen: false });
    expect(problemOf(await user('GET', `/v1/accounts/${other}`))).toEqual([403, 'forbidden', ['path.accountId']]);
    expect((await user('POST', '/v1/grants', { account: mine, amount: '1' })).status).toBe(403);
  });

  test('a service names the account, within its scopes', async () => {
    const account = await lab.funded('10');
    const proxy = await lab.service(['charges', 'read']);
    expect((await charge(proxy, { account })).body).toMatchObject({ account, available: '9' });
    expect(problemOf(await charge(proxy, {}))).toEqual([400, 'invalid_request', ['body.account']]);
    expect(problemOf(await proxy('POST', '/v1/grants', { account, amount: '1' }))).toEqual([403, 'forbidden', []]);
    expect((await proxy('GET', `/v1/accounts/${account}/lots`)).status).toBe(200);
  });

  test('keys of the credits process keep its scopes and get none of /v1', async () => {
    const account = await lab.funded('10');
    const { body } = await lab.operator('POST', '/api/admin/server-keys', { name: 'older', scopes: ['*'] });
    for (const call of [lab.bearer(String(body['key'])), lab.bearer(SERVER_KEY), await lab.service(['*'])]) {
      expect(problemOf(await charge(call, { account }))).toEqual([403, 'forbidden', []]);
      expect((await call('GET', `/v1/accounts/${account}`)).status).toBe(403);
    }
    const process = (key: string) => lab.checked.send('POST', '/api/credits-process/start', {
      headers: { 'x-server-api-key': key }, body: {},
    });
    for (const key of [String(body['key']), SERVER_KEY]) expect((await process(key)).status).toBe(400);
  });

  test('a key that is bound to a prefix or a payer acts on nothing else', async () => {
    const [mine, other] = [await lab.funded('10', 'acme'), await lab.funded('10', 'umbrella')];
    const ofPrefix = await lab.service(['charges', 'grants', 'read'], { accountPrefix: 'acme-' });
    expect((await charge(ofPrefix, { account: mine })).status).toBe(201);
    expect(problemOf(await charge(ofPrefix, { account: other }))).toEqual([403, 'forbidden', ['body.account']]);
    expect((await ofPrefix('GET', `/v1/accounts/${other}/entries`)).status).toBe(403);
    const { body: { data } } = await lab.operator('GET', `/v1/accounts/${other}/lots`);
    const [lot] = data as [{ id: string }];
    expect(problemOf(await ofPrefix('DELETE', `/v1/grants/${lot.id}`))).toEqual([404, 'not_found', []]);

    const ofPayer = await lab.service(['charges'], { payer: mine });
    expect((await charge(ofPayer, {})).body).toMatchObject({ account: mine });
    expect((await charge(ofPayer, { account: other })).status).toBe(403);
  });

  test('an operator acts on any account, and says why', async () => {
    const account = await lab.funded('10');
    expect(problemOf(await charge(lab.operator, { account }))).toEqual([400, 'invalid_request', ['body.reason']]);
    const { body } = await charge(lab.operator, { account, reason: 'chargeback 17' });
    expect((await lab.operator('GET', `/v1/accounts/${account}/entries/${String(body['entry'])}`)).body).toMatchObject({
      kind: 'charge', reason: 'chargeback 17', facts: { actor: 'root' },
    });
  });

  test('a supervisor reads any account and writes to none but the own', async () => {
    const account = await lab.funded('10');
    const boss = lab.bearer(await lab.gateway.token({ sub: 'boss', role: 'supervisor' }));
    expect((await boss('GET', `/v1/accounts/${account}`)).status).toBe(200);
    expect((await charge(boss, { account, reason: 'x' })).status).toBe(403);
  });
});

describe('API keys', () => {
  const create = (body: object, headers?: Record<string, string>) =>
    lab.operator('POST', '/v1/api-keys', { scopes: ['charges'], ...body }, headers);

  test('are told once, kept as a digest, and refused within a second of their end', async () => {
    const made = await create({ name: 'proxy' });
    expect(made.body).toMatchObject({
      name: 'proxy', scopes: ['charges'], accountPrefix: null, payer: null, createdBy: 'root', expiresAt: null, revokedAt: null,
    });
    const key = String(made.body['key']);
    expect(key).toMatch(/^cgk_[\w-]{43}$/);
    const { text } = await lab.operator('GET', '/v1/api-keys');
    expect([text.includes(key), text.includes(String(made.body['id']))]).toEqual([false, true]);
    const account = await lab.funded('10');
    expect((await charge(lab.bearer(key), { account })).status).toBe(201);
    expect((await lab.operator('DELETE', `/v1/api-keys/${String(made.body['id'])}`)).body['revokedAt']).toEqual(expect.any(String));
    await sleep(1_000);
    expect(problemOf(await charge(lab.bearer(key), { account }))).toEqual([401, 'unauthenticated', []]);
  });

  test('two of one name live side by side, share their idempotency keys, and a third is refused with the oldest named', async () => {
    const first = await create({ name: 'rotating' });
    expect(problemOf(await create({ name: 'rotating' }))).toEqual([409, 'conflict', ['body.name']]);
    const path = `/v1/api-keys/${String(first.body['id'])}/rotate`;
    const second = await lab.operator('POST', path, {});
    expect(second.body).toMatchObject({ name: 'rotating', scopes: ['charges'] });
    const third = await lab.operator('POST', path, {});
    expect([third.status, third.body['detail']]).toEqual([409, expect.stringContaining(String(first.body['id']))]);

    const account = await lab.funded('10');
    const headers = { 'Idempotency-Key': 'over-the-rotation' };
    const before = await charge(lab.bearer(String(first.body['key'])), { account }, headers);
    const after = await charge(lab.bearer(String(second.body['key'])), { account }, headers);
    expect([after.status, after.body, after.headers.get('idempotency-replayed')]).toEqual([201, before.body, 'true']);

    await lab.operator('DELETE', `/v1/api-keys/${String(first.body['id'])}`);
    expect((await lab.operator('POST', `/v1/api-keys/${String(second.body['id'])}/rotate`, {})).status).toBe(201);
    expect((await lab.operator('POST', path, {})).status).toBe(409);
  });

  test('a repeat makes no second key and cannot tell the first one again', async () => {
    const headers = { 'Idempotency-Key': 'one-key' };
    const first = await create({ name: 'once' }, headers);
    const again = await create({ name: 'once' }, headers);
    expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([201, { ...first.body, key: null }, 'true']);
    expect(problemOf(await create({ name: 'twice' }, headers))).toEqual([422, 'idempotency_key_reused', []]);
  });

  test('expire by themselves, and a rotated one lives as long', async () => {
    const made = await create({ name: 'short', expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
    const rotated = await lab.operator('POST', `/v1/api-keys/${String(made.body['id'])}/rotate`, {});
    expect(Date.parse(String(rotated.body['expiresAt'])) - Date.parse(String(rotated.body['createdAt']))).toBeLessThan(3_700_000);
  });

  test.each<[object, string]>([
    [{ name: '' }, 'body.name'], [{ name: 'x', scopes: [] }, 'body.scopes'], [{ name: 'x', scopes: ['everything'] }, 'body.scopes.0'],
    [{ name: 'x', expiresAt: '2001-01-01T00:00:00Z' }, 'body.expiresAt'],
    [{ name: 'x', expiresAt: '2030-02-30T00:00:00Z' }, 'body.expiresAt'],
    [{ name: 'x', payer: 'a', accountPrefix: 'a' }, 'body.payer'], [{ name: 'x', payer: 'a', scopes: ['wallets'] }, 'body.scopes'],
    [{ name: 'x', payer: 'a', scopes: ['*'] }, 'body.scopes'], [{ name: 'x', spendLimit: 5 }, 'body.spendLimit'],
  ])('%j is refused', async (body, path) => {
    expect(problemOf(await create(body))).toEqual([400, 'invalid_request', [path]]);
  });
});
