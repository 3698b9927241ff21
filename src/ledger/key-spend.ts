import { GatewayError } from '../kit/errors.js';
import { microsToText, ZERO, type Micros } from '../kit/money/micros.js';
import type { Reply } from '../stores/redis/script.js';
import { nameOfAccount } from './account-name.js';
import { notNow, type AccountScripts } from './account-scripts.js';
import { calendarEdges, type CalendarPeriod } from './calendar-edges.js';
import { KEY_LIMIT, type LimitState } from './limits.js';
import { amountAt, undocumented } from './replies.js';
import { loadKeySpendScript, reserveKeySpendScript, settleKeySpendScript } from './scripts.js';

/** What an API key may spend in a calendar window, in all accounts. */
export type KeyLimit = {
  /** Of the key: all live keys of one name count together. */
  readonly name: string;
  readonly amount: Micros;
  readonly period: CalendarPeriod;
  readonly timeZone: string;
  /** Since when it counts by this period and zone. */
  readonly sinceMs: number;
};

/** What Postgres knows of a window: spent, and held by open holds. */
export type SpentByKey = {
  readonly used: Micros;
  readonly holds: readonly { readonly accountId: string; readonly holdId: string; readonly amount: Micros }[];
};

export type KeyLimits = {
  /** Null: the key has no limit. Throws GatewayError ledger_unavailable when that was never known. */
  readonly limitOf: (name: string) => KeyLimit | null | Promise<KeyLimit | null>;
  /** Everything since `fromMs`. */
  readonly load: (name: string, fromMs: number) => Promise<SpentByKey>;
  readonly clock: () => number;
  /** An end that could not be counted: what was reserved counts until its window ends. */
  readonly onUncounted: (error: unknown) => void;
};

type HoldName = { readonly accountId: string; readonly holdId: string };

/** What was set aside for one operation. */
export type Reserved = {
  readonly limit: KeyLimit;
  readonly hold: string;
  readonly granted: Micros;
  /** What the hold had before. */
  readonly before: Micros;
  /** What other operations may still have. */
  readonly remaining: Micros;
  readonly used: Micros;
  readonly resetsAtMs: number;
  readonly fromMs: number;
};

export type Reserve = { readonly mode: 'by' | 'to'; readonly minimum: Micros; readonly desired: Micros; readonly hold: HoldName | null };

export interface KeySpend extends Pick<KeyLimits, 'limitOf'> {
  /** Sets aside `desired`, or what is left if that is at least `minimum`, or nothing. */
  reserve(limit: KeyLimit, command: Reserve): Promise<Reserved>;
  /** The operation was refused. */
  drop(reserved: Reserved): Promise<void>;
  /** The hold took less. */
  shrink(reserved: Reserved, amount: Micros): Promise<void>;
  /** A hold that this key placed has ended, or was corrected: `reply` of settle-hold. Never throws. */
  ended(name: string, hold: HoldName, reply: Reply): Promise<void>;
}

const fieldOf = ({ accountId, holdId }: HoldName): string => `${nameOfAccount(accountId)}:${holdId}`;

/** What a limit allows an operation, as scripts read it (limits.key_room in lua/includes/limits.lua). */
export const keyLimitText = ({ limit, granted, remaining, resetsAtMs }: Reserved, room = granted): string =>
  `${microsToText(room)}:${microsToText(remaining)}:${resetsAtMs}:${limit.period}`;

export const keyLimitState = ({ remaining, resetsAtMs }: Reserved): LimitState =>
  ({ limitId: KEY_LIMIT, mode: 'refuse', remaining, resetsAtMs });

/** Tries, each after what the script named was mended. */
const TRIES_MAX = 5;

/**
 * Counts what API keys with a limit spend. The counter of a key is in the shard of its name, and the accounts are in others, so an
 * operation takes two scripts: one sets aside what it may spend, then the account's own decides within that. What is set aside and
 * not spent is given back afterwards; a crash in between leaves it counted until the window ends, never the other way round.
 */
export function keySpend(limits: KeyLimits, scripts: Pick<AccountScripts, 'run'>): KeySpend {
  const edgesOf = new Map<string, string>();
  const edges = ({ period, timeZone }: KeyLimit, nowMs?: number): string => {
    const name = `${period}/${timeZone}`;
    const known = nowMs === undefined ? edgesOf.get(name) : undefined;
    if (known !== undefined) return known;
    const made = calendarEdges(period, timeZone, nowMs ?? limits.clock()).join(',');
    edgesOf.set(name, made);
    return made;
  };
  const keysOf = ({ fence, keySpend: key }: { readonly fence: string; readonly keySpend: string }) => ({ fence, key_spend: key });

  const load = async (limit: KeyLimit, nowMs: number): Promise<void> => {
    const { name, sinceMs } = limit;
    const known = edges(limit, nowMs);
    const fromMs = Math.max(...known.split(',').map(Number).filter((edge) => edge <= nowMs));
    const { used, holds } = await limits.load(name, Math.max(fromMs, sinceMs));
    const reply = await scripts.run(loadKeySpendScript, name, keysOf, {
      since_ms: sinceMs, edges: known, from_ms: fromMs, used: microsToText(used),
      holds: holds.map((hold) => `${fieldOf(hold)}\t${microsToText(hold.amount)}`).join('\n'),
    });
    if (reply[0] === 'edges_stale') edges(limit, amountAt(reply, 1));
  };

  /** Runs a script on the window of a key; while it names what is missing, mends that and runs it again. */
  const onWindow = async (limit: KeyLimit, run: () => Promise<Reply>): Promise<Reply> => {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const reply = await run();
      if (reply[0] === 'key_changed') break;
      if (reply[0] === 'edges_stale') edges(limit, amountAt(reply, 1));
      else if (reply[0] === 'key_unknown') await load(limit, amountAt(reply, 1));
      else return reply;
    }
    throw notNow('the limit of the API key is changing; retry shortly');
  };

  const settle = async (limit: KeyLimit, change: 'drop' | 'shrink' | 'end', about: {
    readonly hold: string; readonly amount: Micros; readonly fromMs: number; readonly beyond?: Micros;
  }): Promise<void> => {
    try {
      await onWindow(limit, () => scripts.run(settleKeySpendScript, limit.name, keysOf, {
        since_ms: limit.sinceMs, edges: edges(limit), change, hold: about.hold, amount: about.amount.toString(), from_ms: about.fromMs,
        beyond: microsToText(about.beyond ?? ZERO),
      }));
    } catch (error) {
      limits.onUncounted(error);
    }
  };

  return {
    limitOf: limits.limitOf,

    async reserve(limit, { mode, minimum, desired, hold }) {
      const field = hold === null ? '' : fieldOf(hold);
      const reply = await onWindow(limit, () => scripts.run(reserveKeySpendScript, limit.name, keysOf, {
        since_ms: limit.sinceMs, edges: edges(limit), limit: microsToText(limit.amount), mode, minimum: microsToText(minimum),
        desired: microsToText(desired), hold: field,
      }));
      if (reply[0] !== 'reserved') throw undocumented('reserve-key-spend', reply);
      return {
        limit, hold: field, granted: amountAt(reply, 1), remaining: amountAt(reply, 2), used: amountAt(reply, 3),
        resetsAtMs: amountAt(reply, 4), fromMs: amountAt(reply, 5), before: amountAt(reply, 6),
      };
    },

    async drop({ limit, hold, granted, before, fromMs }) {
      if (granted > 0 || before > 0) await settle(limit, 'drop', { hold, amount: granted, fromMs });
    },

    async shrink({ limit, hold, fromMs }, amount) {
      if (amount > 0) await settle(limit, 'shrink', { hold, amount, fromMs });
    },

    async ended(name, hold, reply) {
      if (name === '') return;
      const count = async (limit: KeyLimit | null): Promise<void> => {
        if (limit === null) return;
        await settle(limit, 'end', {
          hold: fieldOf(hold), amount: amountAt(reply, 17), beyond: amountAt(reply, 18), fromMs: amountAt(reply, 13),
        });
      };
      try {
        const limit = limits.limitOf(name);
        // Ends wait for Redis, not for Postgres.
        if (limit instanceof Promise) void limit.then(count).catch(limits.onUncounted);
        else await count(limit);
      } catch (error) {
        limits.onUncounted(error);
      }
    },
  };
}

/** Whether an operation that failed certainly did nothing. */
export const wasNotExecuted = (error: unknown): boolean =>
  error instanceof GatewayError && (error.code !== 'ledger_unavailable' || error.outcome === 'not_executed');
