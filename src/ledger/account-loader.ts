import type { ScriptClient } from '../stores/redis/script.js';
import type { AccountSource, ChargeImage, EndedHoldImage, HoldName } from './account-image.js';
import type { Epoch } from './fence.js';
import { beginLoad, writeAccount, writeEndedHold, writeReceipt } from './hydrate.js';
import type { AccountKeys, Keyspace } from './keys.js';

export type AccountLoaderDeps = {
  readonly client: ScriptClient;
  readonly keys: Keyspace;
  readonly source: AccountSource;
  /** The epoch of an open shard. Throws GatewayError ledger_unavailable when it is closed. */
  readonly epochOf: (shard: number) => Epoch;
};

/** Loads accounts and ended holds from Postgres that Redis does not have. */
export type AccountLoader = {
  /** Loads an account, once at a time: concurrent callers share the load. */
  readonly load: (accountId: string, account: AccountKeys, epoch: Epoch) => Promise<unknown>;
  /** Restores an ended hold from Postgres. False when Postgres does not have it either. */
  readonly restoreHold: (accountId: string, holdId: string) => Promise<boolean>;
  /** Does the same before a hold is placed under a caller's id. Without Postgres, holds are placed all the same. */
  readonly recallHold: (accountId: string, holdId: string) => Promise<void>;
  /** The same before several are placed. @throws what one of them throws: each is then recalled alone. */
  readonly recallHolds: (names: readonly HoldName[]) => Promise<void>;
  /** Restores the receipt of a key from what Postgres has under it. */
  readonly restoreReceipt: (accountId: string, key: string, made: ChargeImage) => Promise<void>;
};

/** How often an account is read again that was evicted while it was read, or a hold that was corrected. */
const LOADS_MAX = 3;

export function accountLoader({ client, keys, source, epochOf }: AccountLoaderDeps): AccountLoader {
  const loading = new Map<string, Promise<unknown>>();

  const writeBack = (accountId: string, hold: EndedHoldImage): Promise<boolean> => {
    const epoch = epochOf(keys.shardOf(accountId));
    return writeEndedHold(client, keys.account(accountId, epoch.number), epoch, hold);
  };

  const read = async (accountId: string, account: AccountKeys, epoch: Epoch): Promise<void> => {
    for (let tries = 0; tries < LOADS_MAX; tries += 1) {
      const begun = await beginLoad(client, account, epoch);
      if (begun.status !== 'ticket') return;
      const image = await source.loadAccount(accountId);
      if (await writeAccount(client, account, epoch, begun.ticket, accountId, image) !== 'stale') return;
    }
  };

  return {
    load(accountId, account, epoch) {
      const underWay = loading.get(accountId);
      if (underWay !== undefined) return underWay;
      const started = read(accountId, account, epoch).finally(() => loading.delete(accountId));
      loading.set(accountId, started);
      return started;
    },

    async restoreHold(accountId, holdId) {
      for (let tries = 0; tries < LOADS_MAX; tries += 1) {
        const hold = await source.loadEndedHold(accountId, holdId);
        if (hold === null) return false;
        if (await writeBack(accountId, hold)) return true;
      }
      return false;
    },

    async recallHold(accountId, holdId) {
      const hold = await source.recallEndedHold(accountId, holdId);
      // If Redis has a hold of that id by now, nothing is written.
      if (hold !== null) await writeBack(accountId, hold);
    },

    async recallHolds(names) {
      const found = await source.recallEndedHolds(names);
      await Promise.all(names.flatMap(({ accountId }, index) => {
        const hold = found[index] ?? null;
        return hold === null ? [] : [writeBack(accountId, hold)];
      }));
    },

    async restoreReceipt(accountId, key, made) {
      const epoch = epochOf(keys.shardOf(accountId));
      await writeReceipt(client, keys.account(accountId, epoch.number), epoch, key, made);
    },
  };
}
