import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { fakeGateway, type FakeGateway } from '../../support/fake-gateway.js';

/** docs/reliability.md#bounds-against-misuse, through the routes that take an amount. */
let gateway: FakeGateway;
let token: string;
let admin: string;
beforeAll(async () => {
  gateway = await fakeGateway();
  token = await gateway.token({ sub: 'alice' });
  admin = await gateway.token({ sub: 'root', role: 'admin' });
});
afterAll(async () => { await gateway.stop(); });
beforeEach(() => { gateway.ledger.calls.length = 0; });

/** The amount as JSON text, because most of these cannot be written as a JavaScript value. */
const ROUTES: [string, string, (amount: string) => string, string][] = [
  ['check', '/api/credits/check', (amount) => `{"credits":${amount}}`, 'Valid credits amount required'],
  ['check, old name', '/api/credits/check', (amount) => `{"requiredCredits":${amount}}`, 'Valid credits amount required'],
  ['record', '/api/usage/record', (amount) =>
    `{"service":"chat","operation":"x","credits":${amount}}`, 'Missing or invalid required fields'],
  ['allocate', '/api/credits/allocate', (amount) => `{"userId":"bob","credits":${amount}}`, 'Valid userId and credits required'],
];

const REFUSED = [
  '1e400', '-1e400', '1e308', '-1', '-0.000001', '0.0000001', '7.1234567', '9007199254740993', '1000000000',
  '"7,5"', '" 7"', '"7 "', '"0x10"', '"1e3"', '"१२"', '"１２"', '""', '"-7.50"', '"+7"', '".5"', '"5."', '"NaN"', '"Infinity"',
  'true', 'null', '[]', '[7]', '{}', '{"valueOf":7}',
];

describe.each(ROUTES)('%s', (_, path, body, message) => {
  test.each(REFUSED)('%s -> 400, and the ledger is not asked', async (amount) => {
    const { status, body: answer } = await gateway.call('POST', path, {
      token: path.endsWith('allocate') ? admin : token, raw: body(amount),
    });
    expect([status, answer['message'], answer['error']]).toEqual([400, message, 'invalid_request']);
    const [source] = answer['sources'] as { path: string; message: string }[];
    expect(source?.path).toMatch(/^body\.(credits|requiredCredits)$/);
    expect(source?.message).not.toBe('');
    expect(gateway.ledger.calls).toEqual([]);
  });

  test('NaN is not JSON', async () => {
    const { status, body: answer } = await gateway.call('POST', path, {
      token: path.endsWith('allocate') ? admin : token, raw: body('NaN'),
    });
    expect([status, answer['error'], answer['message']]).toEqual([400, 'invalid_request', 'the body is not a valid JSON object']);
  });
});

describe('what is accepted is exact', () => {
  test.each([
    ['7.5', 7.5], ['"7.50"', 7.5], ['"0.000001"', 0.000001], ['0.1', 0.1], ['0', 0], ['-0', 0], ['"0"', 0], ['1e3', 1_000],
    ['0.30000000000000004', 0.3], ['999999999.999999', 999_999_999.999999], ['"999999999.999999"', 999_999_999.999999],
  ])('check of %s is about %d credits', async (amount, credits) => {
    const { status, body } = await gateway.call('POST', '/api/credits/check', { token, raw: `{"credits":${amount}}` });
    expect([status, body['requiredCredits'], Object.is(body['requiredCredits'], -0)]).toEqual([200, credits, false]);
  });

  test.each([
    ['allocate of zero', '0'], ['allocate of minus zero', '-0'], ['allocate of "0.000000"', '"0.000000"'],
  ])('6 %s -> 400', async (_, amount) => {
    const { status, body } = await gateway.call('POST', '/api/credits/allocate', {
      token: admin, raw: `{"userId":"bob","credits":${amount}}`,
    });
    expect([status, body['message']]).toEqual([400, 'Valid userId and credits required']);
  });

  test('6 a stream of no tokens is a missing field', async () => {
    const { status, body } = await gateway.call('POST', '/api/streaming-sessions/initialize', {
      token, body: { sessionId: 's', modelId: 'm', estimatedTokens: 0 },
    });
    expect([status, body['message']]).toEqual([400, 'Missing required fields']);
    expect(body['sources']).toEqual([{ path: 'body.estimatedTokens', message: 'must be above 0' }]);
  });

  test('11 a thousand times 0.1 + 0.2 leaves no dust', async () => {
    await gateway.call('POST', '/api/credits/allocate', { token: admin, body: { userId: 'dust', credits: 300 } });
    const dust = await gateway.token({ sub: 'dust' });
    for (let i = 0; i < 1_000; i += 1) {
      await gateway.call('POST', '/api/usage/record', { token: dust, body: { service: 's', operation: 'o', credits: 0.1 + 0.2 } });
    }
    const { body } = await gateway.call('GET', '/api/credits/balance', { token: dust });
    expect([body['totalCredits'], body['spent']]).toEqual([0, 300]);
  });

  test('15 both names: equal is one amount, different is a contradiction', async () => {
    const check = (body: object) => gateway.call('POST', '/api/credits/check', { token, body });
    expect((await check({ credits: 7.5, requiredCredits: '7.50' })).status).toBe(200);
    const { status, body } = await check({ credits: 1, requiredCredits: 1_000_000 });
    expect([status, body['message']]).toEqual([400, 'Valid credits amount required']);
    expect(body['sources']).toEqual([{ path: 'body.requiredCredits', message: 'differs from credits; send one of them' }]);
  });
});

describe('tokens', () => {
  test.each(['1e400', '-1', '1000000001', '"1500"', 'true', 'null', '[]', '{}'])('%s tokens -> 400 everywhere', async (tokens) => {
    // What the original took for missing keeps its sentence; what is there and wrong is said.
    const missing = tokens === '-1' || tokens === 'null' ? /^Missing required fields$/ : null;
    const calls: [string, string, RegExp][] = [
      ['/api/credits/calculate', `{"modelId":"m","tokens":${tokens}}`, /^Valid modelId and tokens required$/],
      [
        '/api/streaming-sessions/initialize', `{"sessionId":"s","modelId":"m","estimatedTokens":${tokens}}`,
        missing ?? /^estimatedTokens must be /,
      ],
      ['/api/streaming-sessions/finalize', `{"sessionId":"s","actualTokens":${tokens}}`, missing ?? /^actualTokens must be /],
      ['/api/streaming-sessions/abort', `{"sessionId":"s","tokensGenerated":${tokens}}`, /^tokensGenerated must be /],
    ];
    for (const [path, raw, message] of calls) {
      const { status, body } = await gateway.call('POST', path, { token, raw });
      expect([path, status, body['message']]).toEqual([path, 400, expect.stringMatching(message)]);
    }
    expect(gateway.ledger.calls).toEqual([]);
  });

  test('a fraction of a token counts as one', async () => {
    const { body } = await gateway.call('POST', '/api/credits/calculate', { token, body: { modelId: 'gpt-4', tokens: 1_499.2 } });
    expect([body['credits'], body['tokens']]).toEqual([7.5, 1_499.2]);
  });
});
