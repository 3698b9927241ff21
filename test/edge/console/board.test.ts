import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { consoleLab, logIn, operator, OURS, sendPlainly, type Lab, type Operator } from './lab.js';

/** bull-board behind the gates of the console: supervisors read, administrators act, and all files come from the gateway. */
let lab: Lab;
let boss: Operator;
let cookies: Readonly<Record<'admin' | 'supervisor', string>>;
beforeAll(async () => {
  lab = await consoleLab();
  const token = (sub: string, role: string): Promise<string> => lab.gateway.token({ sub, role });
  const [admin, supervisor] = await Promise.all([token('root', 'admin'), token('boss', 'supervisor')]);
  boss = operator(lab.gateway.url, supervisor);
  cookies = { admin: await logIn(lab.gateway.url, admin), supervisor: await logIn(lab.gateway.url, supervisor) };
});
afterAll(async () => { await lab.stop(); });

const press = (role: 'admin' | 'supervisor', path: string, headers: Record<string, string> = OURS) =>
  sendPlainly(`${lab.gateway.url}/console/queues/api/queues/${path}`, 'PUT', {
    headers: { cookie: cookies[role], 'content-type': 'application/json', ...headers }, raw: '{}',
  });

type Listed = { readonly queues: readonly { readonly name: string; readonly readOnlyMode: boolean; readonly isPaused: boolean }[] };
const listed = async (by: Operator): Promise<Listed['queues']> =>
  (JSON.parse((await by.get('/console/queues/api/queues')).text) as Listed).queues;

test('lists the ledger queue, the settlement queues and their dead letters', async () => {
  expect((await listed(lab.root)).map(({ name }) => name).sort()).toEqual([
    'credits_process_end_multimodel_queue', 'credits_process_end_multimodel_queue_dlq', 'credits_process_end_queue',
    'credits_process_end_queue_dlq', 'feature_usage_queue', 'feature_usage_queue_dlq', 'ledger', 'webhooks',
  ]);
});

test('an unknown path is 404, whatever it looks like, and a bad one 400', async () => {
  for (const path of [
    '/api/nothing', '/api/queues/none/1', '/queue/none', '/queue/none/1', '/queue/ledger/1/more', '/nothing/of/the/kind.txt',
    '/static/none.js', '/static/%00', '/static/%2e%2e/%2e%2e/x',
  ]) {
    expect([path, (await boss.get(`/console/queues${path}`)).status]).toEqual([path, 404]);
  }
  expect((await boss.get('/console/queues/queue/ledger')).status).toBe(200);
  expect((await press('admin', 'none/pause')).status).toBe(404);
  expect((await press('admin', 'ledger/nothing')).status).toBe(404);
  expect((await boss.get('/console/queues/static/%zz')).status).toBe(400);
});

test('is read-only for supervisors; their actions are refused', async () => {
  expect((await listed(boss)).every(({ readOnlyMode }) => readOnlyMode)).toBe(true);
  for (const path of ['ledger/pause', 'pause', 'ledger/obliterate']) {
    expect([path, (await press('supervisor', path)).status]).toEqual([path, 403]);
  }
  expect((await listed(boss)).some(({ isPaused }) => isPaused)).toBe(false);
});

test('administrators act, from pages of the console only', async () => {
  const isPaused = async (): Promise<boolean | undefined> =>
    (await listed(lab.root)).find(({ name }) => name === 'credits_process_end_queue')?.isPaused;
  expect((await press('admin', 'credits_process_end_queue/pause', {})).status).toBe(403);
  expect((await press('admin', 'credits_process_end_queue/pause', { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect(await isPaused()).toBe(false);
  expect((await press('admin', 'credits_process_end_queue/pause')).status).toBe(200);
  expect(await isPaused()).toBe(true);
  expect((await press('admin', 'credits_process_end_queue/resume')).status).toBe(200);
  expect(await isPaused()).toBe(false);
});

test('the page and its files come from the gateway, and need a login', async () => {
  const { text, headers } = await boss.get('/console/queues');
  expect(text).not.toMatch(/(src|href)="https?:/);
  expect(headers.get('content-security-policy')).toContain(`script-src 'self'; style-src 'self' 'unsafe-inline'`);
  const [, script = ''] = /src="(static\/js\/main[^"]+)"/.exec(text) ?? [];
  expect((await boss.get(`/console/queues/${script}`)).status).toBe(200);
  for (const path of ['', `/${script}`, '/api/queues', '/static/../../../package.json']) {
    expect([path, (await sendPlainly(`${lab.gateway.url}/console/queues${path}`, 'GET')).status]).not.toEqual([path, 200]);
  }
  for (const path of ['/static/%2e%2e/%2e%2e/package.json', '/static/..%2f..%2fpackage.json', '/nothing/of/the/kind.txt']) {
    const { text: found } = await boss.get(`/console/queues${path}`);
    expect([path, found.includes('"dependencies"')]).toEqual([path, false]);
  }
});
