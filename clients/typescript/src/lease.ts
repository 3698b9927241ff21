import type { GatewayError, UnsettledError } from './errors.js';
import type { EndReason, OpenHold, PlaceHold, Receipt, TokenUsage } from './types.js';

/** What a request may use, and under which rules. The members are those of `POST /v1/holds` (docs/contracts/native.md#holds). */
export type StreamOptions = {
  /** The account that pays; by default the own one, or the payer of the API key. */
  readonly account?: string | undefined;
  readonly spender?: string | undefined;
  readonly feature?: string | undefined;
  readonly model: string;
  readonly provider?: string | undefined;
  readonly serviceTier?: NonNullable<PlaceHold['price']>['serviceTier'] | undefined;
  /** Tokens of the input in all, `cachedInputTokens` included. */
  readonly inputTokens: number;
  readonly cachedInputTokens?: number | undefined;
  /** By default the model's own maximum. */
  readonly maxOutputTokens?: number | undefined;
  /** Start with less than the maximum, but with at least these. */
  readonly minimumOutputTokens?: number | undefined;
  /** Names the hold for ever; a random UUID by default. */
  readonly id?: string | undefined;
  /** How long the hold lasts without a renewal, in seconds: 5 to 86 400. The gateway's own by default. */
  readonly leaseSeconds?: number | undefined;
  readonly onExpiry?: PlaceHold['onExpiry'] | undefined;
  readonly overCapture?: PlaceHold['overCapture'] | undefined;
  readonly debtLimit?: PlaceHold['debtLimit'] | undefined;
  /** Makes limits of the account stricter for this request: the most that each of them allows, by its id. */
  readonly limits?: PlaceHold['limits'] | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
  /** Aborted: `report` answers false, and the lease is ended with what was reported, one second later at the latest. */
  readonly signal?: AbortSignal | undefined;
};

export type SettleLease = {
  /** The whole usage, such as the provider's own count; by default what was reported. */
  readonly usage?: TokenUsage | undefined;
  /** For a caller that has lost count, instead of `usage`. */
  readonly use?: 'reported' | 'input' | 'estimate' | undefined;
  /** `completed` by default. */
  readonly reason?: EndReason | undefined;
};

/** A hold that is kept open for a request: renewed, topped up, and ended. */
export type Lease = {
  /** The id of the hold. */
  readonly id: string;
  /** The last answer about the hold. */
  readonly hold: OpenHold;
  /** Output tokens in all that the hold pays for now; null: the model has no price for output. */
  readonly stopAtTokens: number | null;
  /** Nothing more can be had now: the stream ends at `stopAtTokens`. */
  readonly final: boolean;
  /** What was reported so far; undefined: nothing. */
  readonly usage: TokenUsage | undefined;
  /** Whether the lease has ended, or is ending. */
  readonly settled: boolean;
  /** Whether the gateway did not answer and the stream runs within `onUnavailable.allow`, without a hold. */
  readonly allowed: boolean;
  /** Why the gateway will not keep the hold; undefined: it does. */
  readonly refusal: GatewayError | undefined;
  /**
   * Tells the usage so far, in total. False at and beyond the last granted token, after an abort, and when the hold has ended:
   * stop. Calls the gateway only when the lease or the granted tokens run low, and waits for it only at the last granted token.
   */
  report(usageSoFar: TokenUsage): Promise<boolean>;
  /** Charges what was used and gives the rest back. A second call answers what the first did. @throws UnsettledError */
  settle(how?: SettleLease): Promise<Receipt>;
  /** Gives everything back. @throws UnsettledError */
  void(reason: EndReason): Promise<Receipt>;
};

/** What a lease tells its client. */
export type LeaseHooks = {
  /** Called for every lease that could not be ended, also where the error is thrown as well. */
  readonly onUnsettled?: ((error: UnsettledError) => void) | undefined;
};

/** The members that are there. */
export const given = <T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };

/** What a request certainly uses. */
export const inputOf = ({ inputTokens, cachedInputTokens }: StreamOptions): TokenUsage =>
  given({ inputTokens, cachedInputTokens });

export const placeBodyOf = (id: string, options: StreamOptions): PlaceHold => {
  const { account, spender, feature, leaseSeconds, onExpiry, overCapture, debtLimit, limits, metadata } = options;
  const { model, provider, serviceTier, maxOutputTokens, minimumOutputTokens } = options;
  return given({
    id, account, spender, feature, leaseSeconds, onExpiry, overCapture, debtLimit, limits, metadata,
    price: given({ model, provider, serviceTier, ...inputOf(options), maxOutputTokens, minimumOutputTokens }),
  });
};

/** What keeps a lease: a hold of the gateway, or what is allowed without it. */
export type Backing = {
  readonly hold: OpenHold;
  readonly usage: TokenUsage | undefined;
  readonly refusal: GatewayError | undefined;
  readonly report: (usage: TokenUsage) => Promise<boolean>;
  readonly flush: () => Promise<void>;
  readonly stop: () => void;
  readonly isCut: () => boolean;
  readonly settle: (how: SettleLease) => Promise<Receipt>;
  readonly void: (reason: EndReason) => Promise<Receipt>;
};
