import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectPostgres, watchProfile } from '../../../src/stores/postgres/connect.js';
import { until } from '../../chaos/lab.js';
import { nativeLab, problemOf, type Call, type NativeLab } from './lab.js';

/** Series of usage and exports, over HTTP (docs/contracts/native.md#usage-over-time). */
let lab: NativeLab;
let service: Call;
beforeAll(async () => {
  lab = await nativeLab();
  service = await lab.service(['holds', 'charges', 'read'], { accountPrefix: 'u-' });
});
afterAll(async () => { await lab.stop(); });

const CSV = { accept: 'text/csv' };
const NDJSON = { accept: 'application/x-ndjson, application/json;q=0.5' };
const usage = { inputTokens: 1_000, outputTokens: 100 };
/** 1 000 × 2.5 + 100 × 10 per million. */
const COST = '0.0035';

async function used(): Promise<{ account: string; other: string }> {
  const [account, other] = [await lab.funded('10', 'u'), await lab.funded('10', 'u')];
  await service('POST', '/v1/charges', { account, model: 'gpt-4o', usage, feature: 'chat', spender: '=ann' });
  await service('POST', '/v1/charges', { account, amount: '1.5', feature: '-2+3' });
  const price = { model: 'gpt-4o', inputTokens: 1_000, maxOutputTokens: 500 };
  await service('POST', '/v1/holds', { account, id: 'h', price, feature: 'chat' });
  expect((await service('POST', '/v1/holds/h/settle', { account, usage, reason: 'client_disconnect' })).status).toBe(200);
  await service('POST', '/v1/charges', { account: other, amount: '2' });
  return { account, other };
}

const dataOf = (answer: { readonly body: Readonly<Record<string, unknown>> }): Record<string, unknown>[] =>
  (answer.body['data'] as Record<string, unknown>[]).map((each) => Object.fromEntries(Object.entries(each).slice(1)));

describe('series', () => {
  test('by group, of whoever may see it, as JSON, CSV and NDJSON', async () => {
    const { account, other } = await used();
    const path = `/v1/usage?account=${account}&interval=month&groupBy=model,feature,spender,reason`;
    const answer = await service('GET', path);
    const NONE = { uncollected: '0' };
    expect(dataOf(answer)).toEqual([
      {
        model: 'gpt-4o', feature: 'chat', spender: '=ann', reason: null, uses: 1, tokens: 1_100, ...usage, captured: COST, ...NONE,
      },
      {
        model: 'gpt-4o', feature: 'chat', spender: account, reason: 'client_disconnect', uses: 1, tokens: 1_100, ...usage,
        captured: COST, ...NONE,
      },
      {
        model: null, feature: '-2+3', spender: account, reason: null, uses: 1, tokens: 0, inputTokens: 0, outputTokens: 0, captured: '1.5',
        ...NONE,
      },
    ].sort((a, b) => ((a.model ?? '') < (b.model ?? '') ? -1 : 0)));
    const csv = await service('GET', path, undefined, CSV);
    expect(csv.headers.get('content-type')).toContain('text/csv');
    const [, ...lines] = csv.text.trimEnd().split('\r\n').map((line) => line.split(',').slice(1).join(','));
    // Texts that a spreadsheet would compute have an apostrophe in front; numbers stay numbers.
    expect(lines.sort()).toEqual([
      `,'-2+3,${account},,1,0,0,0,1.5,0`,
      `gpt-4o,chat,'=ann,,1,1100,1000,100,${COST},0`,
      `gpt-4o,chat,${account},client_disconnect,1,1100,1000,100,${COST},0`,
    ].sort());
    const ndjson = await service('GET', path, undefined, NDJSON);
    expect(ndjson.text.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual(answer.body['data']);

    const mine = await (await lab.user(other))('GET', '/v1/usage?interval=month&groupBy=account');
    expect(dataOf(mine)).toMatchObject([{ account: other, captured: '2' }]);
    expect((await (await lab.user(other))('GET', `/v1/usage?account=${account}`)).status).toBe(403);
    expect((await service('GET', '/v1/usage?account=alien')).status).toBe(403);
    const bound = await lab.service(['read'], { accountPrefix: other });
    expect(dataOf(await bound('GET', '/v1/usage?groupBy=account'))).toMatchObject([{ account: other }]);
    const all = dataOf(await lab.operator('GET', '/v1/usage?interval=month&groupBy=account'));
    expect(all).toEqual(expect.arrayContaining([
      expect.objectContaining({ account, captured: '1.507' }), expect.objectContaining({ account: other, captured: '2' }),
    ]));
    expect(dataOf(await service('GET', `/v1/usage?account=${account}&reason=client_disconnect&feature=chat`)))
      .toMatchObject([{ captured: COST }]);
    const [named] = dataOf(await service('GET', `/v1/usage?account=${account}&groupBy=key&model=`));
    expect(named).toMatchObject({ captured: '1.5' });
    expect(named?.['key']).toMatch(/^service-/);
  });

  test.each([
    ['interval=year', 'interval'], ['timeZone=Mars/Olympus', 'timeZone'], ['timeZone=local', 'timeZone'],
    ['groupBy=model,colour', 'groupBy'],
    ['from=2026-02-30T00:00:00Z', 'from'], ['from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'],
    ['from=0026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'], ['model=a&model=b', 'model'],
  ])('%s is refused', async (text, name) => {
    expect(problemOf(await service('GET', `/v1/usage?${text}`))).toEqual([400, 'invalid_request', [`query.${name}`]]);
  });

  test('more buckets than one answer has are refused as JSON and streamed as CSV; whoever goes away frees the connection', async () => {
    const account = await lab.funded('1', 'u');
    const db = connectPostgres(lab.gateway.databaseUrl, watchProfile(20_000));
    await db.raw(`insert into usage_minutes select '${account}', timestamptz '2025-01-01Z' + n * interval '1 minute', 'x',
      'gpt-4o', '', '', '', '', 1, 1, 1, 0, 1000000, 0 from generate_series(1, 6000) as n`);
    await db.destroy();
    const path = `/v1/usage?account=${account}&interval=minute&from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:00Z`;
    expect(problemOf(await service('GET', path))).toEqual([400, 'invalid_request', ['query.interval']]);
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const gone = new AbortController();
      const answer = await fetch(lab.gateway.url + path, {
        signal: gone.signal, headers: { ...CSV, authorization: `Bearer ${await lab.gateway.token({ sub: account })}` },
      });
      expect(answer.status).toBe(200);
      gone.abort();
      // Its end is noticed a moment later.
      await until('a free connection', async () => (await service('GET', `/v1/usage?account=${account}`)).status === 200);
    }
    const { text } = await service('GET', path, undefined, CSV);
    expect(text.trimEnd().split('\r\n')).toHaveLength(6_001);
  });
});

describe('entries', () => {
  test('all of them as CSV and NDJSON, over more than a page', async () => {
    const account = await lab.funded('5', 'u');
    const operations = Array.from({ length: 1_000 }, () => ({ op: 'charges.create', body: { account, amount: '0.001', reason: '=1+1' } }));
    expect((await service('POST', '/v1/batch', { operations })).status).toBe(200);
    await service('POST', '/v1/charges', { account, amount: '0.1', reason: '=1+1' }, { prefer: 'wait=ledger' });
    const path = `/v1/accounts/${account}/entries`;
    const pages = [await service('GET', `${path}?limit=1000`)];
    pages.push(await service('GET', `${path}?cursor=${String(pages[0]?.body['nextCursor'])}`));
    const ndjson = await service('GET', path, undefined, NDJSON);
    expect(ndjson.text.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual(pages.flatMap(({ body }) => body['data']));
    const [head = '', first = '', ...rest] = (await service('GET', path, undefined, CSV)).text.trimEnd().split('\r\n');
    expect([head.split(',').slice(0, 3), rest.length]).toEqual([['seq', 'at', 'kind'], 1_001]);
    expect(first).toMatch(/^1002,.*,charge,.*-0\.1,.*,'=1\+1$/);
    expect(problemOf(await service('GET', `${path}?limit=5`, undefined, CSV))).toEqual([400, 'invalid_request', ['query.limit']]);
    expect((await (await lab.user('stranger'))('GET', path, undefined, CSV)).status).toBe(403);
  });
});
