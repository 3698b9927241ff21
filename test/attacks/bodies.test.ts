import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
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

/** What eight connections with this body at once cost the process, in microseconds of processor time, and what they are answered. */
async function costOf(raw: string): Promise<{ readonly micros: number; readonly statuses: readonly number[] }> {
  const before = process.cpuUsage();
  const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => gateway.call('POST', FINALIZE, { token, raw })));
  const { user, system } = process.cpuUsage(before);
  return { micros: user + system, statuses: [...new Set(answers.map(({ status }) => status))] };
}

test('a megabyte of [ costs no more than a megabyte of text', async () => {
  const text = JSON.stringify({ sessionId: 'none', actualTokens: 1, responseContent: 'x'.repeat(MEGABYTE) });
  const warm = await costOf(text);
  const harmless = await costOf(text);
  const hostile = await costOf('['.repeat(MEGABYTE));
  expect([warm.statuses, harmless.statuses, hostile.statuses]).toEqual([[404], [404], [400]]);
  // Parsing it costs thirty times as much.
  expect(hostile.micros).toBeLessThan(harmless.micros * 4);
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
