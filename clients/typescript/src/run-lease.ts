import type { Allowance } from './allowance.js';
import { allowedBacking } from './allowed-lease.js';
import { GatewayError, isUnavailable, UnsettledError } from './errors.js';
import { settleAtExit } from './exit.js';
import { KeptHold, type Holds } from './keep-lease.js';
import { given, inputOf, placeBodyOf, type Backing, type Lease, type LeaseHooks, type SettleLease, type StreamOptions } from './lease.js';
import type { charges } from './money.js';
import { nowMs, quietTimer } from './time.js';
import type { EndReason, OpenHold, Receipt, TokenUsage } from './types.js';
import { within } from './usage.js';

export type LeaseDeps = LeaseHooks & {
  readonly holds: Holds;
  readonly charges: ReturnType<typeof charges>;
  /** Null: streams are refused while the gateway does not answer. */
  readonly allowance: Allowance | null;
  /** How a lease is ended with its process; null: it is not. */
  readonly exit: { readonly how: 'settle' | 'report'; readonly withinMs: number } | null;
};

type OnEnd = { readonly onEnd: (lease: RunningLease) => void };

/** Places a hold and keeps its lease. @throws GatewayError, or the reason of the signal */
export async function openLease(deps: LeaseDeps & OnEnd, options: StreamOptions): Promise<RunningLease> {
  const { id = crypto.randomUUID(), signal } = options;
  signal?.throwIfAborted();
  const placedAtMs = nowMs();
  try {
    const placed = await deps.holds.place(placeBodyOf(id, options), { signal });
    deps.allowance?.learn(options, placed);
    return new RunningLease(deps, options, { id, allowed: false, backing: heldBacking(deps.holds, options, placed, placedAtMs) });
  } catch (error) {
    // It may have been placed all the same. Should this fail too, the end of the lease gives it back.
    if (isUnsure(error)) void deps.holds.void(id, { ...whoseOf(options), reason: 'client_disconnect' }).catch(() => undefined);
    const allowed = isUnavailable(error) ? deps.allowance?.admit(id, options) ?? null : null;
    if (allowed === null) throw error;
    return new RunningLease(deps, options, { id, allowed: true, backing: allowedBacking(deps.charges, id, options, allowed) });
  }
}

/** An aborted place, too, may have been carried out. */
const isUnsure = (error: unknown): boolean => !(error instanceof GatewayError) || error.outcome === 'unknown';

const whoseOf = ({ account }: StreamOptions) => given({ account }) as { account?: string };

function heldBacking(holds: Holds, options: StreamOptions, placed: OpenHold, placedAtMs: number): Backing {
  const whose = whoseOf(options);
  const kept = new KeptHold({ holds, options, placed, placedAtMs });
  return Object.assign(kept, {
    settle: ({ usage, use, reason = 'completed' }: SettleLease) => {
      const whole = usage === undefined ? kept.usage && within(kept.usage, kept.hold.stopAtTokens) : { ...inputOf(options), ...usage };
      const what = use === undefined && whole !== undefined ? { usage: whole } : { use: use ?? 'reported' as const };
      return holds.settle(placed.id, { ...whose, ...what, reason });
    },
    void: (reason: EndReason) => holds.void(placed.id, { ...whose, reason }),
  });
}

/** After an abort the code that runs the request has so long to end the lease itself, with its own count. */
const ABORT_GRACE_MS = 1_000;

export class RunningLease implements Lease {
  readonly id: string;
  readonly allowed: boolean;
  readonly #backing: Backing;
  readonly #account: string | undefined;
  readonly #hooks: LeaseHooks;
  readonly #signal: AbortSignal | undefined;
  readonly #leave: () => void;
  #ended: Promise<Receipt> | undefined;
  #hasFailed = false;
  #cancelGrace: () => void = () => undefined;

  constructor(
    deps: LeaseDeps & OnEnd, { account, signal }: StreamOptions,
    { id, allowed, backing }: { readonly id: string; readonly allowed: boolean; readonly backing: Backing },
  ) {
    this.id = id;
    this.allowed = allowed;
    this.#backing = backing;
    this.#account = account;
    this.#hooks = deps;
    this.#signal = signal;
    const { exit } = deps;
    const forgetExit = exit === null ? () => undefined : settleAtExit({
      withinMs: exit.withinMs,
      settle: exit.how === 'report' ? () => backing.flush() : () => this.conclude('cut_off').catch(() => undefined),
    });
    this.#leave = () => {
      forgetExit();
      deps.onEnd(this);
    };
    signal?.addEventListener('abort', this.#aborted, { once: true });
    if (signal?.aborted === true) this.#aborted();
  }

  get hold(): OpenHold { return this.#backing.hold; }
  get stopAtTokens(): number | null { return this.#backing.hold.stopAtTokens; }
  get final(): boolean { return this.#backing.hold.final; }
  get usage(): TokenUsage | undefined { return this.#backing.usage; }
  get refusal(): GatewayError | undefined { return this.#backing.refusal; }
  get settled(): boolean { return this.#ended !== undefined && !this.#hasFailed; }

  async report(usageSoFar: TokenUsage): Promise<boolean> {
    const goesOn = await this.#backing.report(usageSoFar);
    return goesOn && this.#ended === undefined && this.#signal?.aborted !== true;
  }

  settle(how: SettleLease = {}): Promise<Receipt> {
    return this.#end(() => this.#backing.settle(how), how.usage ?? this.usage, how.reason ?? 'completed');
  }

  void(reason: EndReason): Promise<Receipt> {
    return this.#end(() => this.#backing.void(reason), undefined, reason);
  }

  /** Settles what was reported, or voids if nothing was; what has ended already answers how. @throws UnsettledError */
  conclude(reason: EndReason): Promise<Receipt> {
    return this.#ended ?? (this.usage === undefined ? this.void(reason) : this.settle({ reason }));
  }

  /** The reason of an end that is no failure. */
  get endReason(): EndReason {
    if (this.#signal?.aborted === true) return reasonOf(this.#signal.reason, 'client_disconnect');
    return this.#backing.isCut() ? 'cut_off' : 'completed';
  }

  readonly #aborted = (): void => {
    this.#cancelGrace = quietTimer(() => { this.conclude(this.endReason).catch(() => undefined); }, ABORT_GRACE_MS);
  };

  #end(work: () => Promise<Receipt>, usage: TokenUsage | undefined, reason: EndReason): Promise<Receipt> {
    if (this.#ended !== undefined && !this.#hasFailed) return this.#ended;
    this.#hasFailed = false;
    this.#backing.stop();
    this.#cancelGrace();
    this.#signal?.removeEventListener('abort', this.#aborted);
    this.#ended = work().catch((error: unknown) => {
      this.#hasFailed = true;
      if (!(error instanceof GatewayError)) throw error;
      const unsettled = new UnsettledError(error, { holdId: this.id, account: this.#account, usage, reason });
      this.#hooks.onUnsettled?.(unsettled);
      throw unsettled;
    }).finally(this.#leave);
    return this.#ended;
  }
}

/** Why a request ended that failed with this. */
export const reasonOf = (error: unknown, otherwise: EndReason): EndReason =>
  ((error as { readonly name?: unknown } | null | undefined)?.name === 'TimeoutError' ? 'timeout' : otherwise);

/** Runs a request under a lease, which is ended however the request ends. */
export async function runStream<T>(lease: RunningLease, signal: AbortSignal | undefined, body: (lease: Lease) => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await body(lease);
  } catch (error) {
    // What the request failed with is told; that it is not settled either, `onUnsettled` is told.
    await lease.conclude(signal?.aborted === true ? lease.endReason : reasonOf(error, 'provider_error')).catch(() => undefined);
    throw error;
  }
  await lease.conclude(lease.endReason);
  return result;
}
