import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send, type Answer } from '../../support/fake-gateway.js';
import { consoleLab, freshName, hiddenOf, type Lab, withoutOwnScript } from './lab.js';

/** An action of an operator is applied once and recorded in the ledger with the operator's name and reason. */
let lab: Lab;
beforeAll(async () => { lab = await consoleLab(); });
afterAll(async () => { await lab.stop(); });

const HOSTILE = `<script>alert(1)</script>"'&`;
const ESCAPED = '&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;';

async function account(credits: number): Promise<string> {
  const sub = freshName('user');
  if (credits > 0) expect((await lab.api('root', 'POST', '/api/credits/allocate', { userId: sub, credits }, 'admin')).status).toBe(201);
  return sub;
}

const placeHold = async (sub: string, sessionId: string): Promise<void> => {
  expect((await lab.api(sub, 'POST', '/api/streaming-sessions/initialize', { sessionId, modelId: 'gpt-4', estimatedTokens: 1_500 })).status)
    .toBe(201);
};

/** Posts the form and returns the hidden fields of its confirmation. */
async function confirm(path: string, form: Readonly<Record<string, string>>): Promise<{ page: Answer; hidden: Record<string, string> }> {
  const page = await lab.root.post(path, form);
  expect([page.status, page.text.slice(page.text.indexOf('banner bad'), page.text.indexOf('banner bad') + 200)]).toEqual([200, '']);
  const hidden = hiddenOf(page.text);
  expect([hidden['step'], hidden['key']]).toEqual(['do', expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  return { page, hidden };
}

type Money = { readonly available: number; readonly held: number; readonly debt: number };
async function moneyOf(sub: string): Promise<Money> {
  const { body } = await lab.api(sub, 'GET', '/api/credits/balance');
  return { available: Number(body['credits']), held: Number(body['held']), debt: Number(body['debt']) };
}

const entriesOf = async (sub: string): Promise<string> =>
  (await lab.root.get(`/console/accounts/${sub}`)).text.split('id="entries"')[1] ?? '';

describe('grant', () => {
  test('changes nothing before the confirmation, then once, with name and reason', async () => {
    const sub = await account(10);
    const path = `/console/accounts/${sub}/grant`;
    const { page, hidden } = await confirm(path, { credits: '7.5', days: '30', reason: `goodwill ${HOSTILE}` });
    expect(page.text).toContain('10 → 17.5');
    expect(page.text).toContain(ESCAPED);
    expect(await moneyOf(sub)).toMatchObject({ available: 10 });
    const answers = await Promise.all([1, 2, 3].map(() => lab.root.post(path, hidden)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.filter(({ text }) => text.includes('already applied before')).length).toBeGreaterThanOrEqual(2);
    expect(await moneyOf(sub)).toMatchObject({ available: 17.5 });
    const entries = await entriesOf(sub);
    expect(entries).toContain(`root · goodwill ${ESCAPED} · console`);
    expect(entries).not.toContain('<script');
  });

  test('a changed form under a used key is refused', async () => {
    const sub = await account(0);
    const path = `/console/accounts/${sub}/grant`;
    const { hidden } = await confirm(path, { credits: '1', days: '30', reason: 'r' });
    expect((await lab.root.post(path, hidden)).status).toBe(200);
    const other = await lab.root.post(path, { ...hidden, credits: '100' });
    expect([other.status, (await moneyOf(sub)).available]).toEqual([422, 1]);
  });

  test.each<[string, Record<string, string>]>([
    ['no reason', { credits: '1', days: '30', reason: '  ' }], ['nothing', { credits: '0', days: '30', reason: 'r' }],
    ['negative', { credits: '-1', days: '30', reason: 'r' }],
    ['too precise', { credits: '0.0000001', days: '30', reason: 'r' }], ['exponent', { credits: '1e3', days: '30', reason: 'r' }],
    ['no amount', { reason: 'r' }],
    ['no days', { credits: '1', days: '0', reason: 'r' }], ['days for ever', { credits: '1', days: '99999', reason: 'r' }],
    ['a long reason', { credits: '1', days: '30', reason: 'x'.repeat(501) }],
  ])('%s: shows the form again with the problem', async (_, form) => {
    const sub = await account(0);
    // The fields of a confirmed form are checked again.
    for (const sent of [form, { ...form, step: 'do', key: '00000000-0000-4000-8000-000000000000' }]) {
      const { status, text } = await lab.root.post(`/console/accounts/${sub}/grant`, sent);
      expect([status, text.includes('banner bad')]).toEqual([400, true]);
    }
    expect((await moneyOf(sub)).available).toBe(0);
  });

  test('a form with a key of another format, or without the step, is not a confirmation', async () => {
    const sub = await account(0);
    for (const more of [{ key: 'mine', step: 'do' }, { key: '00000000-0000-4000-8000-000000000000' }]) {
      const { text } = await lab.root.post(`/console/accounts/${sub}/grant`, { credits: '5', days: '30', reason: 'r', ...more });
      expect(text).toContain('Grant credits?');
    }
    expect((await moneyOf(sub)).available).toBe(0);
  });
});

describe('adjust', () => {
  test('removes and adds credits', async () => {
    const sub = await account(10);
    const path = `/console/accounts/${sub}/adjust`;
    for (const [credits, after] of [['-4', 6], ['+2.5', 8.5], ['−1', 7.5]] as const) {
      const { hidden } = await confirm(path, { credits, days: '30', reason: 'correction' });
      expect([(await lab.root.post(path, hidden)).status, (await lab.root.post(path, hidden)).status]).toEqual([200, 200]);
      expect((await moneyOf(sub)).available).toBe(after);
    }
  });

  test('all or nothing', async () => {
    const sub = await account(3);
    const path = `/console/accounts/${sub}/adjust`;
    const { status, text } = await lab.root.post(path, { credits: '-4', days: '30', reason: 'r' });
    expect([status, text.includes('which is less than you want to remove')]).toEqual([409, true]);
    const { hidden } = await confirm(path, { credits: '-3', days: '30', reason: 'r' });
    await lab.api(sub, 'POST', '/api/credits/deduct', { credits: 2 });
    expect((await lab.root.post(path, hidden)).text).toContain('Nothing changed: only 1 credits are available');
    expect((await moneyOf(sub)).available).toBe(1);
  });
});

describe('void', () => {
  test('releases everything once; the page shows the history', async () => {
    const sub = await account(100);
    await placeHold(sub, 'h/1?x');
    const home = `/console/accounts/${sub}/holds/${encodeURIComponent('h/1?x')}`;
    const { page, hidden } = await confirm(`${home}/void`, { reason: 'the proxy died' });
    expect(page.text).toContain('9 credits');
    expect((await lab.root.post(`${home}/void`, hidden)).text).toContain('Voided.');
    expect((await lab.root.post(`${home}/void`, hidden)).text).toContain('already applied before');
    expect(await moneyOf(sub)).toEqual({ available: 100, held: 0, debt: 0 });
    const life = (await lab.root.get(home)).text;
    for (const told of [
      '>voided<', '9 credits reserved.', '0 captured, 9 released.', 'by <span class="mono">root</span>: the proxy died',
      'Then all of it is released.', 'tokens/',
    ]) expect(life).toContain(told);
    expect(life).not.toContain('/void"');
    const again = await lab.root.post(`${home}/void`, { reason: 'r' });
    expect([again.status, again.text.includes('has already ended: voided')]).toEqual([409, true]);
    // Usage that happened is charged after a void, too.
    const finalize = (actualTokens: number) =>
      lab.api(sub, 'POST', '/api/streaming-sessions/finalize', { sessionId: 'h/1?x', actualTokens });
    expect((await finalize(0)).headers.get('idempotency-replayed')).toBe('true');
    expect([(await finalize(1_000)).body['actualCredits'], (await finalize(999)).status]).toEqual([5, 409]);
    expect((await lab.root.get(home)).text).toContain('Corrects entry 3.');
  });

  test('of an unknown hold or account, and with invalid ids: 404', async () => {
    const sub = await account(0);
    for (const path of [
      `/console/accounts/${sub}/holds/none`, `/console/accounts/${sub}/holds/a%20b`, '/console/accounts/a%00b',
      `/console/accounts/${'x'.repeat(256)}`, '/console/accounts/:x/holds/y',
    ]) {
      expect([path, (await lab.root.get(path)).status]).toEqual([path, 404]);
    }
    expect((await lab.root.post(`/console/accounts/${sub}/holds/none/void`, { reason: 'r' })).status).toBe(404);
  });
});

describe('settle', () => {
  test('charges the cost, also above the hold; repeats change nothing', async () => {
    const sub = await account(10);
    await placeHold(sub, 'long');
    const path = `/console/accounts/${sub}/holds/long/settle`;
    const { page, hidden } = await confirm(path, { credits: '12', reason: 'the model’s bill says so' });
    for (const told of ['12 credits', 'Above the hold', '3, from available credits']) expect(page.text).toContain(told);
    expect((await lab.root.post(path, hidden)).text).toContain('Settled.');
    expect((await lab.root.post(path, hidden)).text).toContain('already applied before');
    expect((await lab.root.post(path, { ...hidden, credits: '11' })).status).toBe(409);
    expect(await moneyOf(sub)).toEqual({ available: 0, held: 0, debt: 2 });
    const life = (await lab.root.get(`/console/accounts/${sub}/holds/long`)).text;
    for (const told of ['12 captured, 3 of it above the hold, 2 of that became debt.', 'the model’s bill says so']) {
      expect(life).toContain(told);
    }
    const usage = await lab.api(sub, 'GET', '/api/usage/stats');
    expect(usage.text).toContain('operator');
  });

  test('an expired hold is charged late', async () => {
    const sub = await account(20);
    await placeHold(sub, 'gone');
    lab.gateway.advance(700_000);
    const home = `/console/accounts/${sub}/holds/gone`;
    expect(await moneyOf(sub)).toEqual({ available: 20, held: 0, debt: 0 });
    const expired = (await lab.root.get(home)).text;
    for (const told of ['>expired<', 'may still be settled', 'Settle late']) expect(expired).toContain(told);
    const { page, hidden } = await confirm(`${home}/settle`, { credits: '4', reason: 'r' });
    expect(page.text).toContain('the full cost is charged late, once');
    expect((await lab.root.post(`${home}/settle`, hidden)).text).toContain('Settled.');
    expect(await moneyOf(sub)).toEqual({ available: 16, held: 0, debt: 0 });
    expect((await lab.root.get(home)).text).toContain('after the lease had ended');
  });
});

describe('text from users', () => {
  test('is escaped on every page', async () => {
    const sub = await account(0);
    await lab.api('root', 'POST', '/api/credits/allocate', { userId: sub, credits: 50, notes: HOSTILE }, 'admin');
    await lab.api(sub, 'POST', '/api/usage/record', { service: HOSTILE, operation: HOSTILE, credits: 1, metadata: { [HOSTILE]: HOSTILE } });
    await lab.api(sub, 'POST', '/api/streaming-sessions/initialize', { sessionId: HOSTILE, modelId: HOSTILE, estimatedTokens: 1 });
    const pages = await Promise.all([
      lab.root.get(`/console/accounts/${sub}`), lab.root.get(`/console/accounts/${sub}/holds/${encodeURIComponent(HOSTILE)}`),
      lab.root.get(`/console/find?who=${encodeURIComponent(`${HOSTILE} of nobody`)}`),
      lab.root.get(`/console/accounts/${sub}/holds/${encodeURIComponent(HOSTILE)}/void`), lab.root.get('/console'),
      lab.root.get(`/console/holds?account=${sub}&hold=${encodeURIComponent(HOSTILE)}`),
    ]);
    expect(pages.map(({ status }) => status)).toEqual([200, 200, 404, 200, 200, 200]);
    for (const { text } of pages) expect(withoutOwnScript(text))
      .not.toMatch(/<script|<(img|iframe|object|link)|\sstyle=|\son\w+=|javascript:/i);
    for (const { text } of pages.slice(0, 3)) expect(text).toContain(ESCAPED);
  });
});

describe('finding an account', () => {
  test('by id, username and e-mail: one, several or none', async () => {
    const sub = await account(0);
    await lab.api(sub, 'GET', '/api/credits/balance');
    const twin = await lab.gateway.token({ sub: `${sub}-twin`, role: 'user', username: `${sub}-name`, email: `${sub}-twin@example.com` });
    await send(`${lab.gateway.url}/api/credits/balance`, 'GET', { token: twin });
    const find = (who: string) => lab.root.get(`/console/find?who=${encodeURIComponent(who)}`);
    // A profile is written a moment after its request.
    for (let turn = 0; turn < 2_400 && (await find(`${sub}-twin@example.com`)).status === 404; turn += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    for (const who of [`  ${sub}@example.com `, sub]) expect((await find(who)).headers.get('location')).toBe(`/console/accounts/${sub}`);
    const both = await find(`${sub}-name`);
    expect([both.status, both.text.includes('matches 2 accounts'), both.text.includes(`/console/accounts/${sub}-twin`)]).toEqual([
      200, true, true,
    ]);
    for (const who of ['unknown-name', '', 'x'.repeat(400), 'a\u0000b']) expect([who, (await find(who)).status]).toEqual([who, 404]);
  });
});
