import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A provider with OpenAI's Responses API: one message of made-up text, or a failure. */

export type ResponsesBehaviour = {
  /** The parts of the answer, before `max_output_tokens` applies: a part is a token. */
  readonly parts: readonly string[];
  readonly usage?: object | null;
  readonly ignoresLimit?: boolean;
  readonly status?: number;
  /** How many parts come before the connection breaks, or before nothing comes any more. */
  readonly breaksAfter?: number;
  readonly stallsAfter?: number;
};

export type FakeResponses = {
  readonly url: string;
  behave: ResponsesBehaviour;
  readonly requests: Json[];
  close(): Promise<void>;
};
type Json = Record<string, unknown>;

export async function startFakeResponses(): Promise<FakeResponses> {
  const server = createServer((request, response) => { void answer(request, response); });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const fake: FakeResponses = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    behave: { parts: [] },
    requests: [],
    close: () => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += String(part);
    const body = JSON.parse(text) as Json;
    fake.requests.push(body);
    const { status } = fake.behave;
    const json = (code: number, value: object): void => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (status !== undefined) json(status, { error: { message: 'told to refuse', type: 'server_error' } });
    else if (body['stream'] === true) stream(response, body, fake.behave);
    else json(200, responseOf(body, fake.behave, partsOf(body, fake.behave)));
  }
  return fake;
}

const partsOf = ({ max_output_tokens: limit }: Json, { parts, ignoresLimit = false }: ResponsesBehaviour): readonly string[] =>
  (typeof limit === 'number' && !ignoresLimit ? parts.slice(0, limit) : parts);

const itemOf = (status: string, text: string | null) => ({
  type: 'message', id: 'msg_1', role: 'assistant', status, content: text === null ? [] : [{ type: 'output_text', text, annotations: [] }],
});

function responseOf(body: Json, { parts, usage }: ResponsesBehaviour, sent: readonly string[]): object {
  const isWhole = sent.length === parts.length;
  return {
    id: 'resp_1', object: 'response', created_at: 0, model: body['model'], status: isWhole ? 'completed' : 'incomplete', error: null,
    incomplete_details: isWhole ? null : { reason: 'max_output_tokens' }, output: [itemOf('completed', sent.join(''))],
    usage: usage === undefined ? {
      input_tokens: 11, input_tokens_details: { cached_tokens: 0 },
      output_tokens: sent.length, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 11 + sent.length,
    } : usage,
  };
}

function stream(response: ServerResponse, body: Json, how: ResponsesBehaviour): void {
  let sequence = 0;
  const send = (type: string, more: object): void => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: (sequence += 1), ...more })}\n\n`);
  };
  const sent = partsOf(body, how);
  const whole = responseOf(body, how, sent) as { status: string };
  const place = { item_id: 'msg_1', output_index: 0, content_index: 0 };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  send('response.created', { response: { ...whole, status: 'in_progress', output: [], incomplete_details: null, usage: null } });
  send('response.output_item.added', { output_index: 0, item: itemOf('in_progress', null) });
  send('response.content_part.added', { ...place, part: { type: 'output_text', text: '', annotations: [] } });
  for (const [index, delta] of sent.entries()) {
    if (index === how.breaksAfter) { response.write('', () => { response.destroy(); }); return; }
    if (index === how.stallsAfter) return;
    send('response.output_text.delta', { ...place, delta, logprobs: [] });
  }
  send('response.output_text.done', { ...place, text: sent.join(''), logprobs: [] });
  send('response.content_part.done', { ...place, part: { type: 'output_text', text: sent.join(''), annotations: [] } });
  send('response.output_item.done', { output_index: 0, item: itemOf('completed', sent.join('')) });
  send(`response.${whole.status}`, { response: whole });
  response.end();
}
