import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PoolMember } from '../../../src/credits/pools/pool-member.table.js';
import { fakeConsole } from '../../support/fake-console.js';
import { fakeGateway, type FakeGateway } from '../../support/fake-gateway.js';
import { operator, type Operator } from './lab.js';

/** Downloads of lists: they are complete, or they fail. */
const MANY = 12_345;
let gateway: FakeGateway;
let root: Operator;
let silent: readonly string[] = [];
beforeAll(async () => {
  const fake = fakeConsole();
  const memberAt = (index: number): PoolMember =>
    ({ accountId: `member-${index}`, spender: 'pool', version: 1, addedAtMs: 0, addedBy: null });
  fake.lists.members = ({ after, limit }) => {
    const from = Number(after?.[0] ?? 0);
    const end = Math.min(MANY, from + limit);
    return Promise.resolve({
      rows: Array.from({ length: end - from }, (_, index) => memberAt(from + index)), next: end === MANY ? null : [String(end)],
    });
  };
  Object.assign(fake.deps.deadLetters, { list: () => Promise.resolve({ letters: [], silent }) });
  gateway = await fakeGateway({ console: fake.deps });
  root = operator(gateway.url, await gateway.token({ sub: 'root', role: 'supervisor' }));
});
afterAll(async () => { await gateway.stop(); });

test('a download has every row, however many there are', async () => {
  const { status, text } = await root.get('/console/pools.csv');
  expect([status, new Set(text.trimEnd().split('\r\n').slice(1)).size]).toEqual([200, MANY]);
});

test('what would leave rows out because a part does not answer is refused', async () => {
  expect((await root.get('/console/dead-letters.csv')).status).toBe(200);
  silent = ['a_queue'];
  const { status, text } = await root.get('/console/dead-letters.csv');
  expect([status, text.includes('a_queue did not answer')]).toEqual([503, true]);
  expect((await root.get('/console/dead-letters')).status).toBe(200);
});
