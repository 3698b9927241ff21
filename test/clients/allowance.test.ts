import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AllowedStream } from '../../clients/typescript/src/index.js';
import { clientLab, type ClientLab } from './lab.js';

/** Streams while the gateway does not answer. A token of input costs 2.5 micros, one of output 10. */

let lab: ClientLab;
beforeAll(async () => { lab = await clientLab(); });
afterAll(async () => { await lab.stop(); });

test('by default they are refused', async () => {
  const { credits, line } = lab.client();
  line.isDown = true;
  let ran = false;
  await expect(credits.stream({ account: 'a', model: 'gpt-4o', inputTokens: 1 }, () => {
    ran = true;
    return Promise.resolve();
  })).rejects.toMatchObject({ code: 'unreachable', status: 503 });
  expect(ran).toBe(false);
});

test('within a bound they run, are told, and are charged if the gateway is back; never beyond the bound', async () => {
  const account = await lab.funded('1');
  const told: AllowedStream[] = [];
  const { credits, line } = lab.client({
    onUnavailable: { allow: { maxAmount: '0.02' }, onAllowed: (stream) => { told.push(stream); } },
  });
  const options = { account, model: 'gpt-4o', inputTokens: 400, maxOutputTokens: 100 };
  line.isDown = true;
  await expect(credits.lease(options)).rejects.toMatchObject({ code: 'unreachable' }); // nothing is known of the model's price
  line.isDown = false;
  await (await credits.lease(options)).void('completed');

  line.isDown = true;
  // The hold was 0.002 for 400 tokens in and 100 out, so each side is taken to cost that much: 0.004, twice the real price.
  const lost = await credits.lease({ ...options, id: 'lost' });
  expect(lost).toMatchObject({ allowed: true, stopAtTokens: 100, final: true });
  expect([await lost.report({ outputTokens: 99 }), await lost.report({ outputTokens: 100 })]).toEqual([true, false]);
  expect(await lost.settle()).toMatchObject({ state: 'settled', captured: '0', uncollected: '0.004' });

  await expect(credits.lease({ ...options, maxOutputTokens: 10_000 })).rejects.toMatchObject({ code: 'unreachable' });
  await (await credits.lease({ ...options, id: 'unused' })).void('user_stop');
  const charged = await credits.stream({ ...options, id: 'charged' }, async (lease) => {
    await lease.report({ outputTokens: 50 });
    line.isDown = false;
    return lease;
  });
  expect([charged.settled, (await credits.accounts.get(account)).available]).toEqual([true, '0.9985']);

  // 0.004 is lost, so 0.016 of the 0.02 is left: four streams at once, and not a fifth.
  line.isDown = true;
  const running = await Promise.allSettled(Array.from({ length: 6 }, () => credits.lease(options)));
  expect(running.map(({ status }) => status).filter((status) => status === 'fulfilled')).toHaveLength(4);
  expect(told.map(({ id, state, amount, atRisk, count }) => [id.length > 10 ? 'more' : id, state, amount, atRisk, count])).toEqual([
    ['lost', 'running', '0.004', '0.004', 1], ['lost', 'lost', '0.004', '0.004', 1],
    ['unused', 'running', '0.004', '0.008', 2], ['unused', 'ended', '0.004', '0.004', 2],
    ['charged', 'running', '0.004', '0.008', 3], ['charged', 'charged', '0.004', '0.004', 3],
    ...['0.008', '0.012', '0.016', '0.02'].map((atRisk, index) => ['more', 'running', '0.004', atRisk, 4 + index]),
  ]);
  await Promise.all(running.map(async (each) => { if (each.status === 'fulfilled') await each.value.void('completed'); }));
});

test('a refusal is a refusal: the bound is for a gateway that does not answer', async () => {
  const account = await lab.funded('0.002');
  const { credits } = lab.client({ onUnavailable: { allow: { maxAmount: '1' } } });
  const options = { account, model: 'gpt-4o', inputTokens: 400, maxOutputTokens: 100 };
  await (await credits.lease(options)).void('completed');
  await expect(credits.lease({ ...options, maxOutputTokens: 200 })).rejects.toMatchObject({ code: 'insufficient_credits' });
});

test('a bound that is no amount is refused when the client is made', () => {
  expect(() => lab.client({ onUnavailable: { allow: { maxAmount: 'much' } } })).toThrow("'much' is no amount");
});
