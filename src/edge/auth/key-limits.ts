import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';
import type { KeyLimit, KeyLimits } from '../../ledger/key-spend.js';

export type KeyLimitsDeps = {
  /** Of every name that has a live key. */
  readonly read: () => Promise<ReadonlyMap<string, KeyLimit | null>>;
  /** By which what was read grows old: one that only goes forward. */
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
};

/** Age at which the limits are read again, so that a change is in force within a second. */
const FRESH_MS = 500;
/** After a failed read the next one runs in the background, so requests do not wait for it. */
const PAUSE_MS = 1_000;

/**
 * What API keys may spend, by their names; null: no limit. While Postgres is away the limits that were read last stay in force. Throws
 * GatewayError ledger_unavailable when they were never read.
 */
export function knownKeyLimits({ read, clock, onError }: KeyLimitsDeps): KeyLimits['limitOf'] {
  let known: ReadonlyMap<string, KeyLimit | null> | null = null;
  let readAtMs = 0;
  let pausedUntilMs = 0;
  let reading: Promise<void> | undefined;
  const load = async (): Promise<void> => {
    const askedAtMs = clock();
    try {
      known = await read();
      readAtMs = askedAtMs;
    } catch (error) {
      pausedUntilMs = clock() + PAUSE_MS;
      onError(error);
    }
  };
  const refresh = (): Promise<void> => {
    reading ??= load().finally(() => { reading = undefined; });
    return reading;
  };
  const current = (name: string): KeyLimit | null => {
    if (known !== null) return known.get(name) ?? null;
    throw new GatewayError('ledger_unavailable', 'limits of API keys cannot be read now', { outcome: 'not_executed' });
  };
  return (name) => {
    const isKnown = (): boolean => known?.has(name) ?? false;
    if (isKnown() && clock() - readAtMs <= FRESH_MS) return current(name);
    const isRefreshed = refresh();
    if (known !== null && clock() < pausedUntilMs) return current(name);
    // A read that began before a key was made does not have it.
    return isRefreshed.then(() => (isKnown() ? undefined : refresh())).then(() => current(name));
  };
}
