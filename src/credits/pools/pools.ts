import type { Db } from '../../stores/postgres/connect.js';
import { follow, type FollowDeps } from '../../stores/postgres/follow.js';
import { readAllMembers, readPoolsVersion } from './pool-member.table.js';

export type PoolsDeps = Omit<FollowDeps, 'readNew'> & { readonly db: Db };

/** Who pays for an account, and under which name it spends there. */
export type Payer = { readonly accountId: string; readonly spender: string };

/** The members of all pools, in memory. A change is seen by every process within a second. */
export interface Pools {
  /** The pool of a member, or the account itself. */
  payerOf(accountId: string): Payer;
  /** Reads the members now, if they have changed. @throws what pg throws */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** Reads the members and keeps them up to date until `close`. Throws when Postgres cannot be read at the start. */
export async function openPools({ db, listen, onError }: PoolsDeps): Promise<Pools> {
  let poolOf: ReadonlyMap<string, string> = new Map();
  let version = -1;
  const { refresh, close } = await follow({
    readNew: async () => {
      // Read before the members: a change in between is read once more, never missed.
      const current = await readPoolsVersion(db);
      if (current === version) return;
      poolOf = new Map((await readAllMembers(db)).map(({ accountId, spender }) => [spender, accountId]));
      version = current;
    },
    listen, onError,
  });
  return {
    payerOf: (accountId) => ({ accountId: poolOf.get(accountId) ?? accountId, spender: accountId }),
    refresh,
    close,
  };
}
