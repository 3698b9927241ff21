import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import OpenAI from 'openai';
import type { ChatCompletionChunk } from 'openai/resources/chat/completions';
import { countInput } from '../../examples/chat-proxy/tokens.js';
import { startChatProxy } from '../../examples/chat-proxy/proxy.js';
import { CreditGateway } from '../../clients/typescript/src/index.js';
import { API_KEY, MODEL, openChatLab, type ChatLab } from './chat-lab.js';

/** The official OpenAI client, unchanged, against examples/chat-proxy in front of a real gateway, over HTTP. */

const messages = [{ role: 'user' as const, content: 'hello' }];
/** A tenth of a credit each. */
const INPUT = countInput(messages);
const input = INPUT / 10;
const question = { model: MODEL, messages };

let lab: ChatLab;
beforeAll(async () => { lab = await openChatLab({ proxy: () => ({ silenceMs: 1_000 }) }); });
afterAll(async () => { await lab.close(); });
afterEach(() => { lab.behave({}); });

async function all(stream: AsyncIterable<ChatCompletionChunk>): Promise<ChatCompletionChunk[]> {
  const chunks: ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}
const textOf = (chunks: readonly ChatCompletionChunk[]): string => chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
const finishOf = (chunks: readonly ChatCompletionChunk[]): string | null | undefined =>
  chunks.flatMap(({ choices }) => choices).at(-1)?.finish_reason;
const usageOf = (tokens: number): object => ({ prompt_tokens: INPUT, completion_tokens: tokens, total_tokens: INPUT + tokens });
const credits = (tokens: number): string => String(Math.round((input + tokens) * 10) / 10);
const left = (granted: number, tokens: number): string => String(Math.round((granted - input - tokens) * 10) / 10);

describe('what works', () => {
  test('a completion: answered, charged what the provider says, the rest given back', async () => {
    const { openai, account } = await lab.user('100');
    const { choices, usage, object } = await openai.chat.completions.create(question);
    expect({ object, finish: choices[0]?.finish_reason, role: choices[0]?.message.role })
      .toEqual({ object: 'chat.completion', finish: 'stop', role: 'assistant' });
    expect(choices[0]?.message.content).toMatch(/^Hello! This is a short answer/);
    const tokens = usage?.completion_tokens ?? 0;
    expect(usage).toEqual(usageOf(tokens));
    expect(await lab.available(account)).toBe(left(100, tokens));
    expect(await lab.endOf(account)).toEqual({ state: 'settled', captured: credits(tokens), reason: 'completed' });
  });

  test('a stream, with a last chunk of usage where it was asked for', async () => {
    const { openai, account } = await lab.user('100');
    const chunks = await all(await openai.chat.completions.create({ ...question, stream: true, stream_options: { include_usage: true } }));
    const last = chunks.at(-1);
    expect(last).toMatchObject({ choices: [], object: 'chat.completion.chunk', model: MODEL });
    const tokens = last?.usage?.completion_tokens ?? 0;
    expect(last?.usage).toEqual(usageOf(tokens));
    expect(textOf(chunks)).toMatch(/^Hello! .*balance\.$/);
    expect(finishOf(chunks)).toBe('stop');
    expect(await lab.available(account)).toBe(left(100, tokens));

    const without = await all(await openai.chat.completions.create({ ...question, stream: true }));
    expect(without.filter(({ usage }) => usage !== undefined)).toEqual([]);
  });

  test('the models of the upstream', async () => {
    const { openai } = await lab.user('1');
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual([MODEL, 'unpriced']);
  });

  test('a limit of the caller reaches the provider', async () => {
    const { openai, account } = await lab.user('100');
    const { choices, usage } = await openai.chat.completions.create({ ...question, max_completion_tokens: 4 });
    expect([choices[0]?.message.content, choices[0]?.finish_reason, usage?.completion_tokens]).toEqual(['Hello! This is', 'length', 4]);
    expect(lab.upstream.deliveries.at(-1)?.request).toMatchObject({ max_completion_tokens: 4, stream: true, stream_options: {
      include_usage: true } });
    expect(await lab.available(account)).toBe(left(100, 4));
  });

  test('calls of tools come in one piece, and their text is counted', async () => {
    const { openai, account } = await lab.user('500');
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }];
    lab.behave({ sendsUsage: false, toolCall: { name: 'weather', arguments: '{"city":"Bern"}' } });
    const { choices, usage } = await openai.chat.completions.create({ ...question, tools });
    expect(choices[0]?.message.tool_calls).toEqual([{ id: 'call_1', type: 'function', function: { name: 'weather',
      arguments: '{"city":"Bern"}' } }]);
    expect(usage?.prompt_tokens).toBeGreaterThan(INPUT);
    expect(usage?.completion_tokens).toBeGreaterThan(5);
    expect(await lab.endOf(account)).toMatchObject({
      captured: String(Math.round((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0) * 10) / 10) });
  });
});

describe('the last credits', () => {
  test('a stream is cut at the last one that they pay for: finish_reason length, usage, nothing owed', async () => {
    const { openai, account } = await lab.user('20.5');
    const affordable = Math.floor(20.5 - input);
    lab.behave({ tokens: 100 });
    const chunks = await all(await openai.chat.completions.create({ ...question, stream: true, stream_options: { include_usage: true } }));
    expect([finishOf(chunks), chunks.at(-1)?.usage]).toEqual(['length', usageOf(affordable)]);
    expect(lab.upstream.deliveries.at(-1)).toMatchObject({ outputTokens: affordable });
    expect(await lab.available(account)).toBe(left(20.5, affordable));
  });

  test('also when the provider ignores the limit, and for a caller who wants JSON', async () => {
    for (const stream of [true, false]) {
      const { openai, account } = await lab.user('20.5');
      const affordable = Math.floor(20.5 - input);
      lab.behave({ tokens: 5_000, ignoresLimit: true, chunk: 3 });
      const tokens = affordable - affordable % 3; // a chunk is sent whole or not at all
      if (stream) {
        const chunks = await all(await openai.chat.completions.create({ ...question, stream, stream_options: { include_usage: true } }));
        expect([finishOf(chunks), chunks.at(-1)?.usage]).toEqual(['length', usageOf(tokens)]);
      } else {
        const { choices, usage } = await openai.chat.completions.create({ ...question, stream });
        expect([choices[0]?.finish_reason, usage]).toEqual(['length', usageOf(tokens)]);
      }
      expect(await lab.endOf(account)).toEqual({ state: 'settled', captured: credits(tokens), reason: 'cut_off' });
      expect(await lab.available(account)).toBe(left(20.5, tokens));
    }
  });

  test('too few credits: 402 as OpenAI words it, and the provider is not asked', async () => {
    const { openai, account } = await lab.user('3');
    const asked = lab.upstream.deliveries.length;
    for (const stream of [true, false]) {
      const error = await openai.chat.completions.create({ ...question, stream }).then(() => null, (thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(OpenAI.APIError);
      expect(error).toMatchObject({ status: 402, code: 'insufficient_quota', type: 'insufficient_quota', param: null });
      expect(error).toMatchObject({ message: expect.stringContaining('3 are available') });
    }
    expect(lab.upstream.deliveries.length).toBe(asked);
    expect([await lab.available(account), await lab.holdsOf(account)]).toEqual(['3', []]);
  });
});

const thrownBy = (work: Promise<unknown>): Promise<unknown> => work.then(() => { throw new Error('it worked'); }, (error: unknown) =>
  error);

describe('when somebody fails', () => {
  test('the caller leaves: the provider stops, and what was delivered is charged', async () => {
    const { openai, account } = await lab.user('1000');
    lab.behave({ rate: 100, tokens: 900 });
    const stream = await openai.chat.completions.create({ ...question, stream: true });
    let chunks = 0;
    for await (const { choices } of stream) {
      if ((choices[0]?.delta.content ?? '') !== '') chunks += 1;
      if (chunks === 20) break; // the client closes the connection
    }
    const { captured, ...end } = await lab.endOf(account);
    expect(end).toEqual({ state: 'settled', reason: 'client_disconnect' });
    const delivered = lab.upstream.deliveries.at(-1)?.outputTokens ?? 0;
    expect(delivered).toBeLessThan(900);
    expect(Number(captured)).toBeGreaterThanOrEqual(20 + input);
    expect(Number(captured)).toBeLessThanOrEqual(delivered + input);
  });

  test('the caller leaves a model that reasons: its usage at the end tells the hidden tokens, so the answer is charged whole', async () => {
    const { openai, account } = await lab.user('2000');
    lab.behave({ rate: 200, tokens: 60, usage: { prompt_tokens: 20, completion_tokens: 700 } });
    const stream = await openai.chat.completions.create({ ...question, reasoning_effort: 'low', stream: true });
    for await (const { choices } of stream) if ((choices[0]?.delta.content ?? '') !== '') break;
    expect(await lab.endOf(account)).toEqual({ state: 'settled', captured: '702', reason: 'client_disconnect' });
  });

  test.each([
    ['error', 502, 'provider_error'], ['reset', 502, 'provider_error'], ['stall', 504, 'timeout'],
  ] as const)('the provider fails after ten tokens (%s): the client throws, ten tokens are charged', async (how, status, reason) => {
    lab.behave({ failure: { after: 10, how } });
    for (const stream of [true, false]) {
      const { openai, account } = await lab.user('100');
      const error = await thrownBy((async () => {
        const answer = await openai.chat.completions.create({ ...question, stream });
        if (Symbol.asyncIterator in answer) await all(answer);
      })());
      expect(error).toMatchObject({ code: 'upstream_error', type: 'upstream_error', status: stream ? undefined : status });
      const { captured, ...end } = await lab.endOf(account);
      expect(end).toEqual({ state: 'settled', reason });
      // A connection that is reset may lose what was on its way.
      if (how === 'reset') expect(Number(captured)).toBeLessThanOrEqual(Number(credits(10)));
      else expect(captured).toBe(credits(10));
    }
  });

  test('the provider fails before its first token, or refuses: nothing is charged, and its own key stays its own matter', async () => {
    for (const [how, status, code] of [
      [{ failure: { after: 0, how: 'reset' } }, 502, 'upstream_error'], [{ status: 401 }, 502, 'upstream_error'],
      [{ status: 500 }, 502, 'upstream_error'], [{ status: 429 }, 429, null], [{ status: 400 }, 400, null],
    ] as const) {
      const { openai, account } = await lab.user('100');
      lab.behave(how);
      expect(await thrownBy(openai.chat.completions.create(question))).toMatchObject({ status, code });
      expect(await lab.endOf(account)).toEqual({ state: 'voided', captured: '0', reason: 'provider_error' });
      expect(await lab.available(account)).toBe('100');
    }
  });

  test('a provider that tells no usage, or nonsense: the proxy\'s own count is charged and told', async () => {
    for (const how of [
      { sendsUsage: false }, { usage: { prompt_tokens: -1, completion_tokens: 'free' } }, { usage: 7 },
      { usage: { prompt_tokens: 0, completion_tokens: 0 } }, { usage: { prompt_tokens: 9, completion_tokens: 0 } },
      { usage: { prompt_tokens: 9, completion_tokens: 90_000_000 } }, // more than it was asked for
      { sendsUsage: false, earlyUsage: { prompt_tokens: 9, completion_tokens: 1 } },
    ]) {
      const { openai, account } = await lab.user('100');
      lab.behave(how);
      const { usage } = await openai.chat.completions.create(question);
      const delivered = lab.upstream.deliveries.at(-1)?.outputTokens ?? 0;
      expect(usage).toEqual(usageOf(delivered));
      expect(await lab.endOf(account)).toEqual({ state: 'settled', captured: credits(delivered), reason: 'completed' });
    }
  });

  test('cached and reasoning tokens that the price does not know are charged as what they are parts of', async () => {
    const { openai, account } = await lab.user('100');
    lab.behave({ usage: {
      prompt_tokens: 20, completion_tokens: 30, prompt_tokens_details: { cached_tokens: 5 }, completion_tokens_details: {
        reasoning_tokens: 7 },
    } });
    const { usage } = await openai.chat.completions.create(question);
    expect(usage).toMatchObject({ total_tokens: 50, completion_tokens_details: { reasoning_tokens: 7 } });
    expect(await lab.endOf(account)).toMatchObject({ state: 'settled', captured: '32' });
  });

  test('the gateway is away: 503 before the provider is asked', async () => {
    const away = await startChatProxy({
      credits: new CreditGateway({ baseUrl: 'http://127.0.0.1:9', apiKey: 'none', deadlineMs: 300 }),
      upstream: { url: lab.upstream.url }, accounts: new Map([['key', 'alice']]),
    });
    const asked = lab.upstream.deliveries.length;
    const openai = new OpenAI({ apiKey: 'key', baseURL: `${away.url}/v1`, maxRetries: 0 });
    expect(await thrownBy(openai.chat.completions.create(question))).toMatchObject({ status: 503, code: 'credits_unavailable' });
    expect(lab.upstream.deliveries.length).toBe(asked);
    await away.close();
  });

  test('the proxy stops: what streams is cut and settled before it is gone', async () => {
    const accounts = new Map([['key', 'stopped']]);
    await lab.credits.grants.create({ account: 'stopped', amount: '1000', reason: 'test' });
    const stopping = await startChatProxy({ credits: lab.proxyCredits, upstream: { url: lab.upstream.url, apiKey: API_KEY }, accounts });
    const openai = new OpenAI({ apiKey: 'key', baseURL: `${stopping.url}/v1`, maxRetries: 0 });
    lab.behave({ rate: 100, tokens: 900 });
    const stream = await openai.chat.completions.create({ ...question, stream: true });
    let seen = 0;
    const error = await thrownBy((async () => {
      for await (const { choices } of stream) {
        if ((choices[0]?.delta.content ?? '') !== '') seen += 1;
        if (seen === 10) void stopping.close();
      }
    })());
    expect(error).toMatchObject({ code: 'proxy_stopped' });
    const end = await lab.endOf('stopped');
    expect(end).toEqual({ state: 'settled', captured: credits(seen), reason: 'cut_off' });
  });
});
