import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { consoleLab, operator, type Lab, type Operator } from './lab.js';

/** The mechanism of all lists over the whole gateway: search, filters, order, pages, CSV, and what is refused. */
let lab: Lab;
let boss: Operator;
const MANY = 55;
beforeAll(async () => {
  lab = await consoleLab();
  boss = operator(lab.gateway.url, await lab.gateway.token({ sub: 'boss', role: 'supervisor' }));
  await Promise.all(Array.from({ length: MANY }, (_, index) =>
    lab.api('root', 'POST', '/api/credits/allocate', {
      userId: `Many-${String(index).padStart(2, '0')}`, credits: index % 7 + 1,
    }, 'admin')));
  await lab.api('root', 'POST', '/api/credits/allocate', { userId: '=1+1', credits: 3, notes: 'a 100 % _sure_ thing' }, 'admin');
  await lab.api('m%y_one', 'GET', '/api/credits/balance');
  await until(async () => (await accountsOf('/console/accounts.csv?who=many-')).length === MANY);
  await until(async () => (await accountsOf('/console/accounts.csv?who=m%25y_')).length === 1);
});
afterAll(async () => { await lab.stop(); });

const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!await isSo()) await new Promise((resolve) => { setTimeout(resolve, 50); });
};
const linesOf = async (path: string): Promise<string[]> => (await boss.get(path)).text.trimEnd().split('\r\n').slice(1);
const accountsOf = async (path: string): Promise<string[]> => (await linesOf(path)).map((line) => line.split(',')[0] ?? '');
const shownOf = (text: string): string[] =>
  [...text.matchAll(/<tr><th scope="row" class=""><a class="mono"[^>]*>([^<]*)</g)].map(([, id]) => id ?? '');

test('a search takes the beginning of an id, a username or an e-mail, in any case, and no pattern', async () => {
  for (const [who, found] of [
    ['MANY-0', 10], ['many-05', 1], ['any-05', 0], ['root-NAME', 1], ['Root@Ex', 1], ['m%25y_one', 1], ['m%25', 1], ['%25', 0], ['_', 0],
    ['%5C', 0], ['%3D1', 1],
  ] as const) expect([who, (await accountsOf(`/console/accounts.csv?who=${who}`)).length]).toEqual([who, found]);
});

test('pages have every row once, in any order of any column', async () => {
  const all = (await accountsOf('/console/accounts.csv?who=many-')).sort();
  for (const sort of ['account', '-account', 'available', '-available', '-last', 'captured', 'debt']) {
    const pages: string[][] = [];
    for (let path: string | null = `/console/accounts?who=many-&sort=${sort}`; path !== null;) {
      const { status, text }: { status: number; text: string } = await boss.get(path);
      expect([sort, status]).toEqual([sort, 200]);
      pages.push(shownOf(text));
      path = /href="([^"]*)">Next page/.exec(text)?.[1]?.replaceAll('&#38;', '&') ?? null;
    }
    expect([sort, pages.map(({ length }) => length), pages.flat().sort()]).toEqual([sort, [50, MANY - 50], all]);
  }
  const sums = (await linesOf('/console/accounts.csv?who=many-&sort=-available')).map((line) => Number(line.split(',')[3]));
  expect(sums).toEqual([...sums].sort((a, b) => b - a));
});

test('a CSV has plain values, times in ISO 8601, and no formula', async () => {
  const { text, headers } = await boss.get('/console/lots.csv?account=%3D1%2B1');
  expect([headers.get('content-disposition'), headers.get('cache-control')]).toEqual(['attachment; filename="lots.csv"', 'no-store']);
  const [head, row = ''] = text.split('\r\n');
  expect(head).toBe('Lot,Account,State,Granted,Left,Held,Who and why,Granted at,Ends');
  expect(row).toMatch(/^\d+,'=1\+1,live,3,3,0,.*a 100 % _sure_ thing,\d{4}-\d\d-\d\dT[\d:.]+Z,\d{4}-/);
});

test('what is no filter, order or place of a list is 400, and nothing is a 5xx', async () => {
  const cursor = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
  for (const path of ['holds', 'accounts', 'prices', 'refusals', 'keys', 'dead-letters', 'webhooks/deliveries']) {
    for (const query of [
      'sort=nothing', 'sort=--placed', 'after=x', `after=${cursor(1)}`, `after=${cursor('a')}`, `after=${cursor('a', 'b', 'c')}`,
      `after=${cursor('x', 'y', 'z', 'a', 'b', 'c')}`, 'sort=a&sort=b',
    ]) expect([path, query, (await boss.get(`/console/${path}?${query}`)).status]).toEqual([path, query, 400]);
  }
  for (const path of [
    'holds?state=ajar', 'holds?from=yesterday', 'holds?from=2026-99-99T99:99', 'lots?ends=1%20or%201', 'accounts?who=a%00b',
    `accounts?who=${'x'.repeat(400)}`, 'accounts?who=a&who=b', 'limits?period=eon',
  ]) expect([path, (await boss.get(`/console/${path}`)).status]).toEqual([path, 400]);
});

test('a list without rows says what to do; one whose filters match nothing says so', async () => {
  const empty = await boss.get('/console/limits');
  expect([empty.status, empty.text.includes('Nothing here yet'), empty.text.includes('PUT /v1/accounts')]).toEqual([200, true, true]);
  expect((await boss.get('/console/accounts?who=nobody-at-all')).text).toContain('Nothing matches these filters.');
});

test('an account that nothing is known of is 404; its ledger tells what was charged in a column of its own', async () => {
  const nobody = await boss.get('/console/accounts/nobody');
  expect([nobody.status, nobody.text.includes('There is no such account')]).toEqual([404, true]);
  expect((await boss.get('/console/accounts/m%25y_one')).status).toBe(200); // has a profile and no entry
  await lab.api('Many-06', 'POST', '/api/credits/deduct', { credits: 2.5 });
  await until(async () => (await boss.get('/console/accounts/Many-06')).text.includes('>charge<'));
  const { text } = await boss.get('/console/accounts/Many-06');
  expect(text).toMatch(/<td class="" data-head="What">charge<\/td><td class="number" data-head="Charged"><strong>2\.5<\/strong><\/td>/);
});
