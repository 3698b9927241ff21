import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CreditGateway } from '../../clients/typescript/src/index.js';
import { nativeLab, type NativeLab } from '../edge/v1/lab.js';

let lab: NativeLab;
let credits: CreditGateway;
beforeAll(async () => {
  lab = await nativeLab();
  credits = new CreditGateway({ baseUrl: lab.gateway.url, apiKey: await lab.gateway.token({ sub: 'root', role: 'admin' }) });
  const { key } = await credits.apiKeys.create({ name: 'proxy', scopes: ['holds', 'charges', 'read', 'grants'] });
  credits = new CreditGateway({ baseUrl: lab.gateway.url, apiKey: String(key) });
});
afterAll(async () => { await lab.stop(); });

describe('stream', () => {
  test('settles what was reported', async () => {
    const account = await lab.funded('10');
    let id = '';
    await credits.stream({ account, model: 'gpt-4o', inputTokens: 1_000, maxOutputTokens: 1_000 }, async (lease) => {
      id = lease.id;
      for (let outputTokens = 10; outputTokens <= 100; outputTokens += 10) expect(await lease.report({ outputTokens })).toBe(true);
    });
    expect(await credits.holds.get(id, { account })).toMatchObject({ state: 'settled', captured: '0.0035' });
  });
});
