import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode, encode } from 'gpt-tokenizer/encoding/o200k_base';
import { countInput } from './tokens.js';
import { answerTo } from './fake-answers.js';

/** An OpenAI-compatible provider for the demo and the tests. It streams made-up text, one token in a chunk, and can fail on demand. */

export type Behaviour = {
  /** Tokens per second; 0: as fast as possible. */
  readonly rate?: number;
  /** How long the answer is, before `max_tokens` applies. By default as long as its text. */
  readonly tokens?: number;
  /** Answers with this status instead of a completion. */
  readonly status?: number;
  /** What happens after `after` tokens: an error in the stream, a broken connection, or nothing any more. */
  readonly failure?: { readonly after: number; readonly how: 'error' | 'reset' | 'stall' };
  /** False: never sends usage, as some servers do. */
  readonly sendsUsage?: boolean;
  /** Sends this usage instead of the true one. */
  readonly usage?: unknown;
  /** Sends this usage with the first chunk. */
  readonly earlyUsage?: unknown;
  /** Ignores `max_tokens`. */
  readonly ignoresLimit?: boolean;
  /** Calls this tool instead of saying something. */
  readonly toolCall?: { readonly name: string; readonly arguments: string };
  /** Tokens in a chunk; 1 by default. */
  readonly chunk?: number;
};

export type UpstreamRequest = {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content?: unknown }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
};

/** What one request got. `id` is the X-Client-Request-Id of the caller. */
export type Delivery = {
  readonly id: string; readonly request: UpstreamRequest; inputTokens: number; outputTokens: number; ended: boolean };

export type FakeUpstreamOptions = {
  readonly port?: number;
  /** Refuses other keys with 401. */
  readonly apiKey?: string;
  readonly models?: readonly string[];
  readonly behave?: (request: UpstreamRequest) => Behaviour;
};

export type FakeUpstream = { readonly url: string; readonly deliveries: readonly Delivery[]; close(): Promise<void> };

/** Fast enough to be fun, slow enough to watch. */
const RATE = 40;
const MS = 1_000;
const DEMO_MODEL = 'demo-small';

export async function startFakeUpstream(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
  const { port = 0, apiKey, models = [DEMO_MODEL], behave = () => ({}) } = options;
  const deliveries: Delivery[] = [];
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => { response.destroy(error instanceof Error ? error : undefined); });
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '';
    if (apiKey !== undefined && request.headers.authorization !== `Bearer ${apiKey}`) {
      refuse(response, 401, 'Incorrect API key provided');
    } else if (request.method === 'GET' && url === '/v1/models') {
      send(response, 200, { object: 'list', data: models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'demo' })) });
    } else if (request.method === 'POST' && url === '/v1/chat/completions') {
      const body = JSON.parse(await textOf(request)) as UpstreamRequest;
      if (!models.includes(body.model)) { refuse(response, 404, `The model ${body.model} does not exist`); return; }
      const id = String(request.headers['x-client-request-id'] ?? '');
      const delivery: Delivery = { id, request: body, inputTokens: 0, outputTokens: 0, ended: false };
      deliveries.push(delivery);
      await complete(response, body, behave(body), delivery);
    } else {
      refuse(response, 404, 'no such route');
    }
  }
  await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    deliveries,
    close: () => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
}

async function complete(response: ServerResponse, request: UpstreamRequest, how: Behaviour, delivery: Delivery): Promise<void> {
  if (how.toolCall !== undefined) { callTool(response, request, how.toolCall); return; }
  if (how.status !== undefined) { refuse(response, how.status, 'The fake upstream was told to refuse'); return; }
  const { all, texts } = plan(request, how);
  delivery.inputTokens = countInput(request.messages);
  const envelope = { id: `chatcmpl-${delivery.id}`, created: Math.floor(Date.now() / MS), model: request.model };
  const finish = texts.length < all ? 'length' : 'stop';
  const usage = (): unknown => how.usage ?? {
    prompt_tokens: delivery.inputTokens, completion_tokens: delivery.outputTokens,
    total_tokens: delivery.inputTokens + delivery.outputTokens,
  };
  const chunk = (choices: readonly object[], more: object = {}): void => {
    response.write(`data: ${JSON.stringify({ ...envelope, object: 'chat.completion.chunk', choices, ...more })}\n\n`);
  };
  if (request.stream === true) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }], { usage: how.earlyUsage ?? null });
  }
  const isWhole = await deliver(response, texts, how, (content, tokens) => {
    delivery.outputTokens += tokens;
    if (request.stream === true) chunk([{ index: 0, delta: { content }, finish_reason: null }]);
  });
  if (!isWhole) return;
  delivery.ended = true;
  if (request.stream === true) {
    chunk([{ index: 0, delta: {}, finish_reason: finish }]);
    if (request.stream_options?.include_usage === true && how.sendsUsage !== false) chunk([], { usage: usage() });
    response.end('data: [DONE]\n\n');
    return;
  }
  const message = { role: 'assistant', content: texts.join('') };
  send(response, 200, {
    ...envelope, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: finish }],
    ...(how.sendsUsage === false ? {} : { usage: usage() }),
  });
}

/** As providers stream it: the name first, then the arguments in pieces. */
function callTool(response: ServerResponse, { model }: UpstreamRequest, { name, arguments: text }: {
  readonly name: string; readonly arguments: string }): void {
  const chunk = (delta: object, finish: string | null = null): void => {
    const choices = [{ index: 0, delta, finish_reason: finish }];
    response.write(`data: ${JSON.stringify({ id: 'chatcmpl-tool', created: 0, model, object: 'chat.completion.chunk', choices })}\n\n`);
  };
  const part = (call: object): void => { chunk({ tool_calls: [{ index: 0, ...call }] }); };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  chunk({ role: 'assistant', content: null });
  part({ id: 'call_1', type: 'function', function: { name, arguments: '' } });
  for (const piece of text.match(/.{1,5}/gs) ?? []) part({ function: { arguments: piece } });
  chunk({}, 'tool_calls');
  response.end('data: [DONE]\n\n');
}

/** The tokens of the whole answer, and the texts of those that may be sent. */
function plan(request: UpstreamRequest, how: Behaviour): { readonly all: number; readonly texts: readonly string[] } {
  const last = request.messages.at(-1)?.content;
  const text = encode(answerTo(typeof last === 'string' ? last : JSON.stringify(last ?? '')));
  const all = how.tokens ?? text.length;
  const limit = how.ignoresLimit === true ? undefined : request.max_completion_tokens ?? request.max_tokens;
  const texts = Array.from({ length: Math.min(all, limit ?? all) }, (_, index) => decode([text[index % text.length] ?? 0]));
  return { all, texts };
}

/** Sends the texts at their rate. False when the connection is gone. */
async function deliver(
  response: ServerResponse, texts: readonly string[], { rate = RATE, failure, chunk = 1 }: Behaviour,
  sendText: (text: string, tokens: number) => void,
): Promise<boolean> {
  const startedAt = performance.now();
  for (let sent = 0; sent < texts.length;) {
    if (failure !== undefined && sent >= failure.after) { fail(response, failure.how); return false; }
    const tokens = Math.min(chunk, texts.length - sent);
    const waitMs = rate === 0 ? 0 : startedAt + ((sent + tokens) * MS) / rate - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    else if (rate === 0) await new Promise<void>((resolve) => { setImmediate(resolve); });
    if (response.destroyed) return false;
    sendText(texts.slice(sent, sent + tokens).join(''), tokens);
    sent += tokens;
  }
  return true;
}

function fail(response: ServerResponse, how: 'error' | 'reset' | 'stall'): void {
  if (how === 'error') response.end(`data: ${JSON.stringify({ error: { message: 'The server had an error', type: 'server_error' } })}\n\n`);
  if (how === 'reset') response.destroy();
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const refuse = (response: ServerResponse, status: number, message: string): void => {
  send(response, status, { error: { message, type: 'upstream_says_no', code: null, param: null } });
};

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += String(part);
  return text;
}
