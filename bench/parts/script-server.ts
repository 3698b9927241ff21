import { Redis } from 'ioredis';
import { micros, MICROS_PER_CREDIT } from '../../src/kit/money/micros.js';
import { acknowledged } from '../../src/ledger/acknowledged.js';
import { fence } from '../../src/ledger/fence.js';
import { keyspace, type Keyspace } from '../../src/ledger/keys.js';
import type { Ledger } from '../../src/ledger/ledger.js';
import { placeAmongOthers } from '../../src/ledger/place-operations.js';
import { redisLedger } from '../../src/ledger/redis-ledger.js';
import { hotPathOptions } from '../../src/stores/redis/connect.js';
import { DeadlineRedis } from '../../src/stores/redis/deadline-redis.js';
import { oneServer } from '../../src/stores/redis/one-server.js';
import { emptyImage, memoryShardStore } from '../../test/support/ledger.js';
import { throwawayRedis } from '../../test/support/servers.js';
import { firstThreadMicros } from '../processes.js';

/** A Redis with the real ledger in front of it, and nothing else: no HTTP, no Postgres. */
export type ScriptServer = {
  readonly ledger: Ledger;
  readonly keys: Keyspace;
  /** As the gateway's user. */
  readonly redis: DeadlineRedis;
  /** Who may do everything. */
  readonly operator: Redis;
  /** Processor time so far of the thread that runs scripts, in µs. */
  readonly cpuMicros: () => number;
  close(): Promise<void>;
};

const SHARDS = 64;
const TIMEOUT_MS = 10_000;

export async function openScriptServer(appendOnly: 'yes' | 'no' = 'yes'): Promise<ScriptServer> {
  const server = await throwawayRedis({ appendonly: appendOnly, appendfsync: 'everysec' });
  const redis = new DeadlineRedis(server.url, { ...hotPathOptions(TIMEOUT_MS), lazyConnect: true });
  await redis.connect();
  const operator = new Redis(server.operatorUrl);
  const keys = keyspace('bench', SHARDS);
  const told = acknowledged(SHARDS);
  const gate = fence({
    redis: oneServer(redis), store: memoryShardStore(SHARDS), keys, acknowledged: told, drainShard: () => Promise.resolve(true),
    log: { info: () => undefined, error: () => undefined },
  });
  await gate.opened();
  const ledger = redisLedger({
    client: redis, keys, fence: gate, acknowledged: told, written: () => undefined, observe: () => undefined, memory: () => 'normal',
    openHoldsMax: { account: 1_000_000, pool: 1_000_000 },
    correctionWindowMs: 86_400_000,
    source: {
      loadAccount: () => Promise.resolve(emptyImage), loadEndedHold: () => Promise.resolve(null),
      recallEndedHold: () => Promise.resolve(null),
    recallEndedHolds: (names) => Promise.resolve(names.map(() => null)), loadCharge: () => Promise.resolve(null),
    },
    recallMs: 1_000, unrecalled: () => undefined,
  });
  return {
    ledger, keys, redis, operator, cpuMicros: () => firstThreadMicros(server.pid),
    close: async () => {
      gate.close();
      redis.disconnect();
      operator.disconnect();
      await server.discard();
    },
  };
}

export type Hold = { readonly accountId: string; readonly holdId: string };

const LEASE_MS = 600_000;
const HELD = micros(2 * MICROS_PER_CREDIT);
const USED = micros(MICROS_PER_CREDIT / 2);
const PRICE = 'tokens/1/gpt-4';

export async function placeHold(to: Ledger, { accountId, holdId }: Hold, together = false): Promise<void> {
  const command = {
    accountId, holdId, minimum: HELD, desired: HELD, leaseMs: LEASE_MS, kind: 'test', expiryPolicy: 'release', price: PRICE,
    fingerprint: 'AAAAAAAAAAAAAAAAAAAAAA', about: '{"modelId":"gpt-4","estimatedTokens":200,"estimate":1000000}',
  } as const;
  const { status } = await (together ? placeAmongOthers(to, command) : to.placeHold(command));
  if (status !== 'placed') throw new Error(`a hold was refused: ${status}`);
}

export async function settleHold(to: Ledger, { accountId, holdId }: Hold): Promise<void> {
  const { status } = await to.settleHold({
    accountId, holdId, cost: USED, price: PRICE, overCapture: 'debt', debtLimit: null, fingerprint: 'BBBBBBBBBBBBBBBBBBBBBB',
    about: JSON.stringify({
      end: 'completed', tokens: 100,
      usage: { service: 'chat-streaming', operation: 'gpt-4', metadata: { sessionId: holdId, tokens: 100, streamingDuration: 1 } },
    }),
  });
  if (status !== 'settled') throw new Error(`a settle was refused: ${status}`);
}

/** What the empty script of this hash is called with: the keys and arguments of a hold. */
export function emptyCall({ keys }: Pick<ScriptServer, 'keys'>, { accountId, holdId }: Hold): readonly (string | number)[] {
  const of = keys.account(accountId, 1);
  const hold = of.hold(holdId);
  const held = String(HELD);
  return [
    12, of.fence, of.lotsDue, of.journal, of.holdsDue, of.account, of.lots, of.lot, hold, of.open, of.limits, hold, of.ended(holdId),
    '1@0123456789abcdef', 0, 10_000, 16, 604_800, accountId, holdId, held, held, LEASE_MS, 'release', PRICE, 'test',
    'AAAAAAAAAAAAAAAAAAAAAA', '{"modelId":"gpt-4","estimatedTokens":200,"estimate":1000000}', 'user', '', '', '', '0', 0, accountId,
    '', '', '', '', '', '', '', '', '',
  ];
}

/** Calls for each of `items`, so many at once. */
export async function inTurns<T>(items: readonly T[], atOnce: number, call: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let item = items[next]; item !== undefined; item = items[next]) {
      next += 1;
      await call(item);
    }
  }));
}
