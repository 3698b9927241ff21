import type { CreditGateway } from './client.js';
import { beginningOf, countInput, ESTIMATE_SLACK, estimator, type InputText, type TokenCounter } from './counting.js';
import type { Lease, StreamOptions } from './lease.js';
import { isReported, usageToSettle, type Counted, type ReportedUsage } from './provider-usage.js';
import { reasonOf } from './run-lease.js';
import type { EndReason, Receipt } from './types.js';

/** What the middleware and the wrapper share: one request to a provider under one lease. */

/** The part of the client that is needed. */
export type Credits = Pick<CreditGateway, 'lease'>;

/** Who pays for a request, and what is written on its entry. */
export type Payer = Pick<StreamOptions, 'account' | 'spender' | 'feature' | 'metadata' | 'id'>;

export type MeterOptions<Request> = {
  /** Who pays: for all requests, or by the request. */
  readonly payer?: Payer | ((request: Request) => Payer | Promise<Payer>) | undefined;
  /** The name of a model in the price book; by default the provider's own. */
  readonly model?: ((model: string) => string) | undefined;
  /**
   * Tokens of the input of a request. Without it they are counted from the texts of the request, and a request whose input is
   * not all text is refused.
   */
  readonly inputTokens?: ((request: Request) => number | Promise<number>) | undefined;
  /** At most these tokens for each picture of the input. Without it, and without `inputTokens`, pictures are refused. */
  readonly tokensPerImage?: number | undefined;
  /**
   * Makes a counter for one text. Without it tokens are estimated: a third of the characters, and each character of Chinese,
   * Japanese and Korean. That is up to twice too many for prose, so twice the tokens of the answer are held.
   */
  readonly tokenCounter?: (() => TokenCounter) | undefined;
  /** With fewer credits than for the whole answer, start with as many as there are for at least these tokens; 16 by default. */
  readonly minimumOutputTokens?: number | undefined;
  readonly leaseSeconds?: number | undefined;
  readonly onExpiry?: StreamOptions['onExpiry'];
  readonly overCapture?: StreamOptions['overCapture'];
  /** Called with the receipt of every request. */
  readonly onSettled?: ((receipt: Receipt) => void) | undefined;
  /** Called when a lease could not be ended. Without it the error is thrown in place of the answer that was not paid for. */
  readonly onUnsettled?: ((error: unknown) => void) | undefined;
};

/** A request whose cost cannot be bounded before it is sent. Nothing was held, and nothing was sent. */
export class NotMeteredError extends TypeError {
  override readonly name = 'NotMeteredError';
  /** The member of the request. */
  readonly param: string;

  constructor(param: string, why: string) {
    super(`${param}: ${why}`);
    this.param = param;
  }
}

/** What is known of a request before it is sent. */
export type MeteredRequest = {
  readonly model: string;
  readonly serviceTier?: 'priority' | 'flex' | undefined;
  /** @throws NotMeteredError for input that is not in the request, or is no text */
  readonly input: (images: boolean) => InputText;
  /** For each answer; undefined: the model's own maximum. */
  readonly maxOutputTokens: number | undefined;
  /** How many answers are asked for. */
  readonly answers: number;
  readonly signal: AbortSignal | undefined;
};

/** Counts one request and ends its lease, once. */
export type Meter = {
  /** What the provider is to be told, for each answer; undefined: nothing. */
  readonly maxOutputTokens: number | undefined;
  /** What was used by the own count. */
  readonly counted: Counted;
  /** Counts text before it is delivered. When cut, only `text` may be delivered, and nothing after it. */
  take(text: string): Promise<{ readonly text: string; readonly isCut: boolean }>;
  /** Counts text of an answer that is there as a whole. */
  count(text: string): void;
  /**
   * Settles with the provider's usage, or by count; voids if the provider failed before anything came. Rejects if that cannot be
   * done and `onUnsettled` is not there.
   */
  end(reason: EndReason, usage?: ReportedUsage): Promise<void>;
  /** The same where an error is thrown anyway: never rejects. `isSent`: the provider has read the input, so it is charged. */
  abandon(reason: EndReason, isSent?: boolean): Promise<void>;
};

/** The least that OpenAI's Responses API accepts as a maximum. */
const MINIMUM_OUTPUT_TOKENS = 16;

/** Places the hold. @throws GatewayError, such as InsufficientCreditsError; NotMeteredError */
export async function openMeter<R>(
  credits: Credits, options: MeterOptions<R>, given: R, request: MeteredRequest, payer: Payer = {},
): Promise<Meter> {
  const { tokenCounter = estimator, tokensPerImage, leaseSeconds, onExpiry, overCapture } = options;
  const { minimumOutputTokens = MINIMUM_OUTPUT_TOKENS } = options;
  const { answers, maxOutputTokens: asked, signal, serviceTier } = request;
  const slack = options.tokenCounter === undefined ? ESTIMATE_SLACK : 1;
  const inputTokens = options.inputTokens === undefined
    ? countInput(request.input(tokensPerImage !== undefined), tokenCounter(), tokensPerImage ?? 0)
    : await options.inputTokens(given);
  const standing = typeof options.payer === 'function' ? await options.payer(given) : options.payer;
  const lease = await credits.lease({
    ...standing, ...payer, leaseSeconds, onExpiry, overCapture, signal, serviceTier, inputTokens,
    model: options.model?.(request.model) ?? request.model,
    maxOutputTokens: asked === undefined ? undefined : asked * answers * slack,
    minimumOutputTokens: Math.min(minimumOutputTokens, asked ?? minimumOutputTokens) * answers,
  });
  return meterOf(lease, { ...options, tokenCounter, inputTokens, maxOutputTokens: limitOf(lease, asked, answers) });
}

/**
 * What each answer may have, so that the provider itself stops at the last granted token. A request without a maximum gets one
 * only when nothing more can be had: the model's own maximum is what was held.
 */
function limitOf({ stopAtTokens, final }: Lease, asked: number | undefined, answers: number): number | undefined {
  if (stopAtTokens === null || (asked === undefined && !final)) return asked;
  return Math.min(asked ?? Infinity, Math.floor(stopAtTokens / answers));
}

type Counting = Pick<MeterOptions<never>, 'onSettled' | 'onUnsettled'> & {
  readonly tokenCounter: () => TokenCounter;
  readonly inputTokens: number;
  readonly maxOutputTokens: number | undefined;
};

function meterOf(lease: Lease, { tokenCounter, inputTokens, maxOutputTokens, onSettled, onUnsettled }: Counting): Meter {
  const counter = tokenCounter();
  let outputTokens = 0;
  let ended: Promise<void> | undefined;
  const end = (reason: EndReason, usage: ReportedUsage, isSent: boolean): Promise<void> => ended ??= (async () => {
    const isUsed = isSent || outputTokens > 0 || isReported(usage);
    const used = (): Promise<Receipt> => lease.settle({ usage: usageToSettle(usage, { inputTokens, outputTokens }), reason });
    const receipt = await (isUsed ? used() : lease.void(reason));
    onSettled?.(receipt);
  })();
  return {
    maxOutputTokens,
    get counted() { return { inputTokens, outputTokens }; },
    take: async (text) => {
      const before = outputTokens;
      const after = counter.add(text);
      const mayGoOn = await lease.report({ outputTokens: after });
      const { stopAtTokens } = lease;
      // At the last granted token the provider stops by itself, and then tells its usage. Only what is beyond it is cut.
      if (mayGoOn || after === stopAtTokens) {
        outputTokens = after;
        return { text, isCut: false };
      }
      const left = Math.min(after, stopAtTokens ?? after) - before;
      const kept = beginningOf(text, Math.max(0, left), tokenCounter);
      outputTokens = before + Math.min(Math.max(0, left), tokenCounter().add(kept));
      return { text: kept, isCut: true };
    },
    count: (text) => { outputTokens = counter.add(text); },
    end: async (reason, usage = {}) => end(reason, usage, reason !== 'provider_error').catch((error: unknown) => {
      if (onUnsettled === undefined) throw error;
      onUnsettled(error);
    }),
    abandon: async (reason, isSent = false) => end(reason, {}, isSent).catch((error: unknown) => onUnsettled?.(error)),
  };
}

export const reasonOfAbort = (signal: AbortSignal | null | undefined): EndReason => reasonOf(signal?.reason, 'client_disconnect');

/** A maximum of output tokens that a caller gave. @throws NotMeteredError */
export function wholeNumber(param: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw new NotMeteredError(param, 'must be a whole number from 1');
}
