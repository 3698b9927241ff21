import { ApiError, upstreamError, type ErrorBody } from './errors.js';

/** The provider: any server that speaks OpenAI's chat completions. */
export type Upstream = { readonly url: string; readonly apiKey?: string | undefined };

export type Delta = Readonly<Record<string, unknown>>;
export type Choice = {
  readonly index?: number; readonly delta?: Delta; readonly finish_reason?: string | null; readonly logprobs?: unknown };
export type Chunk = {
  readonly id?: string; readonly created?: number; readonly model?: string;
  readonly choices?: readonly Choice[]; readonly usage?: unknown; readonly error?: unknown;
};

/** A line of one event. Longer ones are no chunk of a chat. */
const EVENT_LENGTH_MAX = 1_048_576;
/** Statuses that are about the request and not about this proxy's own key or the provider's health. */
const OF_THE_CALLER = [400, 404, 413, 422, 429];

export const ask = (upstream: Upstream, path: string, init: RequestInit = {}): Promise<Response> => fetch(upstream.url + path, {
  ...init,
  headers: {
    'content-type': 'application/json', ...(upstream.apiKey === undefined ? {} : { authorization: `Bearer ${upstream.apiKey}` }),
    ...(init.headers as Record<string, string> | undefined),
  },
});

/**
 * The chunks of one completion. Aborting the signal closes the connection, and the provider stops.
 *
 * @param id goes to the provider's logs, so that a hold and its request can be found by one id
 * @throws ApiError when the provider refuses, breaks off or sends something else
 */
export async function* completion(upstream: Upstream, body: object, id: string, signal: AbortSignal): AsyncGenerator<Chunk> {
  const response = await ask(upstream, '/chat/completions', {
    method: 'POST', body: JSON.stringify(body), signal, headers: { 'x-client-request-id': id },
  }).catch((error: unknown) => { throw brokenOff(error); });
  if (!response.ok) throw await refusal(response);
  let isFinished = false;
  try {
    for await (const data of events(response)) {
      if (data === '[DONE]') return;
      const chunk = chunkOf(data);
      if (chunk.error !== undefined && chunk.error !== null) throw upstreamError(`The model's provider failed: ${messageOf(chunk.error)}`);
      yield chunk;
      isFinished ||= typeof chunk.choices?.[0]?.finish_reason === 'string';
    }
  } catch (error) {
    throw brokenOff(error);
  }
  if (!isFinished) throw upstreamError('The model\'s provider ended the stream too early');
}

/** @throws ApiError for what is no chunk of a chat */
function chunkOf(data: string): Chunk {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw upstreamError('The model\'s provider sent something that is not JSON');
  }
  const { choices } = (value ?? {}) as { readonly choices?: unknown };
  const isChunk = isObject(value) && ((choices ?? null) === null || (Array.isArray(choices) && choices.every(isObject)));
  if (!isChunk) throw upstreamError('The model\'s provider sent something that is no chunk of a chat');
  return { ...(value as object), choices: (choices ?? []) as readonly Choice[] };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The data of server-sent events. */
async function* events(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(part, { stream: true });
    const lines = text.split(/\r?\n/);
    text = lines.pop() ?? '';
    if (text.length > EVENT_LENGTH_MAX) throw upstreamError('The model\'s provider sent an event that is too long');
    for (const line of lines) if (line.startsWith('data:')) yield line.slice('data:'.length).trim();
  }
}

export async function refusal(response: Response): Promise<ApiError> {
  const { error } = await response.json().catch(() => ({})) as { readonly error?: Partial<ErrorBody> };
  const message = messageOf(error);
  if (!OF_THE_CALLER.includes(response.status)) return upstreamError(`The model's provider answered ${response.status}: ${message}`);
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  // A 429 is about this proxy's account with the provider, so the provider's code would mislead the caller.
  const about = response.status === 429 ? {} : { code: error?.code ?? null, param: error?.param ?? null };
  return new ApiError(response.status, { message, type: error?.type ?? 'upstream_error', ...about },
    Number.isFinite(retryAfter) ? retryAfter : undefined);
}

/** Whatever ends a stream early is the provider's fault: who aborted it knows that better. */
const brokenOff = (error: unknown): ApiError => (error instanceof ApiError ? error
  : upstreamError(`The connection to the model's provider broke: ${error instanceof Error ? error.message : String(error)}`));

function messageOf(error: unknown): string {
  const { message } = (typeof error === 'object' && error !== null ? error : {}) as { readonly message?: unknown };
  return typeof message === 'string' ? message : 'no reason given';
}
