import type { Principal } from '../../kit/principal.js';
import type { StatedNames } from './names.js';

/** The profile fields of a token, as they are stored. */
export type SeenProfile = StatedNames & Pick<Principal, 'accountId' | 'role'>;

export type ProfileWriterDeps = {
  readonly write: (profiles: readonly SeenProfile[]) => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly retryMs?: number;
};

/** Keeps profiles up to date without a write during a request. */
export interface ProfileWriter {
  /** Queues the profile of a caller in memory. */
  readonly seen: (profile: SeenProfile) => void;
  /** Writes the queued profiles and stops. */
  close(): Promise<void>;
}

const FLUSH_MS = 250;
/** The wait after a failed write. Profiles are not urgent. */
const RETRY_MS = 5_000;
/** With this many queued profiles new ones are dropped; a later token of the user brings them again. */
const WAITING_MAX = 10_000;

/**
 * Collects the callers of a quarter of a second and writes them in one statement. After a failed write they wait for
 * Postgres. A crash loses only names, which come back with the next token. Credits never depend on them.
 */
export function profileWriter({ write, onError, retryMs = RETRY_MS }: ProfileWriterDeps): ProfileWriter {
  let waiting = new Map<string, SeenProfile>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  let isClosed = false;

  const flush = (): void => {
    timer = undefined;
    const batch = waiting;
    waiting = new Map();
    if (batch.size === 0) return;
    writing = writing.then(() => write([...batch.values()])).catch((error: unknown) => {
      onError(error);
      if (isClosed) return;
      // Profiles that were queued meanwhile are newer and take precedence.
      for (const [accountId, profile] of batch) if (!waiting.has(accountId) && waiting.size < WAITING_MAX) waiting.set(accountId, profile);
      clearTimeout(timer);
      timer = setTimeout(flush, retryMs).unref();
    });
  };

  return {
    seen: (profile) => {
      if (waiting.size >= WAITING_MAX) return;
      waiting.set(profile.accountId, profile);
      timer ??= setTimeout(flush, FLUSH_MS);
    },
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await writing;
      flush();
      await writing;
    },
  };
}
