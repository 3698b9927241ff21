import type { Principal } from '../../kit/principal.js';

/** What a token says about its owner, as it is kept. */
export type SeenProfile = Pick<Principal, 'accountId' | 'username' | 'email' | 'role' | 'issuer'>;

export type ProfileWriterDeps = {
  readonly write: (profiles: readonly SeenProfile[]) => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly retryMs?: number;
};

/** Keeps profiles fresh without a write on anybody's request path. */
export interface ProfileWriter {
  /** Remembers a caller; costs a Map entry. */
  readonly seen: (principal: Principal) => void;
  /** Writes what is waiting and stops. */
  close(): Promise<void>;
}

const FLUSH_MS = 250;
/** After a failure: Postgres is away, and a name can wait. */
const RETRY_MS = 5_000;
/** Beyond this many waiting profiles new ones are dropped: their owners will be seen again. */
const WAITING_MAX = 10_000;

/**
 * Collects the callers of a quarter of a second and writes them in one statement; what could not be written waits for
 * Postgres. What is lost in a crash is only a name: it comes back with the next token. Credits never depend on it.
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
      // Behind those who were seen meanwhile: their word is newer.
      for (const [accountId, profile] of batch) if (!waiting.has(accountId) && waiting.size < WAITING_MAX) waiting.set(accountId, profile);
      clearTimeout(timer);
      timer = setTimeout(flush, retryMs).unref();
    });
  };

  return {
    seen: ({ accountId, username, email, role, issuer }) => {
      if (waiting.size >= WAITING_MAX) return;
      waiting.set(accountId, { accountId, username, email, role, issuer });
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
