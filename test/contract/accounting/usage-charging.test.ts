import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';

/** Two clients of one gateway: one deducts and then records the same, for the other the record is its only charge (C-01). */
let gateway: TestGateway;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await gateway.token({ sub: 'usage-admin', role: 'admin' });
});
afterAll(async () => { await gateway.stop(); });

const SIGNATURE = { success: true, user_id_source: 'jwt', original_operation_details: { model: 'gpt-4' } };

async function someone(credits: number) {
  const sub = `u-${randomUUID()}`;
  const token = await gateway.token({ sub });
  const grant = async (amount: number): Promise<void> => {
    expect((await send(`${gateway.url}/api/credits/allocate`, 'POST', { token: admin, body: { userId: sub, credits: amount } })).status)
      .toBe(201);
  };
  await grant(credits);
  return {
    grant,
    deduct: (amount: number) => send(`${gateway.url}/api/credits/deduct`, 'POST', { token, body: { credits: amount } }),
    record: (amount: number, metadata: object, headers: Record<string, string> = {}): Promise<Answer> =>
      send(`${gateway.url}/api/usage/record`, 'POST', {
        token, headers, body: { service: 'chat', operation: 'gpt-4', credits: amount, metadata },
      }),
    balance: async () => (await send(`${gateway.url}/api/credits/balance`, 'GET', { token })).body['totalCredits'],
    stats: async () => (await send(`${gateway.url}/api/usage/stats`, 'GET', { token })).body,
    entries: async () => (await send(`${gateway.url}/v1/entries`, 'GET', { token })).body['data'] as {
      readonly kind: string;
      readonly captured: string;
      readonly uncollected: string;
    }[],
  };
}

test('deduct, then record with the signature: charged once, recorded and counted once', async () => {
  const alice = await someone(100);
  expect((await alice.deduct(7.5)).status).toBe(200);
  const { status, body } = await alice.record(7.5, SIGNATURE);
  expect([status, body]).toEqual([201, expect.objectContaining({ service: 'chat', operation: 'gpt-4', credits: 7.5 })]);
  expect(await alice.balance()).toBe(92.5);
  expect(await alice.stats()).toMatchObject({
    totalRecords: 1, totalCredits: 7.5, byModel: { 'gpt-4': 7.5 }, uncollectedRecords: 0,
    recentActivity: [expect.objectContaining({ credits: 7.5, metadata: SIGNATURE })],
  });
});

test.each([
  ['a failed operation that was deducted', { ...SIGNATURE, success: false }, 95],
  ['one word of the signature is missing', { success: true, user_id_source: 'jwt' }, 90],
  ['no metadata', {}, 90],
])('%s', async (_, metadata, balance) => {
  const alice = await someone(100);
  await alice.deduct(5);
  expect((await alice.record(5, metadata)).status).toBe(201);
  expect(await alice.balance()).toBe(balance);
});

test('the signature without a deduction does not make usage free', async () => {
  const alice = await someone(100);
  await alice.record(5, SIGNATURE);
  expect(await alice.balance()).toBe(95);
});

test('USAGE_RECORD_MODE=log overrides: nothing is charged, nothing is claimed', async () => {
  const own = await startGateway({ environment: { USAGE_RECORD_MODE: 'log' } });
  try {
    const token = await own.token({ sub: 'logged' });
    const root = await own.token({ sub: 'root', role: 'admin' });
    await send(`${own.url}/api/credits/allocate`, 'POST', { token: root, body: { userId: 'logged', credits: 100 } });
    await send(`${own.url}/api/credits/deduct`, 'POST', { token, body: { credits: 5 } });
    for (const metadata of [SIGNATURE, {}]) {
      expect((await send(`${own.url}/api/usage/record`, 'POST', {
        token, body: { service: 'chat', operation: 'gpt-4', credits: 5, metadata },
      })).status).toBe(201);
    }
    expect((await send(`${own.url}/api/credits/balance`, 'GET', { token })).body['totalCredits']).toBe(95);
  } finally {
    await own.stop();
  }
});

test('a record that is refused leaves its usage behind, as uncollected; its repeat after a top-up collects it', async () => {
  const alice = await someone(3);
  const headers = { 'idempotency-key': randomUUID() };
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const { status, body } = await alice.record(5, {}, headers);
    expect([status, body['message']]).toEqual([402, 'Insufficient credits']);
  }
  expect(await alice.balance()).toBe(3);
  expect(await alice.stats()).toMatchObject({
    totalRecords: 0, totalCredits: 0, uncollectedRecords: 1, uncollectedCredits: 5,
    recentActivity: [expect.objectContaining({ credits: 0, uncollected: 5 })],
  });
  expect((await alice.entries())[0]).toMatchObject({ kind: 'refuse_usage', captured: '0', uncollected: '5' });

  await alice.grant(10);
  const collected = await alice.record(5, {}, headers);
  expect([collected.status, collected.headers.get('idempotency-replayed')]).toEqual([201, null]);
  expect(await alice.balance()).toBe(8);
  expect(await alice.stats()).toMatchObject({
    totalRecords: 1, totalCredits: 5, uncollectedRecords: 0, uncollectedCredits: 0,
    recentActivity: [expect.objectContaining({ credits: 5, uncollected: 0 })],
  });
});

test('all users: uncollected usage is in the statistics of the system, and not among its credits', async () => {
  const before = (await send(`${gateway.url}/api/usage/system-stats`, 'GET', { token: admin })).body as {
    readonly totalCredits: number;
    readonly uncollectedCredits: number;
  };
  const alice = await someone(1);
  await alice.record(6, {});
  const after = (await send(`${gateway.url}/api/usage/system-stats`, 'GET', { token: admin })).body as {
    readonly totalCredits: number;
    readonly uncollectedCredits: number;
  };
  expect([after.totalCredits - before.totalCredits, after.uncollectedCredits - before.uncollectedCredits]).toEqual([0, 6]);
});
