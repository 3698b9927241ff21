import type { ScriptClient } from '../stores/redis/script.js';
import type { AccountSource, EndedHoldImage } from './account-image.js';
import type { Epoch } from './fence.js';
import { writeAccount, writeEndedHold } from './hydrate.js';
import type { AccountKeys, Keyspace } from './keys.js';

export type AccountLoaderDeps = {
  readonly client: ScriptClient;
  readonly keys: Keyspace;
  readonly source: AccountSource;
  /** The epoch of an open shard. Throws GatewayError ledger_unavailable when it is closed. */
  readonly epochOf: (shard: number) => Epoch;
};

/** Brings back from Postgres what Redis does not know. */
export type AccountLoader = {
  /** Loads an account. One load per account at a time; everyone who needs it waits for the same one. */
  readonly load: (accountId: string, account: AccountKeys, epoch: Epoch) => Promise<unknown>;
  /** Brings an ended hold back from Postgres. False when Postgres has none either. */
  readonly restoreHold: (accountId: string, holdId: string) => Promise<boolean>;
  /** Does the same before a hold is placed under an id of a caller's. Without Postgres, holds go on. */
  readonly recallHold: (accountId: string, holdId: string) => Promise<void>;
};

export function accountLoader({ client, keys, source, epochOf }: AccountLoaderDeps): AccountLoader {
  const loading = new Map<string, Promise<unknown>>();

  const writeBack = (accountId: string, hold: EndedHoldImage): Promise<void> => {
    const epoch = epochOf(keys.shardOf(accountId));
    return writeEndedHold(client, keys.account(accountId, epoch.number), epoch, hold);
  };

  return {
    load(accountId, account, epoch) {
      const underWay = loading.get(accountId);
      if (underWay !== undefined) return underWay;
      const started = source.loadAccount(accountId)
        .then((image) => writeAccount(client, account, epoch, accountId, image))
        .finally(() => loading.delete(accountId));
      loading.set(accountId, started);
      return started;
    },

    async restoreHold(accountId, holdId) {
      const hold = await source.loadEndedHold(accountId, holdId);
      if (hold === null) return false;
      await writeBack(accountId, hold);
      return true;
    },

    async recallHold(accountId, holdId) {
      const hold = await source.recallEndedHold(accountId, holdId);
      // Redis knows better when it has a hold of that id: then nothing is written.
      if (hold !== null) await writeBack(accountId, hold);
    },
  };
}
