import { accountSource } from '../src/books/load-account.js';
import { readConfig } from '../src/config.js';
import { shardStore } from '../src/journal/shard-store.js';
import { acknowledged } from '../src/ledger/acknowledged.js';
import { fence } from '../src/ledger/fence.js';
import { keyspace } from '../src/ledger/keys.js';
import type { Ledger } from '../src/ledger/ledger.js';
import { redisLedger } from '../src/ledger/redis-ledger.js';
import { apiProfile, connectPostgres, type Db } from '../src/stores/postgres/connect.js';
import { openHotPath } from '../src/stores/redis/open-redis.js';
import { redisAt } from '../src/stores/redis/location.js';

/** The ledger of a running gateway, accessed from outside: opens accounts, and reads balances at the end. */
export type LedgerView = { readonly ledger: Ledger; readonly db: Db; close(): Promise<void> };

/** A benchmark may wait longer than a caller. */
const TIMEOUT_MS = 10_000;
const quiet = { info: () => undefined, error: console.error };

/** `environment`: the gateway's, which determines its key names and number of shards. */
export async function openLedgerView(environment: Readonly<Record<string, string>>): Promise<LedgerView> {
  const { redis: location = redisAt(''), databaseUrl = '', redisNamespace, shards } = readConfig(environment);
  const db = connectPostgres(databaseUrl, apiProfile(TIMEOUT_MS));
  const redis = openHotPath(location, TIMEOUT_MS, console.error);
  const keys = keyspace(redisNamespace, shards);
  const told = acknowledged(shards);
  // A benchmark's Redis loses nothing, so there is nothing to drain before an epoch ends.
  const gate = fence({
    redis, store: await shardStore(db, shards), keys, acknowledged: told, drainShard: () => Promise.resolve(true), log: quiet,
  });
  await gate.opened();
  const ledger = redisLedger({
    client: redis, keys, fence: gate, acknowledged: told, source: accountSource({ db, clock: Date.now }),
    recallMs: TIMEOUT_MS, unrecalled: () => undefined,
    written: () => undefined, observe: () => undefined, memory: () => 'normal',
    openHoldsMax: { account: 100_000, pool: 100_000 }, correctionWindowMs: 86_400_000,
  });
  return {
    ledger,
    db,
    close: async () => {
      gate.close();
      redis.close();
      await db.destroy();
    },
  };
}
