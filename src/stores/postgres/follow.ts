import { onGrid } from '../../kit/on-grid.js';

export type FollowDeps = {
  /** Reads what has changed since the last call. */
  readonly readNew: () => Promise<void>;
  /** Calls `notice` whenever any process has written. Makes changes visible at once instead of with the next poll. Optional. */
  readonly listen?: ((notice: () => void) => { close(): Promise<void> }) | undefined;
  /** Called once per outage when a poll fails. What was read stays. */
  readonly onError: (error: unknown) => void;
};

/** Keeps a copy of rows in memory up to date, until `close`. */
export type Follower = {
  /** Reads now what has changed. @throws what `readNew` throws */
  readonly refresh: () => Promise<void>;
  /** The same in the background; a failure is told by `onError`. */
  readonly look: () => void;
  readonly close: () => Promise<void>;
};

/** How often it polls: with the listener gone a change is seen within this and the time of a read, under a second. */
const LOOK_EVERY_MS = 500;

/** Reads once, then polls. Throws what the first read throws. */
export async function follow({ readNew, listen, onError }: FollowDeps): Promise<Follower> {
  let cancel = (): void => undefined;
  let isClosed = false;
  let isFailing = false;
  let reading: Promise<void> | undefined;
  let asked = 0;

  const readAsked = async (): Promise<void> => {
    for (let seen = -1; seen !== asked;) {
      seen = asked;
      await readNew();
    }
  };
  /** One read at a time. A call during a read starts another one after it, because the running one may miss a change. */
  const refresh = (): Promise<void> => {
    asked += 1;
    reading ??= readAsked().finally(() => { reading = undefined; });
    return reading;
  };
  const look = (): void => {
    if (isClosed) return;
    refresh().then(() => { isFailing = false; }, (error: unknown) => {
      if (!isFailing && !isClosed) onError(error);
      isFailing = true;
    }).finally(() => {
      cancel();
      if (!isClosed) cancel = onGrid(LOOK_EVERY_MS, look);
    });
  };

  await refresh();
  const listener = listen?.(look);
  look();
  return {
    refresh,
    look,
    close: async () => {
      isClosed = true;
      cancel();
      await listener?.close();
      await reading?.catch(() => undefined);
    },
  };
}
