import type { Principal } from '../auth/principal.js';

/** What a token says about its owner, as it is kept. */
export type SeenProfile = Pick<Principal, 'accountId' | 'username' | 'email' | 'role'>;

export type ProfileWriterDeps = {
  readonly write: (profiles: readonly SeenProfile[]) => Promise<void>;
  readonly onError: (error: unknown) => void;
};

/** Keeps profiles fresh without a write on anybody's request path. */
export interface ProfileWriter {
  /** Remembers a caller; costs a Map entry. */
  readonly seen: (principal: Principal) => void;
  /** Writes what is waiting and stops. */
  close(): Promise<void>;
}

const FLUSH_MS = 250;
/** Beyond this many waiting profiles new ones are dropped: their owners will be seen again. */
const WAITING_MAX = 10_000;

/**
 * Collects the callers of a quarter of a second and writes them in one statement. What is lost in a crash, or while
 * Postgres is away, is only a name: it comes back with the next token. Credits never depend on it.
 */
export function profileWriter({ write, onError }: ProfileWriterDeps): ProfileWriter {
  let waiting = new Map<string, SeenProfile>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const flush = (): void => {
    timer = undefined;
    const batch = [...waiting.values()];
    waiting = new Map();
    if (batch.length > 0) writing = writing.then(() => write(batch)).catch(onError);
  };

  return {
    seen: ({ accountId, username, email, role }) => {
      if (waiting.size >= WAITING_MAX) return;
      waiting.set(accountId, { accountId, username, email, role });
      timer ??= setTimeout(flush, FLUSH_MS);
    },
    close: async () => {
      clearTimeout(timer);
      flush();
      await writing;
    },
  };
}
