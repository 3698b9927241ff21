import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { auditOver } from '../../../src/edge/console/audit.js';
import type { OperatorAction } from '../../../src/credits/operators/operator-action.table.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { consoleLab, freshName, hiddenOf, OURS, sendPlainly, logIn, type Lab } from './lab.js';

/** Every action of an operator is in the audit trail before it begins, and can be found there. */
let lab: Lab;
let db: Db;
beforeAll(async () => {
  lab = await consoleLab();
  db = connectPostgres(lab.gateway.databaseUrl, apiProfile(5_000));
});
afterAll(async () => {
  await db.destroy();
  await lab.stop();
});

/** Fills in a form, confirms it, and answers what the console then says. */
async function act(path: string, form: Readonly<Record<string, string>>): Promise<string> {
  const { text } = await lab.root.post(path, form);
  return (await lab.root.post(path, hiddenOf(text))).text;
}

const rowsOf = (page: string): string[] =>
  [...page.matchAll(/<tr><th scope="row"[^]*?<\/tr>/g)].map(([row]) =>
    row.replaceAll(/<time[^]*?<\/small>|<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ').trim());
const found = async (search: Readonly<Record<string, string>>): Promise<string[]> =>
  rowsOf((await lab.root.get(`/console/audit?${new URLSearchParams(search).toString()}`)).text);

test('actions are found by account, operator, text and time, with what came of them', async () => {
  const account = freshName('audited');
  await act(`/console/accounts/${account}/grant`, { credits: '5', days: '30', reason: '100% goodwill' });
  await act(`/console/accounts/${account}/freeze`, { reason: 'stolen card' });
  await act(`/console/accounts/${account}/grant`, { credits: '7', days: '30', reason: 'while frozen' });
  await lab.root.post(`/console/accounts/${account}/compare`, {});

  const rows = await found({ account });
  expect(rows.map((row) => row.replace(/ \S+$/, ''))).toEqual([
    expect.stringMatching(/^root admin Compare Redis and Postgres audited-\S+ done ok$/),
    expect.stringMatching(/^root admin Grant credits audited-\S+ credits 7, days 30 while frozen refused .*frozen/i),
    expect.stringMatching(/^root admin Freeze account audited-\S+ stolen card done The account is frozen\./),
    expect.stringMatching(/^root admin Grant credits audited-\S+ credits 5, days 30 100% goodwill done 5 credits granted\./),
  ]);
  expect(await found({ account, text: '100% GOOD' })).toEqual(rows.slice(3));
  expect(await found({ account, text: '100_ good' })).toEqual([]);
  expect(await found({ account, actor: 'nobody' })).toEqual([]);
  expect(await found({ account, actor: 'root', to: '2020-01-01T00:00' })).toEqual([]);
  expect(await found({ account, actor: 'root', from: '2020-01-01T00:00' })).toEqual(rows);
  expect(await found({ account, before: '1' })).toEqual([]);
  expect(await found({ account, before: "1' or 1=1", from: 'x', text: '\0' })).toEqual(rows);
});

test('logins, actions of the queue board and the ends of sessions are there; forms and their confirmations are not', async () => {
  const operator = freshName('op');
  const cookie = await logIn(lab.gateway.url, await lab.gateway.token({ sub: operator, role: 'admin' }));
  for (const action of ['pause', 'resume']) {
    await sendPlainly(`${lab.gateway.url}/console/queues/api/queues/credits_process_end_queue/${action}`, 'PUT', {
      headers: { cookie, 'content-type': 'application/json', ...OURS }, raw: '{}',
    });
  }
  await sendPlainly(`${lab.gateway.url}/console/accounts/a/freeze`, 'POST', {
    headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', ...OURS }, raw: 'reason=asked+only',
  });
  await sendPlainly(`${lab.gateway.url}/console/logout-everywhere`, 'POST', {
    headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', ...OURS }, raw: '',
  });
  const rows = (await found({ actor: operator })).map((row) => row.replace(/^\S+ admin /, '').replace(/ \S+$/, ''));
  expect(rows).toEqual([
    'Log out everywhere done',
    expect.stringMatching(/^Queue board PUT \S+resume done 200$/), expect.stringMatching(/^Queue board PUT \S+pause done 200$/),
    'Log in done',
  ]);
  expect(JSON.stringify(await db('operator_actions').select())).not.toContain(cookie.slice('cg_console='.length));
});

test('the trail only grows', async () => {
  await lab.root.get('/console');
  for (const statement of ['update operator_actions set actor = \'x\'', 'delete from operator_actions', 'truncate operator_actions']) {
    await expect(db.raw(statement)).rejects.toThrow(/append-only|permission denied/);
  }
});

const ACTION: OperatorAction = {
  actionId: 'a', actor: 'root', role: 'admin', action: 'Freeze account', accountId: 'alice', target: '', details: '', reason: 'r',
  requestId: 'q', session: 's',
};

test('what cannot be recorded is not done; an end that cannot be recorded does not undo it', async () => {
  const ran: string[] = [];
  const away = (): Promise<never> => Promise.reject(new Error('away'));
  const read = () => Promise.resolve([]);
  const before = auditOver({ asked: away, ended: away, read }, () => undefined);
  await expect(before.recorded(ACTION, () => { ran.push('before'); return Promise.resolve(1); }, () => ['done', '']))
    .rejects.toMatchObject({ code: 'ledger_unavailable', outcome: 'not_executed' });
  const after = auditOver({ asked: () => Promise.resolve(), ended: away, read }, () => undefined);
  expect(await after.recorded(ACTION, () => { ran.push('after'); return Promise.resolve(2); }, () => ['done', ''])).toBe(2);
  expect(ran).toEqual(['after']);
});

test('a failure of which nothing is known is recorded as unknown', async () => {
  const ends: string[] = [];
  const audit = auditOver({
    asked: () => Promise.resolve(), read: () => Promise.resolve([]), ended: (_, end) => { ends.push(end); return Promise.resolve(); },
  }, () => undefined);
  const failing = (error: Error) => audit.recorded(ACTION, () => Promise.reject(error), () => ['done', '']);
  await expect(failing(new GatewayError('account_frozen', 'frozen'))).rejects.toThrow('frozen');
  await expect(failing(new GatewayError('ledger_unavailable', 'late', { outcome: 'unknown' }))).rejects.toThrow('late');
  await expect(failing(new Error('a fault'))).rejects.toThrow('a fault');
  expect(ends).toEqual(['refused', 'unknown', 'unknown']);
});
