import type { LanguageModelMiddleware } from 'ai';
import { payerOf, readCall, type CallParams, type Model, type WrapGenerate } from './ai-request.js';
import { meteredParts, reportedBy } from './ai-stream.js';
import { openMeter, reasonOfAbort, type Credits, type Meter, type MeterOptions } from './metering.js';

export { type TokenCounter } from './counting.js';
export { NotMeteredError, type Credits, type Payer } from './metering.js';

/** Options of `creditMiddleware`; a request is what the AI SDK gives to a model. */
export type CreditMiddlewareOptions = MeterOptions<CallParams>;

/**
 * Middleware for `wrapLanguageModel` of the AI SDK: each call of the model runs under a lease. The call is told to stop at what
 * was granted, a stream is cut at the last granted token with the finish reason `length`, and what is settled is the usage that
 * the provider reports, or else a count of what was delivered.
 *
 * Calls reject with what the lease refuses, such as `InsufficientCreditsError`, and with `NotMeteredError` for a call whose input
 * cannot be counted. In both cases the provider is not called.
 */
export function creditMiddleware(credits: Credits, options: CreditMiddlewareOptions = {}): LanguageModelMiddleware {
  return {
    specificationVersion: 'v3',
    wrapGenerate: async ({ model, params }) => {
      const { meter, call } = await begin(credits, options, model, params);
      const result = await attempt(meter, call, () => model.doGenerate(call));
      meter.count(textOf(result.content));
      await meter.end(endOf(result.finishReason.unified, call, params), reportedBy(result.usage));
      return result;
    },
    wrapStream: async ({ model, params }) => {
      const { meter, call } = await begin(credits, options, model, params);
      const { stream, ...rest } = await attempt(meter, call, () => model.doStream(call));
      const isLowered = call.maxOutputTokens !== params.maxOutputTokens;
      return { ...rest, stream: meteredParts(stream, meter, { isLowered, signal: call.abortSignal }) };
    },
  };
}

async function begin(credits: Credits, options: CreditMiddlewareOptions, model: Model, params: CallParams) {
  const { payer, params: bare } = payerOf(params);
  const meter = await openMeter(credits, options, params, readCall(bare, model), payer);
  const { maxOutputTokens } = meter;
  return { meter, call: maxOutputTokens === undefined ? bare : { ...bare, maxOutputTokens } };
}

/** A provider that fails before it answers is not charged; a caller that goes away pays for the input that was sent. */
async function attempt<T>(meter: Meter, { abortSignal }: CallParams, call: () => PromiseLike<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    await (abortSignal?.aborted === true ? meter.abandon(reasonOfAbort(abortSignal), true) : meter.abandon('provider_error'));
    throw error;
  }
}

const endOf = (finish: string, call: CallParams, asked: CallParams) =>
  finish === 'length' && call.maxOutputTokens !== asked.maxOutputTokens ? 'cut_off' : 'completed';

type Content = Awaited<ReturnType<WrapGenerate>>['content'];

const textOf = (content: Content): string => content.map((part) => {
  if (part.type === 'text' || part.type === 'reasoning') return part.text;
  return part.type === 'tool-call' ? part.toolName + part.input : '';
}).join('');
