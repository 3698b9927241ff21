import type { ShardedRedis } from '../stores/redis/sharded-redis.js';

export type VerifiedConnectionDeps = {
  readonly redis: Pick<ShardedRedis, 'onConnection' | 'isReady'>;
  /** Verifies the server on the current connection. `isCurrent`: false once that connection has ended. */
  readonly verify: (isCurrent: () => boolean) => Promise<void>;
  /** Called with the reason of a failed verification, which is then retried. */
  readonly onError: (error: unknown) => void;
};

/** A connection that may be used once `verify` has succeeded on it, and until it ends. */
export type VerifiedConnection = {
  isOpen(): boolean;
  /** Verifies again, after a verification in progress. The connection stays open in the meantime. */
  verifyAgain(): void;
  /** A number that changes with each new connection. */
  generation(): number;
  /** Resolves when it is open for the first time. */
  opened(): Promise<void>;
  close(): void;
};

/** Delay between attempts while Redis or Postgres does not answer. */
const RETRY_MS = 200;

export function verifiedConnection({ redis, verify, onError }: VerifiedConnectionDeps): VerifiedConnection {
  let isOpen = false;
  let isClosed = false;
  let generation = 0;
  let running: Promise<void> | undefined;
  let markOpened: () => void;
  const firstOpen = new Promise<void>((resolve) => { markOpened = resolve; });

  /** Repeats until it succeeds on the connection on which it started; a new connection starts again. */
  const open = async (mine: number): Promise<void> => {
    const isCurrent = (): boolean => mine === generation;
    while (!isClosed && isCurrent()) {
      try {
        await verify(isCurrent);
        if (!isCurrent()) return;
        isOpen = true;
        markOpened();
        return;
      } catch (error) {
        onError(error);
        await new Promise((resolve) => { setTimeout(resolve, RETRY_MS).unref(); });
      }
    }
  };

  const start = (): void => {
    generation += 1;
    running = open(generation);
  };
  const shut = (): void => {
    generation += 1;
    isOpen = false;
  };
  const unsubscribe = redis.onConnection({ ready: start, lost: shut });
  if (redis.isReady()) start();

  return {
    isOpen: () => isOpen,
    verifyAgain: () => {
      const mine = generation;
      running = (running ?? Promise.resolve()).then(() => (mine === generation ? open(mine) : undefined));
    },
    generation: () => generation,
    opened: () => firstOpen,
    close: () => {
      isClosed = true;
      shut();
      unsubscribe();
    },
  };
}
