import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { ENDED_HOLD_TTL_SECONDS_MIN, RECEIPT_TTL_SECONDS } from '../../src/kit/limits.js';
import { scanKeys } from '../../test/support/scan-keys.js';
import { drainedAll } from '../acknowledged.js';
import { openAccounts } from '../bench-accounts.js';
import { onGatewayStage } from '../gateway-stage.js';
import type { Part } from '../part.js';

/**
 * Bytes in Redis (`MEMORY USAGE`) of an idle account, of an open hold and of an ended one, as a gateway and its worker write them for
 * calls of `/v1`. An ended hold is whole for ENDED_HOLD_TTL_SECONDS_MIN after Postgres has its end, then a mark until
 * RECEIPT_TTL_SECONDS: its figure is what it takes on average over this time.
 */
export const memory: Part = {
  name: 'memory',
  about: 'bytes in Redis of an account and of holds (P9)',
  isQuick: false,
  run: ({ say }) => onGatewayStage({ say }, async ({ redis, api, view, secret, operator }) => {
    const client = new Redis(redis.operatorUrl);
    try {
      const { ids } = await openAccounts(view.ledger, secret, 1, ACCOUNTS);
      await drainedAll(view, ids);
      // Without the receipts of the grants, which live for seven days.
      const account = (await bytesOf(client, 'account', 'lots', 'lot', 'lots-due')) / ACCOUNTS;
      const receipt = (await bytesOf(client, 'receipt')) / ACCOUNTS;

      const names = Array.from({ length: HOLDS }, (_, index) => ({ account: ids[index % ids.length] ?? '', id: `msg-${randomUUID()}` }));
      const batch = (operations: readonly object[], status: number): Promise<void> => callBatch(api.port, operator, operations, status);
      await batch(names.map((name) => ({
        op: 'holds.place', body: { ...name, amount: '0.25', reason: 'bench', metadata: { conversation: randomUUID() } },
      })), 201);
      const open = (await bytesOf(client, 'hold', 'open', 'holds-due')) / HOLDS;

      await batch(names.map(({ account: accountId, id }) => ({
        op: 'holds.settle', id, body: { account: accountId, amount: '0.125', reason: 'completed' },
      })), 200);
      await drainedAll(view, ids);
      // The tail that stays behind the drain: the grant of each account, and both entries of each hold.
      const entry = (await bytesOf(client, 'journal')) / (ACCOUNTS + 2 * HOLDS);
      while ((await keysOf(client, 'ended')).length < HOLDS) await setTimeout(POLL_MS);
      const whole = (await bytesOf(client, 'hold')) / HOLDS;
      const mark = (await bytesOf(client, 'ended')) / HOLDS;
      const ended = (ENDED_HOLD_TTL_SECONDS_MIN * whole + (RECEIPT_TTL_SECONDS - ENDED_HOLD_TTL_SECONDS_MIN) * mark) / RECEIPT_TTL_SECONDS;
      const figure = (name: string, bytes: number, atMost: number) => ({ id: 'P9', name, unit: ' B', target: { atMost }, values: [bytes] });
      return {
        figures: [
          figure('memory of an idle account', account, 400), figure('memory of an open hold', open, 700),
          figure('memory of an ended hold, average of its hour', ended, 300),
        ],
        tables: [{
          title: `Bytes in Redis: ${ACCOUNTS} accounts with one lot, ids of ${ids[0]?.length ?? 0} characters; ${HOLDS} holds, ids of 40`,
          columns: ['what', 'bytes'],
          rows: [
            ['account, lot and their indexes', Math.round(account)], ['receipt of a grant, for seven days', Math.round(receipt)],
            ['entry of the journal', Math.round(entry)], ['open hold', Math.round(open)],
            ['ended hold, whole', Math.round(whole)], ['ended hold, its mark', Math.round(mark)],
          ],
        }],
        problems: [],
      };
    } finally {
      client.disconnect();
    }
  }),
};

const ACCOUNTS = 500;
const HOLDS = 1_000;
const POLL_MS = 50;

/** Keys of these kinds; an index that all accounts of a shard share is a kind, too. */
async function keysOf(client: Redis, ...kinds: readonly string[]): Promise<string[]> {
  const pages = await Promise.all(kinds.flatMap((kind) => [scanKeys(client, `*:{s*}:*:${kind}:*`), scanKeys(client, `*:{s*}:*:${kind}`)]));
  return pages.flat();
}

async function bytesOf(client: Redis, ...kinds: readonly string[]): Promise<number> {
  const pipeline = client.pipeline();
  for (const key of await keysOf(client, ...kinds)) pipeline.memory('USAGE', key, 'SAMPLES', 0);
  const replies = (await pipeline.exec()) ?? [];
  return replies.reduce((total, [, bytes]) => total + Number(bytes ?? 0), 0);
}

async function callBatch(port: number, token: string, operations: readonly object[], expected: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/batch`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ operations }),
  });
  const { results } = (await answer.json()) as { readonly results?: readonly { readonly status: number; readonly body: unknown }[] };
  const wrong = results?.find(({ status }) => status !== expected);
  if (results?.length !== operations.length || wrong !== undefined) {
    throw new Error(`a batch was answered ${answer.status}: ${JSON.stringify(wrong ?? results)}`);
  }
}
