import { creditsText, microsOf, shareUp } from './credits.js';
import { inputOf, type StreamOptions } from './lease.js';
import type { OpenHold, TokenUsage } from './types.js';

/** What a stream that ran without the gateway came to. Amounts are decimal text of credits. */
export type AllowedStream = {
  readonly id: string;
  readonly account: string | undefined;
  readonly model: string;
  /** The most that it can cost. */
  readonly amount: string;
  /** `running`; `charged`: the gateway was back and charged its usage; `ended`: nothing was used; `lost`: it was not charged. */
  readonly state: 'running' | 'charged' | 'ended' | 'lost';
  readonly usage: TokenUsage | undefined;
  /** The most that all that are running or lost can cost, of `maxAmount`. */
  readonly atRisk: string;
  /** Streams that were allowed since the process started. */
  readonly count: number;
};

export type Allow = {
  readonly allow: {
    /** Credits that all streams of this process without the gateway may cost together, as long as they are not charged. */
    readonly maxAmount: string;
  };
  /** Called when a stream is allowed, and when it has ended. */
  readonly onAllowed?: ((stream: AllowedStream) => void) | undefined;
};

export type Allowed = {
  readonly amount: string;
  readonly stopAtTokens: number;
  readonly end: (state: 'charged' | 'ended' | 'lost', usage: TokenUsage | undefined) => void;
};

/** So many micros for so many tokens. */
type Rate = { readonly micros: bigint; readonly tokens: number };
type Known = { readonly input: Rate | null; readonly output: Rate; readonly stopAtTokens: number };

/**
 * Streams that run while the gateway does not answer. What a model costs is known from its last holds: one that paid for
 * input and output together costs at least as much per token as each of them alone. A model without a hold is refused.
 */
export class Allowance {
  readonly #max: bigint;
  readonly #tell: (stream: AllowedStream) => void;
  readonly #known = new Map<string, Known>();
  #atRisk = 0n;
  #count = 0;

  constructor({ allow: { maxAmount }, onAllowed }: Allow) {
    this.#max = microsOf(maxAmount);
    this.#tell = onAllowed ?? (() => undefined);
  }

  /** Remembers what a hold says of the price of its model. */
  learn(options: StreamOptions, { amount, stopAtTokens }: OpenHold): void {
    if (stopAtTokens === null || stopAtTokens <= 0) return;
    const micros = microsOf(amount);
    const uncached = options.inputTokens - (options.cachedInputTokens ?? 0);
    const before = this.#known.get(nameOf(options));
    this.#known.set(nameOf(options), {
      input: uncached > 0 ? { micros, tokens: uncached } : before?.input ?? null, output: { micros, tokens: stopAtTokens }, stopAtTokens,
    });
  }

  /** Lets a stream run if it stays within the bound; null: it is refused. */
  admit(id: string, options: StreamOptions): Allowed | null {
    const known = this.#known.get(nameOf(options));
    const { inputTokens = 0 } = inputOf(options);
    if (known === undefined || (inputTokens > 0 && known.input === null)) return null;
    const stopAtTokens = options.maxOutputTokens ?? known.stopAtTokens;
    const cost = costOf(known.output, stopAtTokens) + (known.input === null ? 0n : costOf(known.input, inputTokens));
    if (this.#atRisk + cost > this.#max) return null;
    this.#atRisk += cost;
    this.#count += 1;
    const tell = (state: AllowedStream['state'], usage: TokenUsage | undefined): void => {
      this.#tell({
        id, account: options.account, model: options.model, amount: creditsText(cost), state, usage,
        atRisk: creditsText(this.#atRisk), count: this.#count,
      });
    };
    tell('running', undefined);
    return {
      amount: creditsText(cost), stopAtTokens,
      end: (state, usage) => {
        if (state !== 'lost') this.#atRisk -= cost;
        tell(state, usage);
      },
    };
  }
}

const nameOf = ({ provider = '', model, serviceTier = 'standard' }: StreamOptions): string => JSON.stringify([provider, model, serviceTier]);

const costOf = ({ micros, tokens }: Rate, of: number): bigint => shareUp(micros, Math.ceil(of), tokens);
