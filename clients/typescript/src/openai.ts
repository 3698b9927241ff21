import type OpenAI from 'openai';
import type { Stream } from 'openai/streaming';
import { openMeter, NotMeteredError, reasonOfAbort, type Credits, type Meter, type MeteredRequest, type MeterOptions } from './metering.js';
import { isAtLimit, saidInCompletion, saidInResponse, usageOf } from './openai-answer.js';
import { MeteredPromise, type Answer } from './openai-promise.js';
import { isJson, isStream, limitChat, limitResponse, readChat, readResponse, type Json } from './openai-request.js';
import { meteredStream } from './openai-stream.js';
import { chatTrack, responseTrack, type Track } from './openai-tracks.js';

export { type TokenCounter } from './counting.js';
export { NotMeteredError, type Credits, type Payer } from './metering.js';

type ChatRequest = OpenAI.Chat.Completions.ChatCompletionCreateParams;
type ResponseRequest = OpenAI.Responses.ResponseCreateParams;

/** Options of `meter`; a request is the body that `create` was called with. */
export type MeterOpenAIOptions = MeterOptions<ChatRequest | ResponseRequest>;

/**
 * A client of the same type whose `chat.completions.create` and `responses.create`, and the helpers that call them (`parse`,
 * `stream`, `runTools`), run under a lease; everything else is as in the given client, and not metered. The provider is told to
 * stop at what was granted, a stream is cut at the last granted token (`finish_reason: "length"`, `response.incomplete`), and what
 * is settled is the provider's usage, or else a count of what was delivered.
 *
 * Calls reject with what the lease refuses, such as `InsufficientCreditsError`, and with `NotMeteredError` for a request whose cost
 * cannot be bounded. In both cases nothing is sent.
 */
export function meter<Client extends OpenAI>(openai: Client, credits: Credits, options: MeterOpenAIOptions = {}): Client {
  const client = openai.withOptions({});
  const { completions } = client.chat;
  const { responses } = client;
  const withOptions = client.withOptions.bind(client);
  Object.assign(completions, { create: metered(completions.create.bind(completions) as unknown as Create, CHAT, credits, options) });
  Object.assign(responses, { create: metered(responses.create.bind(responses) as unknown as Create, RESPONSES, credits, options) });
  Object.assign(client, { withOptions: (more: Parameters<Client['withOptions']>[0]) => meter(withOptions(more), credits, options) });
  return client;
}

/** Options that would put another request in the place of the one that is held for. */
const REPLACES = ['body', 'method', 'path'] as const;
type RequestOptions = { readonly signal?: AbortSignal | null | undefined } & Readonly<Partial<Record<(typeof REPLACES)[number], unknown>>>;
type Create = (body: Json, options?: RequestOptions) => { withResponse(): Promise<Answer<Json | Stream<Json>>> };

/** What differs between the two APIs. */
type Api = {
  readonly read: (body: Json, signal: AbortSignal | undefined) => MeteredRequest;
  readonly limit: (body: Json, maxOutputTokens: number | undefined) => Json;
  readonly said: (answer: Json) => string;
  readonly track: (body: Json, answers: number) => Track;
};
const CHAT: Api = { read: readChat, limit: limitChat, said: saidInCompletion, track: chatTrack };
const RESPONSES: Api = { read: readResponse, limit: limitResponse, said: saidInResponse, track: responseTrack };

const metered = (create: Create, api: Api, credits: Credits, options: MeterOpenAIOptions) =>
  (body: unknown, requestOptions?: RequestOptions): MeteredPromise<unknown> => new MeteredPromise((async () => {
    if (!isJson(body)) throw new NotMeteredError('body', 'must be an object');
    const replaced = REPLACES.find((name) => requestOptions?.[name] !== undefined);
    if (replaced !== undefined) throw new NotMeteredError(`options.${replaced}`, 'would replace the request');
    const signal = requestOptions?.signal ?? undefined;
    const request = api.read(body, signal);
    const lease = await openMeter(credits, options, body as unknown as ChatRequest | ResponseRequest, request);
    const answer = await attempt(lease, signal, () => create(api.limit(body, lease.maxOutputTokens), requestOptions).withResponse());
    const isLowered = lease.maxOutputTokens !== request.maxOutputTokens;
    if (isStream(body)) {
      const track = api.track(body, request.answers);
      return { ...answer, data: meteredStream(answer.data as Stream<Json>, lease, track, { isLowered, signal }) };
    }
    const whole = answer.data as Json;
    lease.count(api.said(whole));
    const wellEnded = isLowered && isAtLimit(whole) ? 'cut_off' : 'completed';
    await lease.end(whole['status'] === 'failed' ? 'provider_error' : wellEnded, usageOf(whole['usage']));
    return answer;
  })());

/** A provider that fails before it answers is not charged; a caller that goes away pays for the input that was sent. */
async function attempt<T>(lease: Meter, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    await (signal?.aborted === true ? lease.abandon(reasonOfAbort(signal), true) : lease.abandon('provider_error'));
    throw error;
  }
}
