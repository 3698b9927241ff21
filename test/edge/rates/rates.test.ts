import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { CHATSPARTY_SECRET, send, signed, type Answer } from '../../support/fake-gateway.js';
import { nativeLab, SERVER_KEY, type Call, type NativeLab } from '../v1/lab.js';

/** Windows are an hour long and every test asks for more than two of them, so that none depends on when an hour begins. */
const HOUR = 3_600;
let lab: NativeLab;

beforeAll(async () => {
  lab = await nativeLab({
    RATE_LIMIT_KEY: '50000/10',
    RATE_LIMIT_USER: `20/${HOUR}`, RATE_LIMIT_USER_WRITES: `6/${HOUR}`, RATE_LIMIT_KEY_WRITES: 'off', RATE_LIMIT_ADDRESS: `30/${HOUR}`,
    RATE_LIMIT_FAILED_AUTH: `10/${HOUR}`, RATE_LIMIT_ZERO_AMOUNT: `5/${HOUR}`, TRUSTED_PROXY_HOPS: '1',
    CHATSPARTY_JWT_SECRET: CHATSPARTY_SECRET,
  });
});
afterAll(async () => { await lab.stop(); });

async function times(count: number, call: () => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let index = 0; index < count; index += 1) answers.push(await call());
  return answers;
}
const refusedOf = (answers: readonly Answer[]): Answer[] => answers.filter(({ status }) => status === 429);
const url = (path: string): string => `${lab.gateway.url}${path}`;
const from = (address: string, token?: string): Record<string, string> =>
  ({ 'x-forwarded-for': address, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) });
/** An address that no other test uses. */
let addresses = 0;
const newAddress = (): string => `198.51.100.${addresses += 1}`;

describe('a user', () => {
  test('is told the limits in each answer, is refused beyond them with the time to wait, and others are not', async () => {
    const alice = await lab.user(await lab.funded('10'));
    const read = (): Promise<Answer> => alice('GET', '/v1/refusals'); // for services: what the gate refuses counts as well
    const first = await read();
    expect(first.headers.get('ratelimit-policy')).toBe(`"general";q=20;w=${HOUR}`);
    expect(first.headers.get('ratelimit')).toMatch(/^"general";r=19;t=\d+$/);
    const refused = refusedOf(await times(45, read));
    expect(refused.length).toBeGreaterThanOrEqual(5);
    const headers = refused[0]?.headers ?? new Headers();
    expect(refused[0]?.body).toMatchObject({ status: 429, code: 'rate_limited', title: 'Too many requests' });
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(headers.get('ratelimit')).toMatch(/^"general";r=0;t=\d+$/);
    expect(headers.get('retry-after')).toBe(/t=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);
    expect((await (await lab.user('someone-else'))('GET', '/v1/refusals')).status).toBe(403);
  });

  test('has a tighter limit of writes; ends of holds are not among them', async () => {
    const account = await lab.funded('100');
    const alice = await lab.user(account);
    const placed = await alice('POST', '/v1/holds', { id: 'kept', amount: '1' });
    expect(placed.headers.get('ratelimit-policy')).toBe(`"general";q=20;w=${HOUR}, "writes";q=6;w=${HOUR}`);
    const refused = refusedOf(await times(13, () => alice('POST', '/v1/holds', { amount: '1' })));
    expect(refused.length).toBeGreaterThanOrEqual(2);
    expect(refused[0]?.headers.get('ratelimit')).toMatch(/^"general";r=\d+;t=\d+, "writes";r=0;t=\d+$/);
    expect((await alice('POST', '/v1/holds/kept/settle', { amount: '1' })).status).toBe(200);
  });

  test.each<[string, string, string, object]>([
    ['the accounting service', 'GET', '/api/credits/balance', { success: false, status: 429, error: 'rate_limited' }],
    ['the credit service', 'GET', '/credits/balance', { success: false, status: 429, code: 'rate_limited' }],
  ])('is refused in the words of %s', async (_, method, path, expected) => {
    const token = await lab.gateway.token({ sub: randomUUID(), role: 'user' });
    const refused = refusedOf(await times(45, () => send(url(path), method, { token })));
    expect(refused[0]?.body).toMatchObject(expected);
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('a batch counts as its operations', async () => {
    const alice = await lab.user(await lab.funded('100'));
    const operations = Array.from({ length: 10 }, () => ({ op: 'charges.create', body: { amount: '1' } }));
    const answers = await times(3, () => alice('POST', '/v1/batch', { operations }));
    expect(refusedOf(answers).length).toBeGreaterThanOrEqual(1);
  });
});

describe('an API key', () => {
  const key = async (body: object): Promise<{ id: string; call: Call }> => {
    const made = await lab.operator('POST', '/v1/api-keys', { name: randomUUID(), scopes: ['read', 'charges'], ...body });
    return { id: String(made.body['id']), call: lab.bearer(String(made.body['key'])) };
  };

  test('has the wide default, or a rate of its own, which can be changed', async () => {
    const { id, call } = await key({});
    expect((await call('GET', '/v1/accounts/any')).headers.get('ratelimit-policy')).toBe('"general";q=50000;w=10');
    const changed = await lab.operator('PATCH', `/v1/api-keys/${id}`, { rateLimit: 2 });
    expect([changed.status, changed.body['rateLimit']]).toEqual([200, 2]);
    await eventually(async () => (await call('GET', '/v1/accounts/any')).headers.get('ratelimit-policy') === '"general";q=2;w=1');
    const burst = () => Promise.all(Array.from({ length: 20 }, () => call('GET', '/v1/accounts/any')));
    await eventually(async () => refusedOf(await burst()).length > 0);
    expect((await lab.operator('PATCH', `/v1/api-keys/${id}`, { rateLimit: null })).body['rateLimit']).toBeNull();
    expect((await lab.operator('PATCH', '/v1/api-keys/none', { rateLimit: 2 })).status).toBe(404);
  });

  test('keeps its rate when it is rotated', async () => {
    const { id } = await key({ rateLimit: 7 });
    expect((await lab.operator('POST', `/v1/api-keys/${id}/rotate`, {})).body['rateLimit']).toBe(7);
  });

  test.each([0, -1, 1.5, '5', 1_000_001])('takes no rate of %p', async (rateLimit) => {
    const { status, body } = await lab.operator('POST', '/v1/api-keys', { name: 'x', scopes: ['read'], rateLimit });
    expect([status, body['code']]).toEqual([400, 'invalid_request']);
  });
});

async function eventually(isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await isTrue()) return;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error('never');
}

describe('guesses', () => {
  test.each<[string, string, string, (index: number) => Record<string, string>]>([
    ['bad tokens', 'GET', '/api/credits/balance', (index) => ({ authorization: `Bearer e30.e30.${index}` })],
    ['bad tokens of the credit service', 'GET', '/credits/balance', (index) => ({ authorization: `e30.e30.${index}` })],
    ['keys of /v1', 'GET', '/v1/accounts/any', (index) => ({ authorization: `Bearer cgk_${String(index).padStart(43, 'a')}` })],
    ['keys of the credits process', 'POST', '/api/feature-usage-logs', (index) => ({ 'x-server-api-key': `guess-${index}` })],
    ['tokens at an unknown path', 'GET', '/api/credits/none', (index) => ({ authorization: `Bearer e30.e30.${index}` })],
  ])('%s of one address are refused; who has a right one is not', async (_, method, path, headersOf) => {
    const address = newAddress();
    let index = 0;
    const answers = await times(25, () => send(url(path), method, { headers: { ...from(address), ...headersOf(index += 1) } }));
    const refused = refusedOf(answers);
    expect(answers.slice(0, 5).map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    expect(refused.length).toBeGreaterThanOrEqual(5);
    expect(refused[0]?.headers.get('ratelimit-policy')).toContain('"failed-authentication";q=10');
    const token = await lab.gateway.token({ sub: randomUUID(), role: 'user' });
    expect((await send(url('/api/credits/balance'), 'GET', { headers: from(address, token) })).status).toBe(200);
  });

  test('at the console are refused too', async () => {
    const headers = { ...from(newAddress()), 'origin': lab.gateway.url, 'content-type': 'application/x-www-form-urlencoded' };
    const answers = await times(25, () => send(url('/console/login'), 'POST', { headers, raw: 'token=e30.e30.x' }));
    expect(refusedOf(answers).length).toBeGreaterThanOrEqual(5);
  });

  test('are no expired tokens and no requests without any', async () => {
    const address = newAddress();
    const now = Math.floor(Date.now() / 1_000);
    const expired = await signed(CHATSPARTY_SECRET, { userId: 'alice', iat: now - 7_200, exp: now - 3_600 });
    const answers = [
      ...await times(15, () => send(url('/api/credits/balance'), 'GET', { headers: from(address, expired) })),
      ...await times(15, () => send(url('/api/credits/balance'), 'GET', { headers: from(address) })),
    ];
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  });
});

test('requests without a caller are counted by address; probes are not', async () => {
  const address = newAddress();
  const ask = (path: string) => times(65, () => send(url(path), 'GET', { headers: from(address) }));
  expect(refusedOf(await ask('/nothing')).length).toBeGreaterThanOrEqual(5);
  for (const path of ['/livez', '/readyz', '/metrics', '/health']) expect(refusedOf(await ask(path))).toEqual([]);
});

test('writes of nothing have a limit by account, whichever way they come', async () => {
  const account = randomUUID();
  const operator = await lab.gateway.token({ sub: account, role: 'admin' });
  const record = { service: 'chat', operation: 'gpt-4', credits: 0 };
  const answers = await times(15, () => send(url('/api/usage/record'), 'POST', { token: operator, body: record }));
  const refused = refusedOf(answers);
  expect(refused.length).toBeGreaterThanOrEqual(5);
  expect(refused[0]?.headers.get('ratelimit')).toMatch(/"zero-amount";r=0;t=\d+$/);
  expect((await send(`${lab.gateway.operationsUrl}/metrics`, 'GET')).text)
    .toMatch(/cg_rate_refusals_total\{class="zero-amount",subject="account"[^}]*\} [1-9]/);
});

test('a key of the environment has the limits of a key', async () => {
  const { headers } = await send(url('/api/feature-usage-logs'), 'POST', { headers: { 'x-server-api-key': SERVER_KEY } });
  expect(headers.get('ratelimit-policy')).toBe('"general";q=50000;w=10');
});
