import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Queue } from 'bullmq';
import { deadLetterQueue, SETTLEMENT_QUEUES } from '../../src/edge/queues/queues.js';
import { queuePrefix } from '../../src/stores/redis/queue-connections.js';
import { creditsLab, type Lab } from '../contract/credits-process/lab.js';
import { send } from '../support/fake-gateway.js';
import { until } from '../edge/queues/lab.js';
import { redisUrl } from '../support/servers.js';
import { rawRedis, redisSettings } from '../support/redis-address.js';

/** The commands of operators, as processes of their own beside a gateway that runs. */
let lab: Lab;
let folder: string;
beforeAll(async () => {
  lab = await creditsLab();
  folder = mkdtempSync(join(tmpdir(), 'credit-gateway-commands-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await lab.stop();
});

const run = async (...args: readonly string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../src/cli/main.js'), ...args], {
    env: {
      PATH: process.env['PATH'], ...redisSettings(redisUrl()), DATABASE_URL: lab.gateway.databaseUrl,
      REDIS_NAMESPACE: lab.gateway.redisNamespace, JWT_ACCESS_SECRET: 'x'.repeat(32), SHARDS: '8',
    },
  });
  return stdout.trim();
};

test('keys: create prints the key alone, list shows everything else, revoke ends it', async () => {
  const key = await run('keys', 'create', '--name', 'agent', '--scopes', 'credits-process', '--days', '30');
  expect(key).toMatch(/^cgk_[\w-]{43}$/);
  const start = () =>
    lab.post('/api/credits-process/start', { user_id: lab.user(), feature_endpoint_id: 'ai_chat_v1' }, { 'x-server-api-key': key });
  expect((await until(start, ({ status }) => status === 200, 1_500)).status).toBe(200);
  const listed = await run('keys', 'list');
  expect(listed).toContain('agent');
  expect(listed).not.toContain(key);
  expect(await run('keys', 'revoke', listed.split(' ')[0] ?? '')).toContain('revoked');
  expect((await until(start, ({ status }) => status === 401, 1_500)).status).toBe(401);
  for (const args of [
    ['create'], ['create', '--name', 'x', '--scopes', 'all'], ['create', '--name', 'x', '--days', '0'],
    ['create', '--name', 'x'.repeat(101)], ['create', '--name', 'x', '--scopes', 'charges', '--prefix', 'x'.repeat(256)],
    ['revoke'], ['what'], [],
  ]) {
    await expect(run('keys', ...args)).rejects.toMatchObject({ code: 2, stdout: '' });
  }
  await expect(run('keys', 'revoke', 'unknown')).rejects.toMatchObject({ code: 1, stderr: 'there is no such key\n' });
});

test('keys: limit sets and removes the rate and what may be spent, which is in force within a second', async () => {
  const key = await run('keys', 'create', '--name', 'bounded', '--scopes', 'charges,read');
  const listed = async () => (await run('keys', 'list')).split('\n').find((line) => line.includes('bounded')) ?? '';
  const id = (await listed()).split(' ')[0] ?? '';
  const account = lab.user();
  await lab.post('/api/user-wallets/give-bonus-credits', { user_id: account, credits: 100 });
  const charge = () => send(`${lab.gateway.url}/v1/charges`, 'POST', { token: key, body: { account, amount: 2 } });
  expect(await run('keys', 'limit', id, '--rate', '900', '--spend', '2.5/day', '--zone', 'Europe/Berlin'))
    .toContain('900 a second, 2.5 credits a day of Europe/Berlin');
  expect((await until(charge, ({ status }) => status === 402, 3_000)).body).toMatchObject({ code: 'limit_reached', limit: 'key' });
  // Each changes alone.
  const slower = await run('keys', 'limit', id, '--rate', 'none');
  expect([slower.includes('a second'), slower.includes('2.5 credits a day')]).toEqual([false, true]);
  expect(await run('keys', 'limit', id, '--spend', 'none')).not.toContain('credits');
  expect(await listed()).not.toContain('credits');
  expect((await until(charge, ({ status }) => status === 201, 3_000)).status).toBe(201);
  for (const args of [
    ['limit', id], ['limit', id, '--rate', '0'], ['limit', id, '--rate', 'x'], ['limit', id, '--spend', '5'],
    ['limit', id, '--spend', '5/total'], ['limit', id, '--spend', '-5/day'], ['limit', id, '--spend', '5/day', '--zone', 'Mars/Olympus'],
  ]) {
    const help = 'credit-gateway keys limit --help';
    await expect(run('keys', ...args)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(help) });
  }
  await expect(run('keys', 'limit', 'unknown', '--rate', '5')).rejects.toMatchObject({ code: 1, stderr: 'there is no such key\n' });
});

test('features: a seed from a file, twice the same; the one of the guide; a bad one says where', async () => {
  const seed = join(folder, 'seed.json');
  writeFileSync(seed, JSON.stringify({
    endpoints: [{ feature: 'seeded', name: 'Seeded', value: 'seeded_v1', min_credits: '2.5' }],
    packages: [{ name: 'Seeded', features: [{ feature: 'seeded' }] }],
  }));
  for (let time = 0; time < 2; time += 1) expect(await run('features', 'seed', seed)).toBe('1 endpoints and 1 packages are there');
  await run('features', 'seed');
  const { endpoints, packages } = JSON.parse(await run('features', 'list')) as {
    endpoints: { value: string; min_credits: number }[];
    packages: { name: string; is_initial: boolean }[];
  };
  expect(endpoints.map(({ value, min_credits: minimum }) => [value, minimum])).toEqual([['ai_chat_v1', 10], ['seeded_v1', 2.5]]);
  expect(packages.map(({ name, is_initial: isInitial }) => [name, isInitial])).toEqual([['Free', true], ['Seeded', false]]);
  writeFileSync(seed, JSON.stringify({ endpoints: [{ feature: 'x' }], packages: [] }));
  await expect(run('features', 'seed', seed)).rejects.toThrow('/endpoints/0');
});

test('--json: each list, result and error is JSON; holds are listed; a wrong call is 2', async () => {
  const user = lab.user();
  await lab.post('/api/user-wallets/give-bonus-credits', { user_id: user, credits: 5 });
  const token = await lab.gateway.token({ sub: user, role: 'user' });
  await send(`${lab.gateway.url}/v1/holds`, 'POST', { token, body: { id: 'shown', amount: '2' } });
  expect(JSON.parse(await run('holds', 'list', user, '--json'))).toMatchObject([{ holdId: 'shown', amount: 2 }]);
  expect(await run('holds', 'list', user)).toMatch(/^shown {2}2 credits {2}placed \S+, lease ends \S+$/);
  expect(JSON.parse(await run('keys', 'list', '--json'))).toEqual(expect.any(Array));
  expect(JSON.parse(await run('--json', 'reconcile', '--account', user))).toMatchObject({ drift: false, comparison: { accountId: user } });
  expect(JSON.parse(await run('shards', 'list', '--all', '--json'))).toMatchObject({ shards: expect.any(Array), losses: [] });
  const failed: unknown = await run('account', 'show', 'nobody-here', '--json').catch((error: unknown) => error);
  expect(JSON.parse((failed as { stderr: string }).stderr)).toEqual({ error: expect.stringContaining('nobody-here'), next: null });
  for (const args of [['accoun'], ['shards', 'lst'], ['holds', 'list'], ['rebuild', '--al'],
    ['shards', 'resume', '8', '--reason', 'x'], ['shards', 'left', '8', '--epoch', '1'],
    ['shards', 'acknowledge', '0', '--reason', 'x'.repeat(1_001)],
  ]) {
    const stderr = expect.stringContaining('--help shows how it is called');
    await expect(run(...args)).rejects.toMatchObject({ code: 2, stdout: '', stderr });
  }
  expect(await run('shards', '--help')).toContain('acknowledge');
});

test('account: what a terminal would obey is escaped, and JSON stays JSON', async () => {
  const id = 'odd\u009b31m\u202e\u{e0001}\u007f';
  await lab.post('/api/user-wallets/give-bonus-credits', { user_id: id, credits: 5 });
  const shown = await run('account', 'show', id);
  expect(shown).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  expect(JSON.parse(shown)).toMatchObject({ accountId: id, available: 5 });
});

test('dead letters: list, replay by id, discard', async () => {
  const redis = rawRedis(redisUrl(), { maxRetriesPerRequest: null });
  const prefix = queuePrefix(lab.gateway.redisNamespace);
  const queue = new Queue(SETTLEMENT_QUEUES[0], { connection: redis, prefix });
  const dead = new Queue(deadLetterQueue(SETTLEMENT_QUEUES[0]), { connection: redis, prefix });
  expect(await run('dead-letters', 'list')).toBe('no dead letters');
  await queue.add('end', { user_id: 'non\u009bsense' });
  await queue.add('end', 7);
  expect(await until(() => dead.getJobCounts('waiting'), ({ waiting }) => waiting === 2)).toEqual({ waiting: 2 });
  const listed = await run('dead-letters', 'list');
  expect(listed).toContain('invalid_request');
  expect(listed).toContain('{"user_id":"non\\u009bsense"}'); // a terminal would obey the character itself
  await expect(run('dead-letters', 'replay')).rejects.toThrow('say which to replay');
  await expect(run('dead-letters', 'replay', 'a-typo')).rejects.toMatchObject({
    code: 1, stdout: '0 of 2 dead letters: replayed\nthere is no dead letter a-typo\n',
  });
  expect(await run('dead-letters', 'replay', listed.split(' ')[0] ?? '')).toBe('1 of 2 dead letters: replayed');
  expect(await until(() => dead.getJobCounts('waiting'), ({ waiting }) => waiting === 2)).toEqual({ waiting: 2 });
  expect(await run('dead-letters', 'discard', '--code', 'invalid_request')).toBe('2 of 2 dead letters: discarded');
  expect(await run('dead-letters', 'list')).toBe('no dead letters');
  await queue.close();
  await dead.close();
  redis.disconnect();
});
