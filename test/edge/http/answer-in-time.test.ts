import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createApp } from '../../../src/compose/app.js';
import { answerWithin, TooLate, untilOneIsLate } from '../../../src/edge/http/answer-in-time.js';
import { httpServer, listen } from '../../../src/edge/http/server.js';
import { fakeGateway, send, type FakeGateway } from '../../support/fake-gateway.js';

/** Far below every other time-out, so that only the deadline can end these requests. */
const DEADLINE_MS = 20;
let gateway: FakeGateway;
beforeAll(async () => { gateway = await fakeGateway(); });
afterAll(() => gateway.stop());

test('work that does not end is answered 503 at the deadline, and its late result is dropped', async () => {
  const held: (() => void)[] = [];
  const waiting = <T>(work: () => Promise<T>): Promise<T> => new Promise<void>((resolve) => { held.push(resolve); }).then(work);
  const { accounting } = gateway.deps;
  const { ledger } = accounting;
  const server = httpServer(createApp({
    ...gateway.deps, inTime: answerWithin(DEADLINE_MS),
    accounting: {
      ...accounting,
      ledger: {
        ...ledger,
        readFunds: (...asked) => waiting(() => ledger.readFunds(...asked)),
        placeHold: (asked) => waiting(() => ledger.placeHold(asked)),
      },
    },
  }));
  const url = `http://127.0.0.1:${await listen(server, 0, '127.0.0.1')}`;
  const token = await gateway.token({ sub: 'alice' });
  try {
    const read = await send(`${url}/api/credits/balance`, 'GET', { token });
    const write = await send(`${url}/api/streaming-sessions/initialize`, 'POST', {
      token, body: { sessionId: 's', modelId: 'gpt-4', estimatedTokens: 1 },
    });
    expect([read, write].map(({ status, headers, body }) => [status, headers.get('retry-after'), body['error'], body['outcome']])).toEqual([
      [503, '1', 'ledger_unavailable', 'not_executed'], [503, '1', 'ledger_unavailable', 'unknown'],
    ]);
    expect(held).toHaveLength(2);
    for (const release of held) release();
    expect((await send(`${url}/livez`, 'GET')).status).toBe(200);
    expect(gateway.logged.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  } finally {
    server.close();
  }
});

test('after a late operation of a batch no other is begun', async () => {
  const begun: string[] = [];
  const inTime = untilOneIsLate((method, work) => {
    const result = work();
    if (begun.includes('late')) throw new TooLate(method);
    return result;
  });
  const run = async (name: string): Promise<string> => {
    try {
      return await inTime('POST', () => { begun.push(name); return name; });
    } catch (error) {
      return String((error as TooLate).outcome);
    }
  };
  expect([await run('first'), await run('late'), await run('third')]).toEqual(['first', 'unknown', 'not_executed']);
  expect(begun).toEqual(['first', 'late']);
});
