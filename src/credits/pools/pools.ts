import type { Db } from '../../stores/postgres/connect.js';
import { readAllMembers, readPoolsVersion } from './pool-member.table.js';

export type PoolsDeps = {
  readonly db: Db;
  /** Called whenever any process has changed members. Makes changes visible at once instead of with the next poll. */
  readonly listen?: (notice: () => void) => { close(): Promise<void> };
  /** Called once per outage when a poll fails. The members keep their last state. */
  readonly onError: (error: unknown) => void;
};

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

/** A single-row read, for the case that the listener is gone. */
const LOOK_EVERY_MS = 500;

/** Reads the members and keeps them up to date until `close`. Throws when Postgres cannot be read at the start. */
export async function openPools({ db, listen, onError }: PoolsDeps): Promise<Pools> {
  let poolOf: ReadonlyMap<string, string> = new Map();
  let version = -1;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let isFailing = false;
  let reading: Promise<void> | undefined;
  let asked = 0;

  const readNew = async (): Promise<void> => {
    for (let seen = -1; seen !== asked;) {
      seen = asked;
      // Read before the members: a change in between is read once more, never missed.
      const current = await readPoolsVersion(db);
      if (current === version) continue;
      poolOf = new Map((await readAllMembers(db)).map(({ accountId, spender }) => [spender, accountId]));
      version = current;
    }
  };
  /** One read at a time. A call during a read starts another one after it, because the running one may miss a change. */
  const refresh = (): Promise<void> => {
    asked += 1;
    reading ??= readNew().finally(() => { reading = undefined; });
    return reading;
  };
  const look = (): void => {
    if (isClosed) return;
    refresh().then(() => { isFailing = false; }, (error: unknown) => {
      if (!isFailing && !isClosed) onError(error);
      isFailing = true;
    }).finally(() => {
      clearTimeout(timer);
      if (!isClosed) timer = setTimeout(look, LOOK_EVERY_MS).unref();
    });
  };

  await refresh();
  const listener = listen?.(look);
  look();
  return {
    payerOf: (accountId) => ({ accountId: poolOf.get(accountId) ?? accountId, spender: accountId }),
    refresh,
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await listener?.close();
      await reading?.catch(() => undefined);
    },
  };
}
