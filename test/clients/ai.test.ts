import { createOpenAI } from '@ai-sdk/openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { generateText, simulateReadableStream, streamText, wrapLanguageModel } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { creditMiddleware, NotMeteredError, type CreditMiddlewareOptions } from '../../clients/typescript/src/ai.js';
import { InsufficientCreditsError } from '../../clients/typescript/src/index.js';
import { countText, tokenCounter } from '../../examples/chat-proxy/tokens.js';
import { allOf, costOf, credits as creditsOf, meteredLab, receipts, THINKER, type MeteredLab } from './metered-lab.js';

let metered: MeteredLab;
beforeAll(async () => { metered = await meteredLab(); });
afterAll(async () => { await metered.stop(); });
afterEach(() => { metered.behave({}); });

type Model = Parameters<typeof wrapLanguageModel>[0]['model'];
const upstreamModel = (name = 'gpt-4o'): Model => createOpenAI({ baseURL: metered.upstream.url, apiKey: 'key' }).chat(name);

/** A metered model of an account, and what its calls cost. */
function meteredModel(account: string, options: CreditMiddlewareOptions = {}, model: Model = upstreamModel()) {
  const { onSettled, all, one } = receipts();
  const middleware = creditMiddleware(metered.credits, { payer: { account }, tokenCounter, onSettled, ...options });
  return { model: wrapLanguageModel({ model, middleware }), all, one };
}
/** The prompt `hello` by the count of the middleware: its text, a message, an answer. */
const HELLO = 1 + 4 + 3;
const hello = { prompt: 'hello', maxOutputTokens: 1_000, maxRetries: 0 } as const;
const HELLO_PROMPT = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'hello' }] }];
const quiet = { onError: () => undefined };

test('an answer costs what the provider counts, with cached and reasoning tokens at their own prices', async () => {
  const account = await metered.lab.funded('10');
  metered.behave({
    usage: {
      prompt_tokens: 1_000, prompt_tokens_details: { cached_tokens: 400 },
      completion_tokens: 100, completion_tokens_details: { reasoning_tokens: 60 }, total_tokens: 1_100,
    },
  });
  const { model, all } = meteredModel(account, { payer: undefined }, upstreamModel(THINKER));
  const who = { creditGateway: { account, spender: 'bob', metadata: { chat: 7 } } };
  const { usage } = await generateText({ ...hello, model, providerOptions: who });
  expect(usage).toMatchObject({ inputTokens: 1_000, outputTokens: 100 });
  expect(all).toMatchObject([{ account, state: 'settled', captured: creditsOf(600 * 2 + 400 * 1 + 40 * 10 + 60 * 20) }]);
  expect(metered.lastRequest()).not.toHaveProperty('creditGateway');

  const stream = streamText({ ...hello, model, providerOptions: who });
  await stream.consumeStream();
  expect(all[1]).toMatchObject({ captured: creditsOf(600 * 2 + 400 * 1 + 40 * 10 + 60 * 20) });
});

test('a stream is delivered as it is, and paid before its last part', async () => {
  const account = await metered.lab.funded('10');
  metered.behave({ tokens: 20 });
  const { model, all } = meteredModel(account);
  const stream = streamText({ ...hello, model });
  expect(countText(await stream.text)).toBe(20);
  const { inputTokens, outputTokens } = await stream.usage;
  expect(await stream.finishReason).toBe('stop');
  expect(all).toMatchObject([{ captured: costOf(Number(inputTokens), Number(outputTokens)), overage: '0' }]);
});

describe('at the last credit', () => {
  test('the provider is told to stop at what was granted', async () => {
    const account = await metered.lab.funded(costOf(HELLO, 50));
    metered.behave({ tokens: 500 });
    const { model, one } = meteredModel(account);
    const { finishReason, usage } = await generateText({ ...hello, model });
    expect(finishReason).toBe('length');
    expect(usage.outputTokens).toBe(50);
    expect(metered.lastRequest().max_tokens).toBe(50);
    await metered.expectReason(await one, 'cut_off');
    expect(await one).toMatchObject({ debt: '0', uncollected: '0' });
  });

  test.each([1, 7])('a provider that ignores that is cut, with %i tokens in a part', async (chunk) => {
    const account = await metered.lab.funded(costOf(HELLO, 50));
    metered.behave({ tokens: 100_000, rate: 1_000, ignoresLimit: true, chunk }); // more than a minute, so it cannot end by itself
    const { model, all } = meteredModel(account);
    const stream = streamText({ ...hello, model });
    expect(countText(await stream.text)).toBe(50);
    expect(await stream.finishReason).toBe('length');
    expect(await stream.usage).toMatchObject({ inputTokens: HELLO, outputTokens: 50 });
    expect(all).toMatchObject([{ captured: costOf(HELLO, 50), available: '0', debt: '0', uncollected: '0', overage: '0' }]);
    expect(metered.upstream.deliveries.at(-1)?.ended).toBe(false);
  });

  test('without credits the provider is not called', async () => {
    const account = await metered.lab.funded('0.00001');
    const before = metered.upstream.deliveries.length;
    const { model } = meteredModel(account);
    await expect(generateText({ ...hello, model })).rejects.toBeInstanceOf(InsufficientCreditsError);
    let seen: unknown;
    const stream = streamText({ ...hello, model, onError: ({ error }) => { seen = error; } });
    await stream.consumeStream({ onError: () => undefined });
    expect(seen).toMatchObject({ code: 'insufficient_credits', available: '0.00001' });
    expect(metered.upstream.deliveries).toHaveLength(before);
  });
});

describe('a caller that leaves pays for what was delivered', () => {
  test('by its signal', async () => {
    const account = await metered.lab.funded('10');
    metered.behave({ tokens: 500, rate: 200 });
    const { model, one } = meteredModel(account);
    const leave = new AbortController();
    const stream = streamText({ ...hello, ...quiet, model, abortSignal: leave.signal });
    let text = '';
    for await (const delta of stream.textStream) {
      text += delta;
      if (countText(text) >= 10) leave.abort();
    }
    const delivered = countText(text);
    const { captured } = await one;
    expect([0, 1, 2, 3].map((more) => costOf(HELLO, delivered + more))).toContain(captured);
    await metered.expectReason(await one, 'client_disconnect');
  });

  test('by cancelling the stream, before the first token as well', async () => {
    const account = await metered.lab.funded('10');
    metered.behave({ tokens: 500, rate: 1 });
    const { model, one } = meteredModel(account);
    const { stream } = await model.doStream({ prompt: HELLO_PROMPT, maxOutputTokens: 100 });
    await stream.cancel();
    expect(await one).toMatchObject({ state: 'settled', captured: costOf(HELLO, 0) });
  });

  test('while a whole answer is made', async () => {
    const account = await metered.lab.funded('10');
    metered.behave({ tokens: 500, rate: 1 });
    const { model, one } = meteredModel(account);
    const before = metered.upstream.deliveries.length;
    const leave = new AbortController();
    const answer = generateText({ ...hello, model, abortSignal: leave.signal });
    answer.then(() => undefined, () => undefined);
    while (metered.upstream.deliveries.length === before) await new Promise((resolve) => { setTimeout(resolve, 5); });
    leave.abort();
    await expect(answer).rejects.toThrow();
    expect(await one).toMatchObject({ state: 'settled', captured: costOf(HELLO, 0) });
  });
});

describe('a provider that fails', () => {
  test('before it answers is not charged', async () => {
    const account = await metered.lab.funded('10');
    metered.behave({ status: 500 });
    const { model, all } = meteredModel(account);
    await expect(generateText({ ...hello, model })).rejects.toThrow();
    expect(all).toMatchObject([{ state: 'voided', captured: '0' }]);
  });

  test.each(['reset', 'error'] as const)('in the middle (%s) is paid for what came', async (how) => {
    const account = await metered.lab.funded('10');
    metered.behave({ tokens: 100, failure: { after: 10, how } });
    const { model, one } = meteredModel(account);
    let [failed, text] = [false, ''];
    const fail = (): void => { failed = true; };
    const stream = streamText({
      ...hello, model, onError: fail, onChunk: ({ chunk }) => { if (chunk.type === 'text-delta') text += chunk.text; },
    });
    await stream.consumeStream({ onError: fail });
    expect(failed).toBe(true);
    // A connection that is reset may lose the last tokens.
    expect(await one).toMatchObject({ state: 'settled', captured: costOf(HELLO, countText(text)) });
    await metered.expectReason(await one, 'provider_error');
  });

  test('to tell the usage is paid by count', async () => {
    const account = await metered.lab.funded('10');
    metered.behave({ tokens: 30, sendsUsage: false });
    const { model, all } = meteredModel(account);
    await streamText({ ...hello, model }).consumeStream();
    await generateText({ ...hello, model });
    expect(all).toMatchObject([{ captured: costOf(HELLO, 30) }, { captured: costOf(HELLO, 30) }]);
  });
});

test('an answer whose lease cannot be ended is an error, unless the caller handles it', async () => {
  const account = await metered.lab.funded('10');
  metered.behave({ tokens: 3 });
  const lease: typeof metered.credits.lease = async (options) =>
    Object.assign(await metered.credits.lease(options), { settle: () => Promise.reject(new Error('not settled')) });
  const ask = (onUnsettled?: (error: unknown) => void) => {
    const middleware = creditMiddleware({ lease }, { payer: { account }, onUnsettled });
    return generateText({ ...hello, model: wrapLanguageModel({ model: upstreamModel(), middleware }) });
  };
  await expect(ask()).rejects.toThrow('not settled');
  const errors: unknown[] = [];
  expect(countText((await ask((error) => errors.push(error))).text)).toBe(3);
  expect(errors).toMatchObject([{ message: 'not settled' }]);
});

test('reasoning and the input of tools count, and what has begun is ended at the cut', async () => {
  const account = await metered.lab.funded(costOf(HELLO, 30));
  const word = { delta: ' word' };
  const streamed = new MockLanguageModelV3({
    modelId: 'gpt-4o',
    doStream: () => Promise.resolve({
      stream: simulateReadableStream({
        chunkDelayInMs: null, initialDelayInMs: null,
        chunks: [
          { type: 'reasoning-start', id: 'r' },
          ...Array.from({ length: 10 }, () => ({ type: 'reasoning-delta' as const, id: 'r', ...word })),
          { type: 'reasoning-end', id: 'r' }, { type: 'tool-input-start', id: 't', toolName: ' look' },
          ...Array.from({ length: 100 }, () => ({ type: 'tool-input-delta' as const, id: 't', ...word })),
        ],
      }),
    }),
  });
  const { model, all } = meteredModel(account, {}, streamed);
  const { stream } = await model.doStream({ prompt: HELLO_PROMPT, maxOutputTokens: 1_000 });
  const parts = await allOf(stream as unknown as AsyncIterable<{ type: string }>);
  const kinds = (type: string): number => parts.filter((part) => part.type === type).length;
  expect(['reasoning-delta', 'tool-input-delta', 'reasoning-end', 'tool-input-end'].map(kinds)).toEqual([10, 19, 1, 1]);
  expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: { unified: 'length' } });
  expect(all).toMatchObject([{ captured: costOf(HELLO, 30), available: '0' }]);
});

test('without a tokenizer an answer within its maximum is not cut by the estimate', async () => {
  const account = await metered.lab.funded('10');
  metered.behave({ tokens: 200 });
  const { model } = meteredModel(account, { tokenCounter: undefined });
  const stream = streamText({ ...hello, model, maxOutputTokens: 200 });
  expect(countText(await stream.text)).toBe(200);
  expect(await stream.finishReason).toBe('stop');
});

test('a call whose input cannot be counted is refused, unless the caller counts it', async () => {
  const account = await metered.lab.funded('10');
  const image = { type: 'image' as const, image: new Uint8Array([137, 80, 78, 71]), mediaType: 'image/png' };
  const messages = [{ role: 'user' as const, content: [image] }];
  const ask = (model: Model, more: object) => generateText({ maxOutputTokens: 10, maxRetries: 0, model, messages, ...more });
  await expect(ask(meteredModel(account).model, {})).rejects.toBeInstanceOf(NotMeteredError);
  const fixed = meteredModel(account, { tokensPerImage: 1_000 });
  metered.behave({ tokens: 3, sendsUsage: false });
  await ask(fixed.model, {});
  expect(fixed.all).toMatchObject([{ captured: costOf(1_000 + 4 + 3, 3) }]);
  const providerOptions = { openai: { previousResponseId: 'resp_1' } };
  const more = { providerOptions, messages: [{ role: 'user' as const, content: 'hello' }] };
  await expect(ask(meteredModel(account).model, more)).rejects.toThrow('previousResponseId');
  const counted = meteredModel(account, { inputTokens: () => 123 });
  await ask(counted.model, more);
  expect(counted.all).toMatchObject([{ captured: costOf(123, 3) }]);
});
