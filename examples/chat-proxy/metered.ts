import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError, type Lease, type Receipt, type TokenUsage } from '../../clients/typescript/src/index.js';
import { textIn, type Answer } from './answers.js';
import { creditsError, isPriceMissing, isUncertain } from './credits-errors.js';
import { ApiError, upstreamError } from './errors.js';
import type { ChatRequest } from './request.js';
import { tokenCounter } from './tokens.js';
import { completion, type Upstream } from './upstream.js';
import { nativeUsage, openAiUsage, readUsage, totals, type OpenAiUsage } from './usage.js';

/**
 * One completion under one hold: sends on what the hold pays for, counts it, and ends the hold by what was used. This is the
 * part to copy into a proxy of your own.
 */

export type EndReason = 'completed' | 'client_disconnect' | 'provider_error' | 'timeout' | 'cut_off';

export type Metered = {
  readonly upstream: Upstream;
  readonly chat: ChatRequest;
  readonly lease: Lease;
  readonly answer: Answer;
  /** Aborted when the caller has gone, or when this proxy stops; the reason is an EndReason. */
  readonly signal: AbortSignal;
  /** Aborted when the provider is to stop: the same as `signal`, or later, when its usage at the end is needed. */
  readonly until: AbortSignal;
  /** A provider that sends nothing for so long has failed. */
  readonly silenceMs: number;
  /** Called with each count. */
  readonly onUsage: (usage: TokenUsage) => void;
  /** Called once. Null: the gateway did not take the end, so the end of the lease decides. */
  readonly onEnd: (receipt: Receipt | null) => void;
};

/** How a completion went. */
type Outcome = {
  readonly reason: EndReason;
  readonly usage: TokenUsage;
  /** The provider's own count, or null. */
  readonly ofProvider: OpenAiUsage | null;
  readonly error: ApiError | null;
  /** Nothing is charged. */
  readonly isFree: boolean;
};

const SETTLE_RETRY_MS = 1_000;
/** As long as an outage of the gateway may take. Afterwards the end of the lease decides (`onExpiry`). */
const SETTLE_PATIENCE_MS = 128_000;

/** Streams, then settles, then ends the answer. Never throws. */
export async function runMetered(metered: Metered): Promise<void> {
  const { lease, answer, onEnd } = metered;
  const outcome = await stream(metered);
  let receipt = await end(lease, outcome);
  if (receipt !== 'unknown') onEnd(receipt);
  if (outcome.error === null) answer.end(outcome.ofProvider ?? openAiUsage(outcome.usage));
  else answer.fail(outcome.error);
  if (receipt !== 'unknown') return;
  // The gateway is away. The caller has waited enough; a settle after the end of the lease is charged, too.
  for (let waitMs = SETTLE_RETRY_MS; receipt === 'unknown' && waitMs < SETTLE_PATIENCE_MS; waitMs *= 2) {
    await sleep(waitMs);
    receipt = await end(lease, outcome);
  }
  onEnd(receipt === 'unknown' ? null : receipt);
}

async function stream(metered: Metered): Promise<Outcome> {
  const { upstream, chat, lease, answer, signal, until, silenceMs, onUsage } = metered;
  const { inputTokens } = chat;
  const counter = tokenCounter();
  const silence = watchdog(silenceMs);
  // `final`: there are no more credits than for `stopAtTokens`, so the provider need not write more either.
  const limit = Math.min(chat.maxOutputTokens, (lease.final ? lease.stopAtTokens : null) ?? chat.maxOutputTokens);
  const isSent = !signal.aborted;
  let outputTokens = 0;
  let isFinished = false;
  let ofProvider: OpenAiUsage | null = null;
  const over = (reason: EndReason, error: ApiError | null = null): Outcome => ({
    reason: reason === 'completed' && signal.aborted ? reasonOf(signal) : reason, error, usage: { inputTokens, outputTokens },
    ofProvider: reason === 'completed' ? ofProvider : null,
    // A provider that fails before its first token has delivered nothing. A caller who leaves then has still sent the input.
    isFree: outputTokens === 0 && (!isSent || reason === 'provider_error' || reason === 'timeout'),
  });
  try {
    for await (const chunk of completion(upstream, chat.upstreamBody(limit), lease.id, AbortSignal.any([until, silence.signal]))) {
      isFinished ||= (chunk.choices ?? []).some(({ finish_reason: finish }) => typeof finish === 'string');
      // Usage that comes before the end is about a part of the answer.
      if (isFinished) ofProvider = readUsage(chunk.usage, { outputTokens, limit }) ?? ofProvider;
      const { choices = [], ...envelope } = { ...chunk, usage: undefined }; // the usage goes into a chunk of this proxy
      if (choices.length === 0) continue;
      // A tokenizer may count less when a word is complete; what is reported never goes back.
      const counted = Math.max(outputTokens, counter.add(textIn(choices)));
      // Cheap: it asks the gateway only when the lease or the granted tokens run low.
      const goesOn = counted === outputTokens || await lease.report({ inputTokens, outputTokens: counted });
      if (counted > outputTokens) silence.reset(); // a provider that sends events without text is silent, too
      const isPaid = counted <= (lease.stopAtTokens ?? counted);
      if (isPaid) {
        outputTokens = counted;
        onUsage({ inputTokens, outputTokens });
        if (!signal.aborted) await answer.add({ ...envelope, choices });
      }
      until.throwIfAborted();
      // At its own limit the provider ends the answer by itself, and tells its usage.
      if (!isPaid || (!goesOn && counted < limit)) {
        await answer.add({ ...envelope, choices: [{ index: 0, delta: {}, finish_reason: 'length' }] });
        return over('cut_off');
      }
    }
    until.throwIfAborted();
    return over('completed');
  } catch (error) {
    if (until.aborted) return over(reasonOf(until), new ApiError(503, { message: 'The proxy was stopped', code: 'proxy_stopped' }));
    if (silence.signal.aborted) return over('timeout', upstreamError('The model\'s provider sends nothing any more', 504));
    return over('provider_error', failureOf(error));
  } finally {
    silence.stop();
  }
}

/** What the caller is told about a stream that failed in this proxy. */
function failureOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return error instanceof GatewayError ? creditsError(error) : new ApiError(500, { message: 'The proxy failed' });
}

/** Ends the hold. 'unknown': the gateway did not answer, ask again. Null: it refused, and asking again will not help. */
async function end(lease: Lease, outcome: Outcome): Promise<Receipt | 'unknown' | null> {
  const { reason, usage, ofProvider, isFree } = outcome;
  try {
    return await (isFree ? lease.void(reason) : lease.settle({ usage: ofProvider === null ? usage : nativeUsage(ofProvider), reason }));
  } catch (error) {
    if (isUncertain(error)) return 'unknown';
    // The provider tells cached or reasoning tokens apart and the price does not: charge the totals.
    if (isPriceMissing(error) && ofProvider !== null) return end(lease, { ...outcome, usage: totals(ofProvider), ofProvider: null });
    process.stderr.write(`hold ${lease.id} could not be ended, so the end of its lease decides: ${String(error)}\n`);
    return null;
  }
}

const reasonOf = ({ reason }: { readonly reason: unknown }): EndReason => (reason === 'client_disconnect' ? reason : 'cut_off');

/** A signal that is aborted `ms` after its last reset. */
function watchdog(ms: number): { readonly signal: AbortSignal; readonly reset: () => void; readonly stop: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => { controller.abort(); }, ms);
  return { signal: controller.signal, reset: () => { timer.refresh(); }, stop: () => { clearTimeout(timer); } };
}
