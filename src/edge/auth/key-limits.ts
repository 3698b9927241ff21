import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';
import type { KeyLimit } from '../../ledger/key-spend.js';

export type KeyLimitsDeps = {
  /** Of every name that has a live key. */
  readonly read: () => Promise<ReadonlyMap<string, KeyLimit | null>>;
  /** Real time: what was read grows old as it does. */
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
};

/** Age at which the limits are read again, so that a change is in force within a second. */
const FRESH_MS = 500;
/** After a failed read the next one runs in the background, so requests do not wait for it. */
const PAUSE_MS = 1_000;

export type KnownKeyLimits = {
  /** Null: keys of the name have no limit. Throws GatewayError ledger_unavailable when that was never read. */
  readonly limitOf: (name: string) => KeyLimit | null | Promise<KeyLimit | null>;
  /** The same as it was read last, however long ago: for ends of holds, which wait for nothing. */
  readonly lastLimitOf: (name: string) => KeyLimit | null | Promise<KeyLimit | null>;
};

/** What API keys may spend, by their names. While Postgres is away the limits that were read last stay in force. */
export function knownKeyLimits({ read, clock, onError }: KeyLimitsDeps): KnownKeyLimits {
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
  const limitOf = (name: string): KeyLimit | null | Promise<KeyLimit | null> => {
    const isKnown = known?.has(name) ?? false;
    if (known !== null && ((isKnown && clock() - readAtMs <= FRESH_MS) || clock() < pausedUntilMs)) return current(name);
    // Of a key that was made a moment ago, a read that began before does not know.
    return refresh().then(() => (isKnown || (known?.has(name) ?? false) ? undefined : refresh())).then(() => current(name));
  };
  return { limitOf, lastLimitOf: (name) => (known === null ? limitOf(name) : current(name)) };
}
