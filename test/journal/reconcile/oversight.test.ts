import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { keyspace } from '../../../src/ledger/keys.js';
import { connectPostgres, apiProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { redisUrl } from '../../support/servers.js';
import { rawRedis, redisSettings } from '../../support/redis-address.js';

/** Accounts, the reconciler and shards as operators use them: over HTTP, and by commands beside a running gateway. */
let gateway: TestGateway;
let admin: string;
let db: Db;
let redis: Redis;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await gateway.token({ sub: 'root', role: 'admin' });
  db = connectPostgres(gateway.databaseUrl, apiProfile(5_000));
  redis = rawRedis(redisUrl());
  await call('GET', '/api/credits/balance', undefined, await gateway.token({ sub: 'alice-id', username: 'alice' }));
});
afterAll(async () => {
  redis.disconnect();
  await db.destroy();
  await gateway.stop();
});

const call = (method: string, path: string, body?: object, token = admin): Promise<Answer> =>
  send(gateway.url + path, method, { token, ...(body === undefined ? {} : { body }) });
const grant = (userId: string, credits = 10) => call('POST', '/api/credits/allocate', { userId, credits });
const accountKey = (accountId: string): string => keyspace(gateway.redisNamespace, 8).account(accountId, 1).account;

type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };
const run = (command: string, ...args: readonly string[]): Promise<Ran> => new Promise((resolve) => {
  const env = {
    PATH: process.env['PATH'], ...redisSettings(redisUrl()), DATABASE_URL: gateway.databaseUrl, REDIS_NAMESPACE: gateway.redisNamespace,
    SHARDS: '8', JWT_ACCESS_SECRET: 'x'.repeat(32),
  };
  execFile(process.execPath, [
    join(import.meta.dirname, '../../../src/cli/main.js'), command, ...args,
  ], { env }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : Number(error.code), stdout: stdout.trim(), stderr });
  });
});

describe('an account', () => {
  test('is shown, frozen, refused with 423, and thawed, by any of its names', async () => {
    await grant('alice-id');
    expect((await call('POST', '/v1/accounts/alice/freeze', { reason: 'chargeback 17' })).body).toEqual({
      account: 'alice-id', frozen: true, changed: true,
    });
    expect((await call('POST', '/v1/accounts/alice-id/freeze', { reason: 'again' })).body).toMatchObject({ changed: false });
    expect((await call('GET', '/v1/accounts/alice')).body).toMatchObject({
      account: 'alice-id', available: '10', held: '0', debt: '0', seq: 2, frozen: true,
      freeze: { actor: 'root', reason: 'chargeback 17' }, totals: { granted: '10' },
      lots: [{ remaining: '10', held: '0' }], holds: [],
    });
    const alice = await gateway.token({ sub: 'alice-id' });
    const refused = await call(
      'POST', '/api/streaming-sessions/initialize', { sessionId: 's', modelId: 'gpt-4', estimatedTokens: 1_000 }, alice,
    );
    expect([refused.status, refused.body['error']]).toEqual([423, 'account_frozen']);
    expect((await grant('alice-id')).status).toBe(423);
    expect((await call('POST', '/v1/accounts/alice-id/thaw', { reason: 'paid' })).body).toEqual({
      account: 'alice-id', frozen: false, changed: true,
    });
    expect((await call('GET', '/v1/accounts/alice-id')).body).toMatchObject({ frozen: false, freeze: null, available: '10' });
    expect((await grant('alice-id')).status).toBe(201);
    await call('POST', '/v1/reconciliation', { account: 'alice-id' }); // which drains
    expect((await call('GET', '/v1/entries', undefined, alice)).body['data']).toMatchObject([
      { kind: 'grant' }, { kind: 'thaw' }, { kind: 'freeze' }, { kind: 'grant' },
    ]);
  });

  test('needs a reason and must exist', async () => {
    for (const body of [{}, { reason: '' }, { reason: 'x'.repeat(1_001) }, { reason: 'a\0b' }]) {
      expect((await call('POST', '/v1/accounts/alice-id/freeze', body)).status).toBe(400);
    }
    expect((await call('POST', '/v1/accounts/nobody/freeze', { reason: 'x' })).status).toBe(404);
    expect((await call('GET', '/v1/accounts/nobody')).status).toBe(404);
  });

  test('by command', async () => {
    expect((await run('account', 'freeze', 'alice')).stderr).toContain("required option '--reason <text>'");
    expect(await run('account', 'freeze', 'alice', '--reason', 'by hand')).toMatchObject({ code: 0, stdout: 'alice-id is frozen now' });
    expect(await run('account', 'freeze', 'alice', '--reason', 'by hand')).toMatchObject({
      code: 0, stdout: 'alice-id was frozen already; nothing was changed',
    });
    expect((await call('GET', '/v1/accounts/alice-id')).body).toMatchObject({
      frozen: true, freeze: { reason: 'by hand', actor: expect.stringMatching(/^command:/) as unknown },
    });
    expect(JSON.parse((await run('account', 'show', 'alice-id')).stdout)).toMatchObject({
      accountId: 'alice-id', available: 20, frozen: true, freeze: { reason: 'by hand' },
    });
    expect(await run('account', 'thaw', 'alice-id', '--reason', 'by hand')).toMatchObject({
      code: 0, stdout: 'alice-id is not frozen now',
    });
    expect(await run('account', 'show', 'nobody')).toMatchObject({ code: 1 });
  });
});

describe('the reconciler', () => {
  test('compares one account on demand; drift is in the answer and the findings, and the command fails', async () => {
    await grant('bob');
    expect((await call('POST', '/v1/reconciliation', { account: 'bob' })).body).toMatchObject({
      account: 'bob', seq: 1, result: 'ok', differences: [],
    });
    expect(await run('reconcile', '--account', 'bob')).toMatchObject({ code: 0 });
    expect((await call('POST', '/v1/reconciliation', { account: 'nobody' })).status).toBe(404);

    await redis.hincrby(accountKey('bob'), 'available', 7);
    const difference = { check: 'balance', expected: 'available 10000000', actual: 'available 10000007', differenceMicros: 7 };
    expect((await call('POST', '/v1/reconciliation', { account: 'bob' })).body).toMatchObject({
      result: 'drift', differences: [difference],
    });
    expect((await call('GET', '/v1/reconciliation')).body).toMatchObject({
      open: [{ check: 'balance', accounts: 1, differenceMicros: 7 }], findings: [{ account: 'bob', ...difference }],
      sums: { conserves: true },
    });
    for (const args of [[], ['--account', 'bob'], ['--all']]) {
      const { code, stdout } = await run('reconcile', ...args);
      expect([args, code, stdout]).toEqual([args, 1, expect.stringContaining('found    available 10000007')]);
    }
    await redis.hincrby(accountKey('bob'), 'available', -7);
    expect(await run('reconcile', '--all')).toMatchObject({ code: 0 });
    expect((await call('POST', '/v1/reconciliation', { account: 'bob' })).body).toMatchObject({ result: 'ok' });
    expect((await call('GET', '/v1/reconciliation')).body).toMatchObject({ open: [], findings: [] });
    expect(await run('reconcile')).toMatchObject({ code: 0, stdout: expect.stringContaining('no drift') as unknown });
  });

  test('a complete round starts on request and finishes without further requests', async () => {
    const answer = await call('POST', '/v1/reconciliation', {});
    expect([answer.status, answer.body]).toEqual([202, { status: 'started' }]);
    const startedMs = Date.now();
    for (;;) {
      const { body } = await call('GET', '/v1/reconciliation');
      if (body['fullRoundWanted'] === false && Date.parse(String(body['lastFullRoundAt'])) >= startedMs - 1) break;
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
    expect((await call('GET', '/v1/reconciliation')).body).toMatchObject({
      findings: [], lastRoundAccounts: expect.any(Number) as unknown,
    });
  });
});

test('a stopped shard is listed, resumed with a reason, and stops again while its journal contradicts Postgres', async () => {
  const { shard } = await grant('carol').then(() => call('POST', '/v1/reconciliation', { account: 'carol' })).then(({ body }) =>
    body as { shard: number });
  expect((await run('shards', 'list')).code).toBe(0);
  expect(await run('shards', 'resume', String(shard), '--reason', 'x')).toMatchObject({ code: 0, stdout: `shard ${shard} is not stopped` });

  // Postgres loses the account's last seq, as a restored backup would: the next entry is a gap.
  await db.raw(`update accounts set seq = 7 where account_id = 'carol'`);
  await grant('carol', 1);
  for (;;) {
    const stopped = ((await call('GET', '/v1/shards')).body['data'] as {
      shard: number;
      stoppedReason: string | null;
    }[]).find((each) => each.shard === shard)?.stoppedReason;
    if (typeof stopped === 'string') break;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  expect((await run('shards', 'list')).stdout).toMatch(/stopped: fork/);
  expect((await run('shards', 'resume', String(shard))).stderr).toContain("required option '--reason <text>'");
  expect(await run('shards', 'resume', String(shard), '--reason', 'hoping')).toMatchObject({
    code: 1, stdout: expect.stringContaining('stopped again after 0 entries: fork') as unknown,
  });

  await db.raw(`update accounts set seq = 1 where account_id = 'carol'`);
  // The gateway also drains the shard once it is resumed: either of the two writes the entry.
  const resumed = await run('shards', 'resume', String(shard), '--reason', 'seq put right');
  expect(['0 entries', '1 entries'].map((entries) => `shard ${shard} is drained again: ${entries} went in`)).toContain(resumed.stdout);
  expect(resumed.code).toBe(0);
  expect((await call('POST', '/v1/reconciliation', { account: 'carol' })).body).toMatchObject({ result: 'ok', seq: 2 });
  const { rows } = await db.raw<{ rows: { reason: string }[] }>('select reason from shard_resumes order by at');
  expect(rows.map(({ reason }) => reason)).toEqual(['hoping', 'seq put right']);
});
