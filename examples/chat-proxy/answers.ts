import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ApiError } from './errors.js';
import type { OpenAiUsage } from './usage.js';
import type { Choice, Chunk, Delta } from './upstream.js';

/** The two forms of an answer: server-sent events as they come, or one JSON document at the end. */
export type Answer = {
  /** Takes a chunk. Resolves when the caller can take another one, or has gone. */
  add(chunk: Chunk): Promise<void>;
  /** Ends the answer. `usage` is what was charged. */
  end(usage: OpenAiUsage): void;
  fail(error: ApiError): void;
};

/** A caller that reads nothing for so long is gone. */
const DRAIN_MS = 30_000;

export function sendJson(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

export function sendError(response: ServerResponse, { status, body, retryAfterSeconds }: ApiError): void {
  if (retryAfterSeconds !== undefined && !response.headersSent) response.setHeader('retry-after', String(retryAfterSeconds));
  sendJson(response, status, { error: body });
}

/**
 * Resolves when the caller can take more, and when it never will: a connection that has just broken takes no write, and no
 * 'drain' follows.
 */
async function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  const over = new AbortController();
  const stop = (): void => { over.abort(); };
  const timer = setTimeout(() => { response.destroy(); stop(); }, DRAIN_MS);
  gone.addEventListener('abort', stop, { once: true });
  if (gone.aborted) stop();
  await once(response, 'drain', { signal: over.signal }).catch(() => undefined);
  clearTimeout(timer);
  gone.removeEventListener('abort', stop);
}

/**
 * @param includesUsage whether the caller asked for a last chunk with the usage
 * @param gone aborted when the caller has gone, or when this proxy stops
 */
export function streamedAnswer(response: ServerResponse, { includesUsage, gone }: {
  readonly includesUsage: boolean; readonly gone: AbortSignal }): Answer {
  let envelope: object = {};
  const write = (data: object): boolean => response.write(`data: ${JSON.stringify(data)}\n\n`);
  return {
    async add(chunk) {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache' });
      const { choices, ...rest } = chunk;
      envelope = { ...rest, object: 'chat.completion.chunk' };
      const taken = write({ ...envelope, choices, ...(includesUsage ? { usage: null } : {}) });
      if (!taken && !response.destroyed) await drained(response, gone);
    },
    end(usage) {
      if (includesUsage) write({ ...envelope, choices: [], usage });
      response.end('data: [DONE]\n\n');
    },
    fail(error) {
      if (!response.headersSent) { sendError(response, error); return; }
      write({ error: error.body }); // the official client throws it
      response.end();
    },
  };
}

export function jsonAnswer(response: ServerResponse): Answer {
  let envelope: object = {};
  let message: Delta = { role: 'assistant', content: null };
  let finish: string | null = null;
  const logprobs: unknown[] = [];
  return {
    add({ choices: [choice] = [], ...rest }) {
      envelope = rest;
      message = merged(message, choice?.delta ?? {});
      finish = choice?.finish_reason ?? finish;
      const { content = [] } = (choice?.logprobs ?? {}) as { readonly content?: readonly unknown[] };
      logprobs.push(...content);
      return Promise.resolve();
    },
    end(usage) {
      const choice = { index: 0, message, logprobs: logprobs.length === 0 ? null : { content: logprobs }, finish_reason: finish };
      sendJson(response, 200, { ...envelope, object: 'chat.completion', choices: [choice], usage });
    },
    fail(error) { sendError(response, error); },
  };
}

/** Texts are continued, and the parts of `tool_calls` are put together by their index. */
function merged(before: Delta, delta: Delta): Delta {
  const after: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(delta)) {
    const known = after[name];
    if (name === 'tool_calls' && Array.isArray(value)) after[name] = mergedCalls(Array.isArray(known) ? known as Delta[] : [],
      value as Delta[]);
    else if (['role', 'id', 'type'].includes(name)) after[name] = value;
    else if (typeof value === 'string') after[name] = (typeof known === 'string' ? known : '') + value;
    else if (typeof value === 'object' && value !== null) after[name] = merged((known ?? {}) as Delta, value as Delta);
  }
  return after;
}

function mergedCalls(before: readonly Delta[], parts: readonly Delta[]): readonly Delta[] {
  const calls = [...before];
  for (const { index, ...part } of parts) {
    const at = typeof index === 'number' && index >= 0 && index <= calls.length ? index : calls.length;
    calls[at] = merged(calls[at] ?? {}, part);
  }
  return calls;
}

/** All text of a chunk that the provider charges as output: content, refusals, reasoning, calls of tools. */
export const textIn = (choices: readonly Choice[] = []): string => choices.map(({ delta }) => textOf(delta ?? {})).join('');

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value).map(([name, each]) => (['role', 'id', 'type'].includes(name) ? '' : textOf(each))).join('');
}
