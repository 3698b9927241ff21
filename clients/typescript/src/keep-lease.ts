import { unreachable } from './answers.js';
import { GatewayError } from './errors.js';
import { given, inputOf, type StreamOptions } from './lease.js';
import type { holds } from './money.js';
import { nowMs, quietTimer } from './time.js';
import type { OpenHold, TokenUsage } from './types.js';
import { atLeast, within } from './usage.js';

export type Holds = ReturnType<typeof holds>;

/** The least that a top-up asks for, in output tokens. */
const HEADROOM_TOKENS_MIN = 200;
/** How much of a stream a top-up pays for, in half-lives of the lease: so renewals top up before the stream has to ask. */
const HEADROOM_HALF_LIVES = 3;
/** A stream asks for a top-up itself when less than this is left, in half-lives. */
const LOW_HALF_LIVES = 1;
/** The rate of a stream is measured over at least so long. */
const RATE_MS_MIN = 1_000;
/** The pause after a gateway that did not answer within the deadline. */
const AWAY_PAUSE_MS = 1_000;

/** `placedAtMs`: when the place was sent, by the clock of `nowMs`. */
export type Placed = { readonly holds: Holds; readonly options: StreamOptions; readonly placed: OpenHold; readonly placedAtMs: number };

/**
 * Renews a hold at each half-life of its lease, with the usage so far, and tops it up while the stream may want more than
 * it pays for. While the gateway does not answer, the stream goes on to the last granted token.
 */
export class KeptHold {
  hold: OpenHold;
  usage: TokenUsage | undefined;
  refusal: GatewayError | undefined;

  readonly #holds: Holds;
  readonly #options: StreamOptions;
  readonly #whose: { account?: string };
  readonly #wanted: number;
  readonly #leaseMs: number;
  /** The last report that the gateway has taken. */
  #told: TokenUsage = {};
  #firstReportAtMs = 0;
  #asking: Promise<void> | undefined;
  #dueAtMs = 0;
  #quietUntilMs = 0;
  #stopped = false;
  #cancelTimer: () => void = () => undefined;

  constructor({ holds, options, placed, placedAtMs }: Placed) {
    this.hold = placed;
    this.#holds = holds;
    this.#options = options;
    this.#whose = given({ account: options.account });
    this.#wanted = options.maxOutputTokens ?? Infinity;
    // A difference of two times of the gateway: its clock need not agree with this one.
    this.#leaseMs = 2 * (Date.parse(placed.leaseEndsAt) - Date.parse(placed.reportBy));
    this.#refreshAt(placedAtMs + this.#leaseMs / 2);
  }

  /** Whether the stream may go on after this usage. */
  async report(usage: TokenUsage): Promise<boolean> {
    if (this.usage === undefined) this.#firstReportAtMs = nowMs();
    this.usage = {
      ...inputOf(this.#options), ...this.usage, ...usage, outputTokens: Math.max(this.#outputTokens(), usage.outputTokens ?? 0),
    };
    if (!this.#isKept()) return false;
    // Where timers sleep, as in some edge runtimes, the stream itself renews its lease.
    if (nowMs() >= this.#dueAtMs || (this.#canHaveMore() && this.#isLow())) void this.#refresh();
    // A call that is on its way was made with less usage: after it, one more may be needed.
    for (let calls = 0; calls < 2 && this.#isAtTheEnd() && this.#canHaveMore(); calls += 1) await this.#refresh();
    return !this.#isAtTheEnd() && this.#isKept();
  }

  /** Reports what is not reported yet. Never rejects. */
  async flush(): Promise<void> {
    await this.#asking;
    if (this.usage !== undefined && this.#isKept()) await this.#refresh();
  }

  /** Ends the renewals. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
  }

  /** Whether the last granted token is reached while the request may want more. */
  isCut(): boolean {
    return this.#isAtTheEnd() && this.#stopAt() < this.#wanted;
  }

  #isKept(): boolean {
    return !this.#stopped && this.refusal === undefined;
  }

  #outputTokens(): number {
    return this.usage?.outputTokens ?? 0;
  }

  #stopAt(): number {
    return this.hold.stopAtTokens ?? Infinity;
  }

  #isAtTheEnd(): boolean {
    return this.#outputTokens() >= this.#stopAt();
  }

  /** Output tokens of the stream in half a lease, at its rate so far. */
  #perHalfLife(): number {
    if (this.usage === undefined) return 0;
    return (this.#outputTokens() / Math.max(RATE_MS_MIN, nowMs() - this.#firstReportAtMs)) * (this.#leaseMs / 2);
  }

  #canHaveMore(): boolean {
    return this.#isKept() && this.#stopAt() < this.#wanted && !this.hold.final && nowMs() >= this.#quietUntilMs;
  }

  #isLow(): boolean {
    return this.#stopAt() - this.#outputTokens() < Math.max(HEADROOM_TOKENS_MIN / 2, this.#perHalfLife() * LOW_HALF_LIVES);
  }

  #refreshAt(atMs: number): void {
    this.#cancelTimer();
    this.#dueAtMs = atMs;
    if (!this.#stopped) this.#cancelTimer = quietTimer(() => { void this.#refresh(); }, Math.max(0, atMs - nowMs()));
  }

  /** Renews the lease and tells the usage. One call at a time; never rejects. */
  #refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => { this.#asking = undefined; });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const askedAtMs = nowMs();
    try {
      this.hold = await (this.usage === undefined ? this.#renew() : this.#progress(this.usage));
      this.#refreshAt(askedAtMs + this.#leaseMs / 2);
    } catch (error) {
      const failure = error instanceof GatewayError ? error : unreachable(error);
      if (isPassing(failure)) {
        this.#quietUntilMs = nowMs() + AWAY_PAUSE_MS;
        this.#refreshAt(this.#quietUntilMs);
      } else {
        this.refusal = failure;
        this.#cancelTimer();
      }
    }
  }

  /** As far as is known nothing is used yet: only the lease is renewed. */
  #renew(): Promise<OpenHold> {
    return this.#holds.extend(this.hold.id, { ...this.#whose, leaseSeconds: Math.round(this.#leaseMs / 1_000) });
  }

  async #progress(usage: TokenUsage): Promise<OpenHold> {
    const paid = atLeast(within(usage, this.hold.stopAtTokens), this.#told);
    const answer = await this.#holds.progress(this.hold.id, { ...this.#whose, usage: paid, ...this.#topUp(paid) });
    this.#told = paid;
    return answer;
  }

  #topUp({ outputTokens = 0 }: TokenUsage): { extend?: { headroomTokens: number } } {
    const headroom = Math.max(HEADROOM_TOKENS_MIN, Math.ceil(this.#perHalfLife() * HEADROOM_HALF_LIVES));
    const headroomTokens = Math.min(this.#wanted - outputTokens, headroom);
    return this.#stopAt() < this.#wanted && headroomTokens > 0 ? { extend: { headroomTokens } } : {};
  }
}

/** Failures that say nothing about the hold: it may be asked about again. */
const isPassing = ({ status }: GatewayError): boolean => status === 0 || status === 429 || status >= 500;
