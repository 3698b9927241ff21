import { connect } from 'node:net';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { listRoutes } from '../../src/compose/app.js';
import { BODY_BYTES_MAX, LONG_BODY_BYTES_MAX } from '../../src/kit/limits.js';
import { fakeGateway, type FakeGateway } from '../support/fake-gateway.js';

/** Bodies that are dear to read (docs/reliability.md#b2). */
let gateway: FakeGateway;
let token: string;
beforeAll(async () => {
  gateway = await fakeGateway();
  token = await gateway.token({ sub: 'mallory' });
});
afterAll(async () => { await gateway.stop(); });

const FINALIZE = '/api/streaming-sessions/finalize';
const CONNECTIONS = 8;
const MEGABYTE = 1_000_000;

test.each([
  ['a megabyte of [', '['.repeat(MEGABYTE)], ['a megabyte of {"a":', '{"a":'.repeat(MEGABYTE / 5)],
  ['half a million values', `[${'1,'.repeat(MEGABYTE / 2)}1]`],
  ['a hundred thousand keys', `{${Array.from({ length: 100_000 }, (_, at) => `"${at}":{}`).join()}}`.slice(0, MEGABYTE)],
  ['the same key again and again', `{${'"a":1,'.repeat(MEGABYTE / 6)}"a":1}`],
])('%s on eight connections is refused unparsed', async (_, raw) => {
  const parse = jest.spyOn(JSON, 'parse');
  try {
    const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => gateway.call('POST', FINALIZE, { token, raw })));
    expect(answers.map(({ status }) => status)).toEqual(new Array(CONNECTIONS).fill(400));
    // Parsing one takes 60 ms of the event loop, looking through it a few microseconds.
    expect(parse.mock.calls.filter(([text]) => text.length > raw.length / 2)).toEqual([]);
  } finally {
    parse.mockRestore();
  }
  expect(gateway.ledger.calls).toEqual([]);
});

test('a megabyte of an answer passes', async () => {
  const raw = JSON.stringify({ sessionId: 'none', actualTokens: 1, responseContent: '["{\\'.repeat(MEGABYTE / 8) });
  expect((await gateway.call('POST', FINALIZE, { token, raw })).status).toBe(404);
});

test('a body whose header says that it is too large is refused before any of it arrives', async () => {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => {
      socket.write(`POST /api/credits/check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`
        + `Content-Type: application/json\r\nContent-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`);
    });
    let received = '';
    socket.on('data', (chunk) => { received += chunk.toString(); });
    socket.on('error', reject).on('close', () => { resolve(received); });
  });
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
});

test('the routes that take more than 16 KB', () => {
  const larger = listRoutes(gateway.deps).filter(({ bodyBytesMax }) => bodyBytesMax > BODY_BYTES_MAX);
  expect(larger.map(({ method, path, bodyBytesMax }) => `${method} ${path} ${bodyBytesMax}`)).toEqual([
    `POST /api/streaming-sessions/finalize ${LONG_BODY_BYTES_MAX}`,
  ]);
});
