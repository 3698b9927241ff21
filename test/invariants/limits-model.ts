import { micros } from '../../src/kit/money/micros.js';
import type { LimitDefinition } from '../../src/ledger/limits.js';

/** What a hold counts in which window. */
export type CountedPart = { readonly counter: number; readonly from: number; readonly spender: string; credits: number };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Local hours of a zone whose offset has 45 minutes begin at a quarter of an hour. */
const QUARTER_MS = 15 * MINUTE_MS;

/** The limits that a history defines and removes. Their windows begin with a step, never within one. */
const KINDS = {
  minute: { period: 'minute', window: 'calendar', timeZone: 'UTC', mode: 'refuse', match: {} },
  rolling: { period: 'hour', window: 'rolling', timeZone: 'UTC', mode: 'refuse', match: { spender: 'x' } },
  each: { period: 'hour', window: 'calendar', timeZone: 'Asia/Kathmandu', mode: 'refuse', match: { spender: '*' } },
  total: { period: 'total', window: 'calendar', timeZone: 'UTC', mode: 'warn', match: {} },
} as const satisfies Record<string, Omit<LimitDefinition, 'limitId' | 'counter' | 'amount'>>;
export const LIMIT_KINDS = Object.keys(KINDS) as (keyof typeof KINDS)[];
export type LimitKind = keyof typeof KINDS;
/** A limit that allows a hold less than it allows others. */
export type OwnLimit = { readonly kind: LimitKind; readonly amount: number };
/** What limits have to know of a hold. */
type LimitedHold = {
  readonly counted: readonly CountedPart[]; readonly spender: string; readonly amount: number; readonly own: OwnLimit | null;
};

/** The required behaviour of limits: a list of definitions, and what was counted by counter, window and spender. */
export class LimitsModel {
  definitions: readonly LimitDefinition[] = [];
  version = 0;
  readonly #counts = new Map<string, number>();

  /** Null removes it. A changed amount keeps the counter, unless the limit begins `anew`, as with another match. */
  define(kind: LimitKind, amount: number | null, anew: boolean): void {
    this.version += 1;
    const before = anew ? undefined : this.definitions.find(({ limitId }) => limitId === kind);
    const others = this.definitions.filter(({ limitId }) => limitId !== kind);
    this.definitions = amount === null ? others : [
      ...others, { ...KINDS[kind], limitId: kind, counter: before?.counter ?? this.version, amount: micros(amount) },
    ].sort((a, b) => (a.limitId < b.limitId ? -1 : 1));
  }

  matching(spender: string): LimitDefinition[] {
    return this.definitions.filter(({ match }) => match.spender === undefined || match.spender === '*' || match.spender === spender);
  }

  used({ counter, limitId }: LimitDefinition, spender: string, now: number): number {
    const mine = spenderOf(limitId, spender);
    if (limitId !== 'rolling') return this.#counts.get(keyOf(counter, windowOf(limitId, now), mine)) ?? 0;
    let sum = 0;
    // A part that is partly over counts as a whole.
    for (let from = windowOf(limitId, now - HOUR_MS); from <= now; from += MINUTE_MS) {
      sum += this.#counts.get(keyOf(counter, from, mine)) ?? 0;
    }
    return sum;
  }

  /** What a limit still allows, to a hold with a stricter amount of its own or without; `held` counts beside what was used. */
  left(each: LimitDefinition, spender: string, now: number, own: OwnLimit | null, held = 0): number {
    const amount = own?.kind === each.limitId ? Math.min(each.amount, own.amount) : each.amount;
    return Math.max(0, amount - this.used(each, spender, now) - held);
  }

  /** What the tightest of the refusing ones allows. One that only warns refuses a hold that has its own amount of it. */
  room(definitions: readonly LimitDefinition[], spender: string, now: number, own: OwnLimit | null, held = 0): number {
    return Math.min(Infinity, ...definitions.filter(({ mode, limitId }) => mode === 'refuse' || own?.kind === limitId)
      .map((each) => this.left(each, spender, now, own, held)));
  }

  /** What the tightest allows an open hold more: what it holds counts already, also where the limit was defined since. */
  roomOf(hold: LimitedHold, now: number): number {
    const { spender, own, amount } = hold;
    const unseen = this.unseen(hold);
    const seen = this.matching(spender).filter((each) => !unseen.includes(each));
    return Math.min(this.room(seen, spender, now, own), this.room(unseen, spender, now, own, amount));
  }

  /** The limits that were defined after an open hold was last changed. */
  unseen({ counted, spender }: Pick<LimitedHold, 'counted' | 'spender'>): LimitDefinition[] {
    return this.matching(spender).filter(({ counter }) => !counted.some((part) => part.counter === counter));
  }

  /** Counts in the windows of now. */
  take(definitions: readonly LimitDefinition[], spender: string, now: number, credits: number): CountedPart[] {
    return definitions.map(({ counter, limitId }) => {
      const part = { counter, from: windowOf(limitId, now), spender: spenderOf(limitId, spender), credits };
      this.#add(part, credits);
      return part;
    });
  }

  /** A hold of these parts is charged `captured` of its own and `beyond` it; the rest goes back to where it came from. */
  end(parts: readonly CountedPart[], captured: number, beyond: number): void {
    for (const { part, spent } of spentOf(parts, captured, beyond)) this.#add(part, spent - part.credits);
  }

  /** More is charged for a hold that has ended. */
  addBeyond(parts: readonly CountedPart[], credits: number): void {
    for (const part of lastParts(parts)) this.#add(part, credits);
  }

  /** Less is charged: what was spent last comes back first. */
  giveBack(parts: readonly CountedPart[], captured: number, beyond: number, credits: number): void {
    for (const counter of new Set(parts.map((part) => part.counter))) {
      let left = credits;
      for (const { part, spent } of spentOf(parts, captured, beyond).filter(({ part: each }) => each.counter === counter).reverse()) {
        const amount = Math.min(left, spent);
        left -= amount;
        this.#add(part, -amount);
      }
    }
  }

  #add({ counter, from, spender }: CountedPart, credits: number): void {
    const key = keyOf(counter, from, spender);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + credits);
  }
}

/** How much of each part was spent: the first ones of each limit first, and what went beyond in its last. */
function spentOf(
  parts: readonly CountedPart[], captured: number, beyond: number,
): { readonly part: CountedPart; readonly spent: number }[] {
  const left = new Map<number, number>();
  const last = new Set(lastParts(parts));
  return parts.map((part) => {
    const own = Math.min(left.get(part.counter) ?? captured, part.credits);
    left.set(part.counter, (left.get(part.counter) ?? captured) - own);
    return { part, spent: own + (last.has(part) ? beyond : 0) };
  });
}

const lastParts = (parts: readonly CountedPart[]): CountedPart[] => [...new Map(parts.map((part) => [part.counter, part])).values()];

const keyOf = (counter: number, from: number, spender: string): string => `${counter}:${from}:${spender}`;
const spenderOf = (limitId: string, spender: string): string => (limitId === 'each' ? spender : '');

function windowOf(limitId: string, now: number): number {
  switch (limitId) {
    case 'total': return 0;
    case 'each': return Math.floor((now - QUARTER_MS) / HOUR_MS) * HOUR_MS + QUARTER_MS;
    default: return Math.floor(now / MINUTE_MS) * MINUTE_MS;
  }
}
