import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  GatewayError, InsufficientCreditsError, UnsettledError, type Lease, type StreamOptions,
} from '../../clients/typescript/src/index.js';
import { until } from '../edge/queues/lab.js';
import { clientLab, type ClientLab } from './lab.js';

/** `stream` and `lease` of the client over HTTP. A token of input costs 2.5 micros, one of output 10. */

let lab: ClientLab;
beforeAll(async () => { lab = await clientLab(); });
afterAll(async () => { await lab.stop(); });

const MODEL = { model: 'gpt-4o', inputTokens: 1_000 } as const;
const PLACE = 'POST /v1/holds';
const [EXTEND, PROGRESS, SETTLE, VOID] = ['extend', 'progress', 'settle', 'void'].map((step) => `${PLACE}/x/${step}`);

/** What the gateway remembers of a hold: its state, what was charged, and the reason of its end. */
async function endOf(account: string, id: string): Promise<readonly [unknown, unknown, unknown]> {
  const { body } = await lab.bearer(lab.key)('GET', `/v1/holds/${id}?account=${account}`, undefined);
  const { state, captured, timeline } = body as { state: string; captured: string; timeline: { reason: string | null }[] };
  return [state, captured, timeline.at(-1)?.reason];
}

/** Reports token by token until it is told to stop. */
async function tokens(lease: Lease, upTo: number): Promise<number> {
  for (let outputTokens = 1; outputTokens <= upTo; outputTokens += 1) if (!await lease.report({ outputTokens })) return outputTokens;
  return upTo;
}

describe('a stream', () => {
  test('is placed once and settled once, with what was reported', async () => {
    const account = await lab.funded('1');
    const { credits, line } = lab.client();
    let id = '';
    const told = await credits.stream({ ...MODEL, account, maxOutputTokens: 100 }, async (lease) => {
      ({ id } = lease);
      expect(lease).toMatchObject({ stopAtTokens: 100, settled: false, allowed: false, usage: undefined });
      return tokens(lease, 40);
    });
    expect([told, line.calls, await endOf(account, id)]).toEqual([40, [PLACE, SETTLE], ['settled', '0.0029', 'completed']]);
  });

  test('that used nothing is voided; a failed one is settled, and fails with its own error', async () => {
    const account = await lab.funded('1');
    const { credits, line } = lab.client();
    const options = { ...MODEL, account, maxOutputTokens: 100 };
    await credits.stream({ ...options, id: 'nothing' }, () => Promise.resolve());
    const broken = new Error('the provider broke');
    await expect(credits.stream({ ...options, id: 'early' }, () => Promise.reject(broken))).rejects.toBe(broken);
    await expect(credits.stream({ ...options, id: 'late' }, async (lease) => {
      await tokens(lease, 10);
      throw broken;
    })).rejects.toBe(broken);
    const timeout = new DOMException('too slow', 'TimeoutError');
    await expect(credits.stream({ ...options, id: 'slow' }, () => Promise.reject(timeout))).rejects.toBe(timeout);
    expect(line.calls).toEqual([PLACE, VOID, PLACE, VOID, PLACE, SETTLE, PLACE, VOID]);
    expect(await Promise.all(['nothing', 'early', 'late', 'slow'].map((id) => endOf(account, id)))).toEqual([
      ['voided', '0', 'completed'], ['voided', '0', 'provider_error'], ['settled', '0.0026', 'provider_error'], ['voided', '0', 'timeout'],
    ]);
  });

  test("the provider's own count, settled by the stream itself, counts", async () => {
    const account = await lab.funded('1');
    const { credits, line } = lab.client();
    const receipt = await credits.stream({ ...MODEL, account, maxOutputTokens: 100 }, async (lease) => {
      await tokens(lease, 10);
      return lease.settle({ usage: { inputTokens: 400, outputTokens: 20 }, reason: 'user_stop' });
    });
    expect([receipt.captured, line.calls]).toEqual(['0.0012', [PLACE, SETTLE]]);
  });

  test('is refused with what is missing; nothing is asked of the body', async () => {
    const account = await lab.funded('0.001');
    const { credits } = lab.client();
    const refused = await credits.stream({ ...MODEL, account, maxOutputTokens: 100 }, () => Promise.resolve('body'))
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(InsufficientCreditsError);
    expect(refused).toMatchObject({ code: 'insufficient_credits', status: 402, available: '0.001', required: '0.0035', shortBy: '0.0025' });
  });

  test('stops at the last credit', async () => {
    const account = await lab.funded('0.0035');
    const { credits, line } = lab.client();
    const told = await credits.stream({ ...MODEL, account, id: 'cut', maxOutputTokens: 5_000, minimumOutputTokens: 10 }, async (lease) => {
      expect([lease.stopAtTokens, lease.final]).toEqual([100, true]);
      return tokens(lease, 5_000);
    });
    expect([told, line.calls, await endOf(account, 'cut')]).toEqual([100, [PLACE, SETTLE], ['settled', '0.0035', 'cut_off']]);
  });

  test('a chunk beyond the last token is not charged', async () => {
    const account = await lab.funded('0.0035');
    const options = { ...MODEL, account, id: 'chunk', maxOutputTokens: 5_000, minimumOutputTokens: 10 };
    await lab.client().credits.stream(options, async (lease) => {
      expect(await lease.report({ outputTokens: 130 })).toBe(false);
    });
    expect(await endOf(account, 'chunk')).toEqual(['settled', '0.0035', 'cut_off']);
  });

  test('of 100 tokens a second calls at most once per half-life of its lease, and is topped up in time', async () => {
    const account = await lab.funded('0.0065');
    const { credits, line } = lab.client();
    const options: StreamOptions = { ...MODEL, account, id: 'paced', maxOutputTokens: 2_000, minimumOutputTokens: 10, leaseSeconds: 5 };
    const startedAt = performance.now();
    const sent = await credits.stream(options, async (lease) => {
      expect([lease.stopAtTokens, lease.final]).toEqual([400, true]);
      await lab.client().credits.grants.create({ account, amount: '1', reason: 'paid in while the stream runs' });
      let outputTokens = 0;
      while (outputTokens < 600) {
        await pause(50);
        outputTokens += 5;
        if (!await lease.report({ outputTokens })) break;
      }
      return outputTokens;
    });
    const halfLives = Math.ceil((performance.now() - startedAt) / 2_500);
    const between = line.calls.slice(1, -1);
    expect([sent, new Set(between)]).toEqual([600, new Set([PROGRESS])]);
    expect(between.length).toBeLessThanOrEqual(halfLives);
    expect(await endOf(account, 'paced')).toEqual(['settled', '0.0085', 'completed']);
  });

  test('a lease is renewed while no token arrives, and reports what is new', async () => {
    const account = await lab.funded('1');
    const { credits, line } = lab.client();
    await credits.stream({ ...MODEL, account, maxOutputTokens: 100, leaseSeconds: 5 }, async (lease) => {
      const before = lease.hold.leaseEndsAt;
      await until(() => Promise.resolve(lease.hold.leaseEndsAt), (now) => now > before);
      expect(line.calls).toEqual([PLACE, EXTEND]);
      await tokens(lease, 10);
      await until(() => Promise.resolve(lease.hold.reported), (reported) => reported === '0.0026');
      expect(line.calls).toEqual([PLACE, EXTEND, PROGRESS]);
    });
  });
});

describe('an abort', () => {
  test('stops a stream, which pays for what was reported', async () => {
    const account = await lab.funded('1');
    const aborting = new AbortController();
    await lab.client().credits.stream({ ...MODEL, account, id: 'gone', maxOutputTokens: 100, signal: aborting.signal }, async (lease) => {
      expect(await lease.report({ outputTokens: 10 })).toBe(true);
      aborting.abort();
      expect(await lease.report({ outputTokens: 12 })).toBe(false);
    });
    expect(await endOf(account, 'gone')).toEqual(['settled', '0.00262', 'client_disconnect']);
  });

  test('ends a lease that is left alone', async () => {
    const account = await lab.funded('1');
    const aborting = new AbortController();
    const lease = await lab.client().credits.lease({ ...MODEL, account, id: 'alone', maxOutputTokens: 100, signal: aborting.signal });
    aborting.abort(new DOMException('too slow', 'TimeoutError'));
    await until(() => endOf(account, 'alone'), ([state]) => state !== 'open');
    expect([lease.settled, await endOf(account, 'alone')]).toEqual([true, ['voided', '0', 'timeout']]);
  });

  test('while it is placed leaves no hold', async () => {
    const account = await lab.funded('1');
    const { credits, line } = lab.client();
    line.lose = Infinity;
    const aborting = new AbortController();
    const placing = credits.lease({ ...MODEL, account, id: 'unborn', maxOutputTokens: 100, signal: aborting.signal });
    const refused = expect(placing).rejects.toThrow('left');
    await until(async () => (await lab.bearer(lab.key)('GET', `/v1/holds?account=${account}`)).text, (text) => text.includes('unborn'));
    aborting.abort(new Error('left'));
    await refused;
    line.lose = 0;
    await until(() => endOf(account, 'unborn'), ([state]) => state === 'voided');
  });
});

describe('a gateway that is away', () => {
  test('a stream goes on to its last granted token, and is settled when the gateway is back', async () => {
    const account = await lab.funded('0.0065');
    const { credits, line } = lab.client();
    const options = { ...MODEL, account, id: 'away', maxOutputTokens: 2_000, minimumOutputTokens: 10 };
    const told = await credits.stream(options, async (lease) => {
      line.isDown = true;
      const reached = await tokens(lease, 2_000);
      line.isDown = false;
      return reached;
    });
    expect([told, line.calls, await endOf(account, 'away')]).toEqual([400, [PLACE, SETTLE], ['settled', '0.0065', 'cut_off']]);
  });

  test('a settle that fails until the deadline says what is not settled', async () => {
    const account = await lab.funded('1');
    const told: UnsettledError[] = [];
    const { credits, line } = lab.client({ onUnsettled: (error) => { told.push(error); } });
    const failed = credits.stream({ ...MODEL, account, id: 'unpaid', maxOutputTokens: 100 }, async (lease) => {
      await tokens(lease, 10);
      line.isDown = true;
    });
    const unsettled = { holdId: 'unpaid', account, usage: { inputTokens: 1_000, outputTokens: 10 }, reason: 'completed' };
    await expect(failed).rejects.toMatchObject({ name: 'UnsettledError', code: 'unreachable', unsettled });
    expect(told).toEqual([expect.objectContaining({ unsettled })]);
    const broken = new Error('the provider broke');
    await expect(credits.stream({ ...MODEL, account }, () => Promise.reject(broken))).rejects.toThrow(GatewayError);
  });

  test('an answer that is lost is asked for again: one hold, one charge', async () => {
    const account = await lab.funded('1');
    const { credits, line } = lab.client();
    line.lose = 1;
    const lease = await credits.lease({ ...MODEL, account, id: 'twice', maxOutputTokens: 100 });
    await tokens(lease, 10);
    line.lose = 1;
    expect(await lease.settle()).toMatchObject({ state: 'settled', captured: '0.0026' });
    expect(line.calls).toEqual([PLACE, PLACE, SETTLE, SETTLE]);
    const { body } = await lab.bearer(lab.key)('GET', `/v1/accounts/${account}`);
    expect(body).toMatchObject({ available: '0.9974', held: '0' });
  });
});
