import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { BODY_BYTES_MAX } from '../../../src/kit/limits.js';
import { fakeGateway, type FakeGateway } from '../../support/fake-gateway.js';

/** docs/reliability.md#bounds-against-misuse. */
let gateway: FakeGateway;
let token: string;
beforeAll(async () => {
  gateway = await fakeGateway();
  token = await gateway.token({ sub: 'alice' });
});
afterAll(async () => { await gateway.stop(); });
beforeEach(() => { gateway.ledger.calls.length = 0; gateway.logged.length = 0; });

const CHECK = '/api/credits/check';
const check = async (raw: string | Uint8Array, headers: Record<string, string> = {}): Promise<[number, unknown, unknown]> => {
  const { status, body } = await gateway.call('POST', CHECK, { token, raw, headers });
  return [status, body['error'], body['message']];
};
const record = async (metadata: string, rest = '"service":"s","operation":"o","credits":0'): Promise<[number, unknown]> => {
  const { status, body } = await gateway.call('POST', '/api/usage/record', { token, raw: `{${rest},"metadata":${metadata}}` });
  return [status, (body['sources'] as { message: string }[] | undefined)?.[0]?.message];
};
/** Speaks raw HTTP; resolves with everything that came back until the server closed. */
const rawHttp = (text: string | Buffer): Promise<string> => new Promise((resolve) => {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => { socket.write(text); });
  let answer = '';
  socket.on('data', (chunk) => { answer += chunk.toString(); });
  socket.on('error', () => undefined);
  socket.on('close', () => { resolve(answer); });
});

describe('40 compressed bodies are not unpacked', () => {
  const bomb = Buffer.alloc(10_000_000);
  test.each([
    ['gzip', gzipSync(bomb)], ['br', brotliCompressSync(bomb)], ['deflate', deflateSync(bomb)],
    ['gzip, gzip', gzipSync(gzipSync(bomb))], ['identity, gzip', gzipSync('{}')], ['zstd', Buffer.from('{}')], ['GZIP', gzipSync('{}')],
  ])('Content-Encoding: %s -> 415', async (encoding, raw) => {
    expect((await check(raw, { 'content-encoding': encoding })).slice(0, 2)).toEqual([415, 'unsupported_media_type']);
  });
  test('identity is no encoding', async () => {
    expect((await check('{"credits":1}', { 'content-encoding': 'identity' }))[0]).toBe(200);
  });
});

describe('41 sizes and depths', () => {
  test('a megabyte passes where a field is long, and is ignored', async () => {
    const raw = JSON.stringify({ sessionId: 'none', actualTokens: 5, responseContent: 'x'.repeat(1_000_000) });
    expect((await gateway.call('POST', '/api/streaming-sessions/finalize', { token, raw })).status).toBe(404);
  });
  test('more than BODY_BYTES_MAX -> 413, told or streamed', async () => {
    const raw = JSON.stringify({ credits: 1, filler: 'x'.repeat(BODY_BYTES_MAX) });
    expect(await check(raw)).toEqual([413, 'body_too_large', 'the body is larger than 16384 bytes']);
    const stream = new ReadableStream({ start(controller) { controller.enqueue(Buffer.from(raw)); controller.close(); } });
    const response = await fetch(gateway.url + CHECK, {
      method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: stream, duplex: 'half',
    });
    expect([response.status, response.headers.get('connection')]).toEqual([413, 'close']);
  });
  test.each([
    ['16 KB of [', '['.repeat(16_384)], ['balanced []', '['.repeat(8_000) + ']'.repeat(8_000)],
    ['33 levels', `{"credits":1,"x":${'['.repeat(32)}${']'.repeat(32)}}`], ['16 KB of values', `[${'1,'.repeat(8_000)}1]`],
  ])('%s -> 400', async (_, raw) => {
    expect((await check(raw)).slice(0, 2)).toEqual([400, 'invalid_request']);
  });
  test('a thousand unknown fields, and 32 levels, are ignored', async () => {
    const raw = `{"credits":1,${Array.from({ length: 1_000 }, (_, i) => `"k${i}":1`).join()},"x":${'['.repeat(31)}${']'.repeat(31)}}`;
    expect((await check(raw))[0]).toBe(200);
  });
  test('metadata: depth and bytes are bounded', async () => {
    const nested = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
    expect(await record(nested(16))).toEqual([201, undefined]);
    expect(await record(nested(17))).toEqual([400, 'must not be nested deeper than 16']);
    expect(await record(nested(2_000))).toEqual([400, 'must not be nested deeper than 32']);
    expect((await record(JSON.stringify({ a: 'x'.repeat(4_088) })))[0]).toBe(201);
    expect(await record(JSON.stringify({ a: 'x'.repeat(4_089) }))).toEqual([400, 'must not be larger than 4096 bytes']);
    expect((await record(JSON.stringify({ a: '\u{1F600}'.repeat(1_023) })))[0]).toBe(400);
  });
  test.each(['[]', '"text"', '7', 'true'])('metadata that is %s -> 400', async (metadata) => {
    expect((await record(metadata))[0]).toBe(400);
  });
  test('metadata that is null is none', async () => {
    expect((await record('null'))[0]).toBe(201);
  });
});

describe('42 and 43 names with a meaning', () => {
  test('__proto__ -> 400, however spelled', async () => {
    expect(await check('{"credits":1,"__proto__":{"admin":true}}')).toEqual([
      400, 'invalid_request', 'the body is not a valid JSON object',
    ]);
    expect((await check('{"credits":1,"\\u005f_proto__":{"admin":true}}'))[0]).toBe(400);
    expect((await record('{"a":{"__proto__":{"x":1}}}'))[0]).toBe(400);
  });
  test('constructor and hasOwnProperty are data', async () => {
    expect((await check('{"credits":1,"constructor":{"prototype":{"polluted":1}},"hasOwnProperty":1}'))[0]).toBe(200);
    expect((await record('{"constructor":{"prototype":{"polluted":1}},"toString":"x"}'))[0]).toBe(201);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
  test('a field that only the prototype has is missing', async () => {
    expect((await gateway.call('POST', '/api/credits/calculate', { token, raw: '{"tokens":1}' })).status).toBe(400);
    expect((await gateway.call('POST', '/api/credits/calculate', { token, body: { modelId: '__proto__', tokens: 1_000 } })).body['credits'])
      .toBe(1);
  });
  test.each(['"credits":1,"credits":1000000', '"credits":1,"\\u0063redits":1', '"credits":1,"x":[{"credits":1,"credits":1}]'])(
    '43 duplicate keys: {%s} -> 400 that names the key', async (fields) => {
      const { status, body } = await gateway.call('POST', CHECK, { token, raw: `{${fields}}` });
      expect([status, body['sources']]).toEqual([400, [{ path: 'body', message: 'has the key "credits" twice in one object' }]]);
    },
  );
});

describe('44 types, charsets, encodings', () => {
  test.each([
    'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/vnd.api+json',
    'application/jsonp', 'text/json', 'application/xml',
    'application/json; charset=utf-16', 'application/json; charset=latin1', '*/*', 'json',
  ])('%s -> 415', async (type) => {
    expect((await check('{"credits":1}', { 'content-type': type })).slice(0, 2)).toEqual([415, 'unsupported_media_type']);
  });
  test.each([
    'application/json', 'application/json; charset=utf-8', 'application/json;charset=UTF-8', 'Application/JSON; Charset="utf-8"',
    'application/json; foo=bar',
  ])('%s is accepted', async (type) => {
    expect((await check('{"credits":1}', { 'content-type': type }))[0]).toBe(200);
  });
  test('no Content-Type with a body -> 415', async () => {
    const answer = await rawHttp(
      `POST ${CHECK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"credits":1}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 415 /);
  });
  test('no body at all is a missing field', async () => {
    const { status, body } = await gateway.call('POST', CHECK, { token });
    expect([status, body['message'], body['sources']]).toEqual([
      400, 'Valid credits amount required', [{ path: 'body', message: 'is missing' }],
    ]);
  });
  test.each([['[]', 'body'], ['{}', 'body.credits']])('%s -> 400 that names %s', async (raw, path) => {
    const { status, body } = await gateway.call('POST', CHECK, { token, raw });
    expect([status, (body['sources'] as { path: string }[])[0]?.path]).toEqual([400, path]);
  });
  test.each([
    '{', '{"credits":1', '{"credits":1}}', '"text"', '7', 'null', 'true', "{'credits':1}", '{"credits":01}', '{credits:1}',
    '{"credits":1,}', '\u0000',
  ])('malformed: %j -> 400', async (raw) => {
    expect(await check(raw)).toEqual([400, 'invalid_request', 'the body is not a valid JSON object']);
  });
  test('a byte order mark is skipped; UTF-16 is not JSON', async () => {
    expect((await check('\uFEFF{"credits":1}'))[0]).toBe(200);
    expect((await check(Buffer.from('{"credits":1}', 'utf16le')))[0]).toBe(400);
  });
  test.each([[0xff, 0xfe], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf0, 0x9f, 0x98]])(
    'bytes that are not UTF-8 (%d…) -> 400, and nothing is taken for something else', async (...bytes) => {
      const raw = Buffer.concat([Buffer.from('{"service":"s'), Buffer.from(bytes), Buffer.from('","operation":"o","credits":0}')]);
      const { status, body } = await gateway.call('POST', '/api/usage/record', { token, raw });
      expect([status, body['sources']]).toEqual([400, [{ path: 'body', message: 'the body is not UTF-8' }]]);
      expect(gateway.ledger.calls).toEqual([]);
    },
  );
  test('a replacement character that was sent is text', async () => {
    const { status, body } = await gateway.call('POST', '/api/usage/record', {
      token, body: { service: 's\uFFFD', operation: 'o', credits: 0 },
    });
    expect([status, body['service']]).toEqual([201, 's\uFFFD']);
  });
});

describe('a URL that is not percent-encoded UTF-8 -> 400, for paths and queries alike', () => {
  const get = (target: string): Promise<string> =>
    rawHttp(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin}\r\nConnection: close\r\n\r\n`, 'latin1'));
  let admin: string;
  beforeAll(async () => { admin = await gateway.token({ sub: 'root', role: 'admin' }); });
  const BAD = ['%', '%zz', '%ff', 'a%C3', '%ED%A0%80', 'm\u00fcller', 'm\u00c3\u00bcller'];
  test.each(BAD)('%s', async (text) => {
    for (const target of [
      `/api/credits/balance/${text}`, `/api/usage/stats/${text}`, `/api/usage/stats?startDate=${text}`, `/v1/entries?x=${text}`,
    ]) {
      expect([target, (await get(target)).slice(0, 12)]).toEqual([target, 'HTTP/1.1 400']);
    }
    // A path that leads nowhere is not read.
    expect((await get(`/nothing/${text}`)).slice(0, 12)).toMatch(/^HTTP\/1\.1 40[04]$/);
  });
});

describe('45 the connection', () => {
  const head = (more: string): string =>
    `POST ${CHECK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${more}`;
  test('length and chunks together -> 400', async () => {
    expect(await rawHttp(`${head('Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n')}d\r\n{"credits":1}\r\n0\r\n\r\n`))
      .toMatch(/^HTTP\/1.1 400 /);
  });
  test('garbage for a chunk -> 400', async () => {
    expect(await rawHttp(`${head('Transfer-Encoding: chunked\r\n\r\n')}zz\r\nx\r\n`)).toMatch(/^HTTP\/1.1 400 /);
  });
  test('20 KB of headers -> 431', async () => {
    expect(await rawHttp(head(`X-Filler: ${'x'.repeat(20_000)}\r\n\r\n`))).toMatch(/^HTTP\/1.1 431 /);
  });
  test('Expect: 100-continue works', async () => {
    expect(await rawHttp(`${head('Content-Length: 13\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n')}{"credits":1}`))
      .toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
  });
  test('pipelined requests are answered in order', async () => {
    const one = (credits: number, close: string): string => `${head(`Content-Length: 13\r\n${close}\r\n`)}{"credits":${credits}}`;
    const answers = (await rawHttp(one(1, '') + one(2, 'Connection: close\r\n'))).match(/"requiredCredits":\d/g);
    expect(answers).toEqual(['"requiredCredits":1', '"requiredCredits":2']);
  });
  test('a client that leaves in the middle of its body never reaches the ledger', async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => {
        socket.write(`${head('Content-Length: 100\r\n\r\n')}{"credits":`);
        setTimeout(() => { socket.destroy(); }, 30);
      });
      socket.on('close', () => { setTimeout(resolve, 50); });
    });
    expect(gateway.ledger.calls).toEqual([]);
    expect(gateway.logged.filter((line) => line['level'] === 'error')).toEqual([]);
  });
  test('no token: the body is not even looked at', async () => {
    const { status } = await gateway.call('POST', CHECK, { raw: '{', headers: { 'content-encoding': 'gzip' } });
    expect(status).toBe(401);
  });
});

describe('46 text that Postgres cannot store -> 400, before it is in the journal', () => {
  const admin = (): Promise<string> => gateway.token({ sub: 'root', role: 'admin' });
  const BAD = ['\\u0000', 'a\\u0000b', '\\ud800', '\\udc00x', '\\ude00\\ud83d'];
  test.each(BAD)('%s', async (text) => {
    expect((await record(`{"a":"${text}"}`))[0]).toBe(400);
    expect((await record(`{"${text}":1}`))[0]).toBe(400);
    expect((await record(`{"a":[{"b":["${text}"]}]}`))[0]).toBe(400);
    expect((await record('{}', `"service":"${text}","operation":"o","credits":0`))[0]).toBe(400);
    expect((await record('{}', `"service":"s","operation":"${text}","credits":0`))[0]).toBe(400);
    for (const field of ['sessionId', 'modelId']) {
      const raw = `{"sessionId":"s","modelId":"m","estimatedTokens":1,"${field}":"${text}"}`;
      expect((await gateway.call('POST', '/api/streaming-sessions/initialize', { token, raw })).status).toBe(400);
    }
    for (const field of ['userId', 'notes']) {
      const raw = `{"userId":"bob","credits":1,"${field}":"${text}"}`;
      expect((await gateway.call('POST', '/api/credits/allocate', { token: await admin(), raw })).status).toBe(400);
    }
    expect(gateway.ledger.calls).toEqual([]);
  });
  test('a number beyond doubles in metadata -> 400', async () => {
    expect(await record('{"a":[1e400]}')).toEqual([400, 'must not contain numbers beyond 1.8e308']);
  });
  test('a pair of surrogates is an ordinary character', async () => {
    expect((await record('{"a":"\\ud83d\\ude00"}'))[0]).toBe(201);
  });
});

test('47 line breaks and escapes in notes stay inside one JSON line of the log', async () => {
  gateway.grant = () => Promise.reject(new Error('boom\r\n\u001b[31m{"level":"info"}'));
  await gateway.call('POST', '/api/credits/allocate', {
    token: await gateway.token({ sub: 'root', role: 'admin' }), body: { userId: 'bob', credits: 1, notes: 'a\r\n\u001b[31mb' },
  });
  gateway.grant = null;
  const errors = gateway.logged.filter((line) => line['level'] === 'error');
  expect(errors).toHaveLength(1);
  expect(JSON.stringify(errors)).not.toContain('a\\r\\n');
});
