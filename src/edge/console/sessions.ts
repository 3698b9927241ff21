import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';

/** Where sessions are kept, for all processes of the gateway. Each call is one atomic command. Rejects when the store is away. */
export type SessionStore = {
  readonly put: (key: string, value: string, ttlSeconds: number) => Promise<void>;
  /** The value, or null. `ttlSeconds` begins anew; undefined: the time that is left stays. */
  readonly read: (key: string, ttlSeconds: number | undefined) => Promise<string | null>;
  readonly remove: (key: string) => Promise<void>;
};

export type SessionsDeps = {
  readonly store: SessionStore;
  readonly clock: Clock;
  /** A session that was not used for this long is over. */
  readonly idleSeconds: number;
  /** Called with the error when the store did not answer. */
  readonly onError: (error: unknown) => void;
};

export type Sessions = {
  readonly idleSeconds: number;
  /** Keeps a verified token of `subject`. Answers the id for the cookie. Throws GatewayError ledger_unavailable. */
  readonly start: (subject: string, token: string) => Promise<string>;
  /**
   * The token of a session, or undefined when it is over. `isUsed`: the time of idleness begins anew; not for what a page asks by
   * itself. `isReading`: a session that this process saw lately is believed while the store is away. Throws GatewayError
   * ledger_unavailable.
   */
  readonly tokenOf: (id: string, how: { readonly isUsed: boolean; readonly isReading: boolean }) => Promise<string | undefined>;
  readonly end: (id: string) => Promise<void>;
  /** Ends all sessions of a subject, in every browser. */
  readonly endAll: (subject: string) => Promise<void>;
};

/** `generation`: what the last end of all sessions of the subject left before this one began; null: nothing. */
type Kept = { readonly subject: string; readonly token: string; readonly generation: string | null; readonly startedMs: number };
type Seen = { readonly kept: Kept; readonly atMs: number };

/** However much it is used: an operator who works longer logs in again. */
export const SESSION_SECONDS_MAX = 12 * 3_600;
/** How long a session is believed while the store is away, by the process that saw it. */
const BELIEVED_MS = 5 * 60_000;
const BELIEVED_MAX = 200;
const ID = /^[A-Za-z0-9_-]{43}$/;

/**
 * Sessions of the console. The cookie has a random id. The store has the token, encrypted with a key that follows from the id, under
 * a digest of the id: a reader of the store can use neither a session nor its token. Ending all sessions of a subject leaves a mark for
 * as long as an older session could live; only sessions that began under the same mark go on.
 */
export function consoleSessions({ store, clock, idleSeconds, onError }: SessionsDeps): Sessions {
  const seen = new Map<string, Seen>();
  const remember = (key: string, kept: Kept): void => {
    seen.delete(key);
    seen.set(key, { kept, atMs: clock() });
    const [oldest] = seen.keys();
    if (seen.size > BELIEVED_MAX && oldest !== undefined) seen.delete(oldest);
  };
  const asking = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      onError(error);
      throw new GatewayError(
        'ledger_unavailable', 'Redis, which keeps the sessions of the console, does not answer; try again in a moment',
        { outcome: 'not_executed', cause: error },
      );
    }
  };
  const isOver = ({ startedMs }: Kept): boolean => clock() - startedMs >= SESSION_SECONDS_MAX * 1_000;

  const find = async (id: string, isUsed: boolean): Promise<Kept | undefined> => {
    const key = keyOf(id);
    const sealed = await store.read(key, isUsed ? idleSeconds : undefined);
    const kept = sealed === null ? undefined : open(id, sealed);
    const generation = kept === undefined ? null : await store.read(subjectKey(kept.subject), undefined);
    if (kept === undefined || isOver(kept) || (generation !== null && generation !== kept.generation)) {
      seen.delete(key);
      return undefined;
    }
    remember(key, kept);
    return kept;
  };

  return {
    idleSeconds,
    start: (subject, token) => asking((async () => {
      const id = randomBytes(32).toString('base64url');
      const kept: Kept = { subject, token, generation: await store.read(subjectKey(subject), undefined), startedMs: clock() };
      await store.put(keyOf(id), seal(id, kept), idleSeconds);
      return id;
    })()),
    tokenOf: async (id, { isUsed, isReading }) => {
      if (!ID.test(id)) return undefined;
      try {
        return (await asking(find(id, isUsed)))?.token;
      } catch (error) {
        const lately = seen.get(keyOf(id));
        if (!isReading || lately === undefined || clock() - lately.atMs > BELIEVED_MS || isOver(lately.kept)) throw error;
        return lately.kept.token;
      }
    },
    end: async (id) => {
      seen.delete(keyOf(id));
      await asking(store.remove(keyOf(id)));
    },
    endAll: async (subject) => {
      for (const [key, { kept }] of seen) if (kept.subject === subject) seen.delete(key);
      await asking(store.put(subjectKey(subject), randomBytes(16).toString('hex'), SESSION_SECONDS_MAX));
    },
  };
}

/** The name of a session in the audit trail and in the store. Nothing can be done with it. */
export const sessionName = (id: string): string => createHash('sha256').update(id).digest('hex').slice(0, 32);
const keyOf = (id: string): string => `session:${sessionName(id)}`;
const subjectKey = (subject: string): string => `generation:${createHash('sha256').update(subject).digest('hex').slice(0, 32)}`;

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const secretOf = (id: string): Buffer => Buffer.from(hkdfSync('sha256', id, '', 'console session', 32));

function seal(id: string, kept: Kept): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, secretOf(id), nonce);
  const text = Buffer.concat([cipher.update(JSON.stringify(kept), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
}

/** Undefined: it was not sealed with this id. */
function open(id: string, sealed: string): Kept | undefined {
  try {
    const bytes = Buffer.from(sealed, 'base64');
    const decipher = createDecipheriv(CIPHER, secretOf(id), bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return JSON.parse(text.toString('utf8')) as Kept;
  } catch {
    return undefined;
  }
}
