import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import { KEY_SCOPES, type KeyScope } from '../../kit/principal.js';
import { digestOf, type KeyRing, type KnownKey } from './server-key.js';
import type { ServerKeyRow } from './server-key.table.js';

export type ServerKeyRingDeps = {
  /** Keys of the environment: accepted for everything, for as long as the process lives. */
  readonly configured: readonly string[];
  readonly read: () => Promise<readonly ServerKeyRow[]>;
  readonly touch: (used: ReadonlyMap<string, number>) => Promise<void>;
  /** Real time, for when a key was last used. */
  readonly clock: Clock;
  /** By which what was read grows old: a clock that is set back must not keep a revoked key in use. */
  readonly steadyClock: Clock;
  readonly onError: (error: unknown) => void;
};

export type ServerKeyRing = KeyRing & { readonly close: () => Promise<void> };

/** Unknown keys cause at most one read in this time, so guesses cannot load Postgres; a guess waits for its turn. */
const REREAD_MS = 100;
/** Age at which the keys are read again. A revoked key is refused after this plus one query: within a second. */
const FRESH_MS = 500;
/**
 * While Postgres is down keys cannot be revoked either, so the last keys that were read are accepted for this long. After
 * that only keys of the environment are accepted.
 */
const STALE_MS_MAX = 300_000;
/** After a failed read the next one runs in the background, so requests do not wait for it. */
const PAUSE_MS = 1_000;
const TOUCH_EVERY_MS = 5_000;

const SCOPES: ReadonlySet<string> = new Set(KEY_SCOPES);

/** The server keys in memory. A request reads them again when they are older than half a second. */
export function serverKeyRing({ configured, read, touch, clock, steadyClock, onError }: ServerKeyRingDeps): ServerKeyRing {
  const fixed: readonly KnownKey[] = configured.map(ofEnvironment);
  let stored: readonly KnownKey[] | null = null;
  let readAtMs = 0;
  let pausedUntilMs = 0;
  let reading: Promise<void> | undefined;
  let soon: Promise<void> | undefined;
  let used = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  const refresh = (): Promise<void> => {
    reading ??= load().finally(() => { reading = undefined; });
    return reading;
  };
  const load = async (): Promise<void> => {
    const askedAtMs = steadyClock();
    try {
      stored = (await read()).map(toKnown);
      readAtMs = askedAtMs;
    } catch (error) {
      pausedUntilMs = steadyClock() + PAUSE_MS;
      onError(error);
    }
  };
  /** One read for all requests that arrive before it begins: each sees what Postgres had after it arrived. */
  const rereadSoon = (): Promise<void> => {
    soon ??= sleep(Math.max(0, readAtMs + REREAD_MS - steadyClock())).then(async () => {
      await reading; // one that began before
      soon = undefined;
      await refresh();
    });
    return soon;
  };
  const current = (): readonly KnownKey[] => {
    if (stored !== null && steadyClock() - readAtMs <= STALE_MS_MAX) return [...fixed, ...stored];
    if (fixed.length > 0) return fixed;
    throw new GatewayError('ledger_unavailable', 'server API keys cannot be read now', { outcome: 'not_executed' });
  };
  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const batch = used;
    used = new Map();
    await touch(batch).catch(onError); // only tells when a key was last used: not worth a second try
  };

  return {
    keys: () => {
      const nowMs = steadyClock();
      if (stored !== null && nowMs - readAtMs <= FRESH_MS) return current();
      const isRefreshed = refresh();
      return nowMs < pausedUntilMs ? current() : isRefreshed.then(current);
    },
    reread: () => (steadyClock() < pausedUntilMs ? null : rereadSoon().then(current)),
    used: (keyId) => {
      used.set(keyId, clock());
      timer ??= setTimeout(() => void flush(), TOUCH_EVERY_MS).unref();
    },
    close: async () => {
      await reading;
      await flush();
    },
  };
}

const ofEnvironment = (key: string): KnownKey => ({
  id: `environment-${fingerprint(key)}`, name: 'environment', keyId: null, digest: digestOf(key), expiresAtMs: null,
  scopes: new Set(['*'] as const), accountPrefix: null, payer: null, rateLimit: null,
});

const toKnown = (row: ServerKeyRow): KnownKey => ({
  id: row.callerId, keyId: row.keyId, name: row.name, digest: Buffer.from(row.digest, 'hex'), expiresAtMs: row.expiresAtMs,
  scopes: new Set(row.scopes.filter((scope): scope is KeyScope | '*' => scope === '*' || SCOPES.has(scope))),
  accountPrefix: row.accountPrefix, payer: row.payer, rateLimit: row.rateLimit,
});
