import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CreditGateway, Lease, Receipt, TokenUsage } from '../../clients/typescript/src/index.js';
import { jsonAnswer, sendError, sendJson, streamedAnswer } from './answers.js';
import { creditsError } from './credits-errors.js';
import { ApiError, upstreamError } from './errors.js';
import { runMetered, type EndReason } from './metered.js';
import { readRequest, type ChatRequest } from './request.js';
import { ask, refusal, type Upstream } from './upstream.js';

/** An OpenAI-compatible proxy that takes credits: every message is paid for before it is sent, and charged by what it used. */

export type ChatProxyOptions = {
  readonly credits: CreditGateway;
  readonly upstream: Upstream;
  /** The account of each key that a caller may send as `Authorization: Bearer …`. */
  readonly accounts: ReadonlyMap<string, string>;
  /** 0, the default: any free port. */
  readonly port?: number;
  readonly host?: string;
  /** How long a hold outlives this process when it is killed; its last report is charged then. */
  readonly leaseSeconds?: number;
  /** A provider that sends nothing for so long has failed. */
  readonly silenceMs?: number;
  /** Told what happens to each hold. */
  readonly watch?: Watch;
  /** Routes of your own, such as a page. True: it has answered. */
  readonly more?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
};

export type Watch = {
  readonly held?: (account: string, lease: Lease, chat: ChatRequest) => void;
  readonly used?: (lease: Lease, usage: TokenUsage) => void;
  /** `receipt` is null when the gateway did not take the end; the end of the lease decides then. */
  readonly ended?: (lease: Lease, receipt: Receipt | null) => void;
};

export type ChatProxy = { readonly url: string; readonly close: () => Promise<void> };

const BODY_BYTES_MAX = 1_048_576;
/** Schemas of tools are the deepest that callers need. */
const DEPTH_MAX = 64;
const LEASE_SECONDS = 30;
const SILENCE_MS = 60_000;
/** A hold for fewer tokens is no answer: with less than this the caller is told 402 at once. */
const MINIMUM_OUTPUT_TOKENS = 16;

export async function startChatProxy(options: ChatProxyOptions): Promise<ChatProxy> {
  const { port = 0, host = '127.0.0.1', accounts, upstream, more } = options;
  const stops = new AbortController();
  const running = new Set<Promise<unknown>>();

  const server = createServer((request, response) => {
    const work = handle(request, response).catch((error: unknown) => {
      sendError(response, error instanceof ApiError ? error : new ApiError(500, { message: 'The proxy failed' }));
      if (!(error instanceof ApiError) && !response.destroyed) process.stderr.write(`${String(error)}\n`);
    });
    running.add(work);
    void work.finally(() => running.delete(work));
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = `${request.method ?? ''} ${(request.url ?? '').replace(/\?.*/, '')}`;
    switch (route) {
      case 'POST /v1/chat/completions': await complete(options, accountOf(accounts, request), request, response, stops.signal); return;
      case 'GET /v1/models': accountOf(accounts, request); await models(upstream, response); return;
      default: if (more === undefined || !await more(request, response)) throw new ApiError(404, { message: `There is no ${route}` });
    }
  }

  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(port, host, resolve); });
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    /** Cuts what still streams, settles it, and resolves when all of it is settled. */
    close: async () => {
      const closed = new Promise((resolve) => { server.close(resolve); });
      stops.abort('cut_off' satisfies EndReason);
      await Promise.all(running);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function complete(
  options: ChatProxyOptions, account: string, request: IncomingMessage, response: ServerResponse, stops: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  const leave = (): void => { if (!response.writableFinished) gone.abort('client_disconnect' satisfies EndReason); };
  // A response that waits behind another one of its connection is not told when that is closed.
  request.socket.once('close', leave);
  response.once('close', () => { request.socket.off('close', leave); leave(); });
  const signal = AbortSignal.any([gone.signal, stops]);
  const { credits, upstream, watch = {}, leaseSeconds = LEASE_SECONDS, silenceMs = SILENCE_MS } = options;
  const chat = await readRequest(await readJson(request));
  const { model, inputTokens, maxOutputTokens } = chat;
  const lease = await credits.lease({
    id: randomUUID(), account, model, inputTokens, maxOutputTokens, minimumOutputTokens: Math.min(MINIMUM_OUTPUT_TOKENS, maxOutputTokens),
    leaseSeconds, onExpiry: 'charge_reported', overCapture: 'available', // what a provider counts beyond the hold makes no debt
  }).catch((error: unknown) => { throw creditsError(error); });
  response.setHeader('x-request-id', lease.id); // the hold, in the gateway's console and in its API
  watch.held?.(account, lease, chat);
  const answer = chat.streams ? streamedAnswer(response, { includesUsage: chat.includesUsage, gone: signal }) : jsonAnswer(response);
  const onUsage = (usage: TokenUsage): void => { watch.used?.(lease, usage); };
  const onEnd = (receipt: Receipt | null): void => { watch.ended?.(lease, receipt); };
  // Only the usage at the end tells tokens that were thought and not shown.
  const until = chat.mayReason ? stops : signal;
  await runMetered({ upstream, chat, lease, answer, signal, until, silenceMs, onUsage, onEnd });
}

/** The models of the upstream. One without a price is listed, too, and refused when it is used. */
async function models(upstream: Upstream, response: ServerResponse): Promise<void> {
  const answer = await ask(upstream, '/models', { signal: AbortSignal.timeout(SILENCE_MS) })
    .catch(() => { throw upstreamError('The model\'s provider does not answer'); });
  if (!answer.ok) throw await refusal(answer);
  sendJson(response, 200, await answer.json() as object);
}

/** @throws ApiError 401 */
export function accountOf(accounts: ReadonlyMap<string, string>, { headers }: IncomingMessage): string {
  const account = accounts.get(/^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '');
  if (account === undefined) throw new ApiError(401, { message: 'Incorrect API key provided', code: 'invalid_api_key' });
  return account;
}

/** @throws ApiError 400 for what is not JSON, 413 for too much of it */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Not destroyed, so that the caller of a body that is too large gets its answer.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) throw new ApiError(413, { message: `The body is larger than ${BODY_BYTES_MAX} bytes`,
      code: 'body_too_large' });
    parts.push(part);
  }
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
    value = JSON.parse(text);
  } catch {
    throw new ApiError(400, { message: 'The body is not JSON', code: 'invalid_json' });
  }
  if (depthOf(text) > DEPTH_MAX) {
    throw new ApiError(400, { message: `The body is nested more than ${DEPTH_MAX} deep`, code: 'invalid_json' });
  }
  return value;
}

/** How deep a JSON text is nested. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
