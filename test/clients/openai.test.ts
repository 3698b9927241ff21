import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import OpenAI from 'openai';
import { InsufficientCreditsError } from '../../clients/typescript/src/index.js';
import { meter, NotMeteredError, type MeterOpenAIOptions } from '../../clients/typescript/src/openai.js';
import { countText, tokenCounter } from '../../examples/chat-proxy/tokens.js';
import { startFakeResponses, type FakeResponses } from '../support/fake-responses.js';
import { allOf, costOf, credits as creditsOf, meteredLab, receipts, THINKER, type MeteredLab } from './metered-lab.js';

let metered: MeteredLab;
let responses: FakeResponses;
beforeAll(async () => {
  metered = await meteredLab();
  responses = await startFakeResponses();
});
afterAll(async () => {
  await responses.close();
  await metered.stop();
});
afterEach(() => { metered.behave({}); });

/** A metered client of an account, and what its calls cost. */
function meteredClient(account: string, options: MeterOpenAIOptions = {}, baseURL = metered.upstream.url) {
  const { onSettled, all, one } = receipts();
  const openai = new OpenAI({ baseURL, apiKey: 'key', maxRetries: 0 });
  return { openai: meter(openai, metered.credits, { payer: { account }, tokenCounter, onSettled, ...options }), all, one };
}
/** The message `hello` by the count of the wrapper: its text, a message, an answer. */
const HELLO = 1 + 4 + 3;
const hello = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'hello' }], max_completion_tokens: 1_000 };
const textOf = (chunks: readonly OpenAI.ChatCompletionChunk[]): string =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');

describe('chat completions', () => {
  test('cost what the provider counts, by class', async () => {
    const account = await metered.lab.funded('10');
    metered.behave({
      usage: {
        prompt_tokens: 1_000, prompt_tokens_details: { cached_tokens: 300, cache_write_tokens: 100, audio_tokens: 50 },
        completion_tokens: 100, completion_tokens_details: { reasoning_tokens: 60 }, total_tokens: 1_100,
      },
    });
    const { openai, all } = meteredClient(account);
    const cost = creditsOf(550 * 2 + 300 * 1 + 100 * 3 + 50 * 40 + 40 * 10 + 60 * 20);
    const { data, request_id: id } = await openai.chat.completions.create({ ...hello, model: THINKER }).withResponse();
    expect([data.usage?.prompt_tokens, id]).toEqual([1_000, null]);
    await allOf(await openai.chat.completions.create({ ...hello, model: THINKER, stream: true }));
    expect(all).toMatchObject([{ state: 'settled', captured: cost }, { captured: cost }]);
  });

  test.each([
    [undefined, false], [{ include_usage: false }, false], [{ include_usage: true }, true],
  ])('show their usage with stream_options %j: %s', async (options, isShown) => {
    const account = await metered.lab.funded('10');
    metered.behave({ tokens: 20 });
    const { openai, all } = meteredClient(account);
    const more = options === undefined ? {} : { stream_options: options };
    const stream = await openai.chat.completions.create({ ...hello, stream: true, ...more });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) {
      chunks.push(chunk);
      // It is paid when the finish reason comes, so who leaves then has paid the provider's own count.
      if (chunk.choices[0]?.finish_reason !== null) expect(all).toHaveLength(1);
    }
    expect(countText(textOf(chunks))).toBe(20);
    expect(chunks.filter(({ usage }) => usage !== undefined && usage !== null)).toHaveLength(isShown ? 1 : 0);
    expect(chunks.filter(({ choices }) => choices.length === 0)).toHaveLength(isShown ? 1 : 0);
    const { inputTokens = 0 } = metered.upstream.deliveries.at(-1) ?? {};
    expect(all).toMatchObject([{ captured: costOf(inputTokens, 20) }]);
  });

  test.each([1, 7])('are cut at the last credit, with %i tokens in a chunk', async (chunk) => {
    const account = await metered.lab.funded(costOf(HELLO, 50));
    metered.behave({ tokens: 100_000, rate: 1_000, ignoresLimit: true, chunk }); // more than a minute, so it cannot end by itself
    const { openai, all } = meteredClient(account);
    const request = { ...hello, stream: true, stream_options: { include_usage: true } } as const;
    const chunks = await allOf(await openai.chat.completions.create(request));
    expect(countText(textOf(chunks))).toBe(50);
    expect(chunks.at(-2)?.choices).toMatchObject([{ index: 0, finish_reason: 'length' }]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: HELLO, completion_tokens: 50, total_tokens: HELLO + 50 } });
    expect(all).toMatchObject([{ captured: costOf(HELLO, 50), available: '0', debt: '0', uncollected: '0' }]);
    expect(metered.lastRequest().max_completion_tokens).toBe(50);
    expect(metered.upstream.deliveries.at(-1)?.ended).toBe(false);
  });

  test('of a provider that keeps to its maximum end there, with its usage', async () => {
    const account = await metered.lab.funded(costOf(HELLO, 50));
    metered.behave({ tokens: 500 });
    const { openai, one } = meteredClient(account);
    const { choices, usage } = await openai.chat.completions.create(hello);
    expect([choices[0]?.finish_reason, usage?.completion_tokens]).toEqual(['length', 50]);
    await metered.expectReason(await one, 'cut_off');
  });

  test('without credits are not sent', async () => {
    const account = await metered.lab.funded('0.00001');
    const before = metered.upstream.deliveries.length;
    const { openai } = meteredClient(account);
    await expect(openai.chat.completions.create(hello)).rejects.toBeInstanceOf(InsufficientCreditsError);
    const shortage = { code: 'insufficient_credits', available: '0.00001' };
    await expect(openai.chat.completions.create({ ...hello, stream: true })).rejects.toMatchObject(shortage);
    expect(metered.upstream.deliveries).toHaveLength(before);
  });

  test.each(['break', 'controller', 'signal'] as const)('that are left by %s cost what was delivered', async (how) => {
    const account = await metered.lab.funded('10');
    metered.behave({ tokens: 500, rate: 200 });
    const { openai, one } = meteredClient(account);
    const leave = new AbortController();
    const stream = await openai.chat.completions.create({ ...hello, stream: true }, { signal: leave.signal });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    try {
      for await (const chunk of stream) {
        chunks.push(chunk);
        if (countText(textOf(chunks)) < 10) continue;
        if (how === 'break') break;
        if (how === 'controller') stream.controller.abort();
        else leave.abort();
      }
    } catch (error) {
      expect(how).toBe('signal');
      expect(error).toBeInstanceOf(OpenAI.APIUserAbortError);
    }
    expect(await one).toMatchObject({ state: 'settled', captured: costOf(HELLO, 10) });
    await metered.expectReason(await one, 'client_disconnect');
    expect(stream.controller.signal.aborted).toBe(true);
  });

  test('that fail before they begin are not charged', async () => {
    const account = await metered.lab.funded('10');
    metered.behave({ status: 500 });
    const { openai, all } = meteredClient(account);
    await expect(openai.chat.completions.create(hello)).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    expect(all).toMatchObject([{ state: 'voided', captured: '0' }]);
  });

  test.each(['reset', 'error'] as const)('that fail in the middle (%s) cost what came', async (how) => {
    const account = await metered.lab.funded('10');
    metered.behave({ tokens: 100, failure: { after: 10, how } });
    const { openai, one } = meteredClient(account);
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    await expect((async () => {
      for await (const chunk of await openai.chat.completions.create({ ...hello, stream: true })) chunks.push(chunk);
    })()).rejects.toThrow();
    // A connection that is reset may lose the last tokens.
    expect(await one).toMatchObject({ state: 'settled', captured: costOf(HELLO, countText(textOf(chunks))) });
    await metered.expectReason(await one, 'provider_error');
  });

  test('whose usage nobody tells, or is nonsense, are paid by count', async () => {
    const account = await metered.lab.funded('10');
    const { openai, all } = meteredClient(account);
    const captured = costOf(HELLO, 30);
    const nonsense = [{ prompt_tokens: 'many', completion_tokens: -1 }, { prompt_tokens: 0, completion_tokens: 0 }];
    for (const how of [{ sendsUsage: false }, ...nonsense.map((usage) => ({ usage }))]) {
      metered.behave({ tokens: 30, ...how });
      await openai.chat.completions.create(hello);
      await allOf(await openai.chat.completions.create({ ...hello, stream: true }));
    }
    expect(all.map((receipt) => receipt.captured)).toEqual(Array.from({ length: 6 }, () => captured));
  });

  test('of the helpers are metered as well', async () => {
    const account = await metered.lab.funded(costOf(HELLO, 50));
    metered.behave({ tokens: 500, ignoresLimit: true });
    const { openai, all } = meteredClient(account);
    const completion = await openai.withOptions({ timeout: 10_000 }).chat.completions.stream(hello).finalChatCompletion();
    expect(completion.choices).toMatchObject([{ finish_reason: 'length' }]);
    expect(all).toMatchObject([{ captured: costOf(HELLO, 50), available: '0' }]);
    await expect(openai.chat.completions.parse(hello)).rejects.toBeInstanceOf(InsufficientCreditsError);
    await expect(openai.models.list()).resolves.toMatchObject({ data: [{ id: 'gpt-4o' }, { id: THINKER }] });
  });

  test.each([
    ['n', { n: 1.5 }], ['n', { n: 2, max_completion_tokens: undefined }], ['max_tokens', { max_tokens: '10' }],
    ['max_completion_tokens', { max_completion_tokens: 0 }], ['service_tier', { service_tier: 'golden' }],
    ['modalities', { modalities: ['text', 'audio'] }], ['web_search_options', { web_search_options: {} }],
    ['messages[0].content', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a.test/a.png' } }] }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }] }] }],
    ['tools', { tools: [{ type: 'web_search' }] }], ['model', { model: '' }],
  ])('whose %s has no bounded cost are refused: %j', async (param, change) => {
    const before = metered.upstream.deliveries.length;
    const { openai, all } = meteredClient('someone');
    const refusal = { name: 'NotMeteredError', param };
    await expect(openai.chat.completions.create({ ...hello, ...change } as typeof hello)).rejects.toMatchObject(refusal);
    expect([metered.upstream.deliveries.length, all]).toEqual([before, []]);
  });

  test('keep what untyped callers send within the hold', async () => {
    const account = await metered.lab.funded(costOf(HELLO, 50));
    metered.behave({ tokens: 500 });
    const { openai, all } = meteredClient(account);
    const other = { body: { ...hello, model: THINKER } };
    await expect(openai.chat.completions.create(hello, other)).rejects.toMatchObject({ param: 'options.body' });
    await expect(openai.chat.completions.create(hello).asResponse()).rejects.toBeInstanceOf(NotMeteredError);
    expect(all).toHaveLength(1);
    const untyped = meteredClient(await metered.lab.funded(costOf(HELLO, 50)));
    const request = { ...hello, max_tokens: 900, stream: 1 } as unknown as typeof hello;
    const stream = await untyped.openai.chat.completions.create(request);
    await allOf(stream as unknown as AsyncIterable<unknown>);
    expect(metered.lastRequest()).toMatchObject({ max_tokens: 50, max_completion_tokens: 50 });
    expect(untyped.all).toMatchObject([{ state: 'settled', captured: costOf(HELLO, 50) }]);
  });

  test('with several answers hold and lower the maximum for all of them', async () => {
    const account = await metered.lab.funded(costOf(HELLO, 101));
    metered.behave({ tokens: 500 });
    const { openai } = meteredClient(account);
    await openai.chat.completions.create({ ...hello, n: 2 });
    expect(metered.lastRequest().max_completion_tokens).toBe(50);
  });

  test('with tools and pictures hold for what they add', async () => {
    const account = await metered.lab.funded('10');
    metered.behave({ tokens: 3, sendsUsage: false });
    const { openai, all } = meteredClient(account, { tokensPerImage: 1_000 });
    const tool = { type: 'function' as const, function: { name: 'look', parameters: { type: 'object' } } };
    const picture = { type: 'image_url' as const, image_url: { url: 'https://a.test/a.png' } };
    const content = [picture, { type: 'text' as const, text: 'hello' }];
    await openai.chat.completions.create({ ...hello, tools: [tool], messages: [{ role: 'user', content }] });
    expect(all).toMatchObject([{ captured: costOf(HELLO + 1_000 + countText(JSON.stringify(tool)), 3) }]);
  });
});

describe('responses', () => {
  const ask = { model: 'gpt-4o', input: 'hello', max_output_tokens: 1_000 };
  const words = (count: number): readonly string[] => Array.from({ length: count }, () => ' word');

  test('cost what the provider counts, by class', async () => {
    const account = await metered.lab.funded('10');
    responses.behave = {
      parts: words(3),
      usage: {
        input_tokens: 1_000, input_tokens_details: { cached_tokens: 400, cache_write_tokens: 0 },
        output_tokens: 100, output_tokens_details: { reasoning_tokens: 60 }, total_tokens: 1_100,
      },
    };
    const { openai, all } = meteredClient(account, {}, responses.url);
    const captured = creditsOf(600 * 2 + 400 * 1 + 40 * 10 + 60 * 20);
    expect(await openai.responses.create({ ...ask, model: THINKER })).toMatchObject({ output_text: ' word word word' });
    for await (const event of await openai.responses.create({ ...ask, model: THINKER, stream: true })) {
      if (event.type === 'response.completed') expect(all).toHaveLength(2);
    }
    expect(all).toMatchObject([{ captured }, { captured }]);
  });

  test('are cut at the last credit', async () => {
    const account = await metered.lab.funded(costOf(HELLO, 50));
    responses.behave = { parts: words(500), ignoresLimit: true };
    const { openai, all } = meteredClient(account, {}, responses.url);
    const response = await openai.responses.stream(ask).finalResponse();
    const incomplete = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
    expect(response).toMatchObject({ ...incomplete, usage: { output_tokens: 50 } });
    expect(response.output).toMatchObject([{ content: [{ text: words(50).join('') }] }]);
    expect(all).toMatchObject([{ captured: costOf(HELLO, 50), available: '0', debt: '0' }]);
    expect(responses.requests.at(-1)).toMatchObject({ max_output_tokens: 50 });
    await expect(openai.responses.create(ask)).rejects.toBeInstanceOf(InsufficientCreditsError);
  });

  test('that are left, break or tell no usage cost what came', async () => {
    const account = await metered.lab.funded('10');
    const { openai, all } = meteredClient(account, {}, responses.url);
    responses.behave = { parts: words(500), stallsAfter: 10 };
    const stream = await openai.responses.create({ ...ask, stream: true });
    let seen = 0;
    for await (const { type } of stream) {
      if (type === 'response.output_text.delta' && (seen += 1) === 10) stream.controller.abort();
    }
    responses.behave = { parts: words(10), usage: null };
    await allOf(await openai.responses.create({ ...ask, stream: true }));
    await openai.responses.create(ask);
    expect(all.map(({ captured }) => captured)).toEqual(Array.from({ length: 3 }, () => costOf(HELLO, 10)));
    responses.behave = { parts: words(500), breaksAfter: 10 };
    let broken = '';
    await expect((async () => {
      for await (const event of await openai.responses.create({ ...ask, stream: true })) {
        if (event.type === 'response.output_text.delta') broken += event.delta;
      }
    })()).rejects.toThrow();
    expect(all.at(-1)).toMatchObject({ captured: costOf(HELLO, countText(broken)) });
    responses.behave = { parts: [], status: 500 };
    await expect(openai.responses.create(ask)).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    expect(all.at(-1)).toMatchObject({ state: 'voided' });
  });

  test.each([
    ['background', { background: true }], ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }], ['prompt', { prompt: { id: 'pmpt_1' } }], ['tools', { tools: [{ type: 'web_search' }] }],
    ['input[0]', { input: [{ type: 'item_reference', id: 'a' }] }], ['max_output_tokens', { max_output_tokens: '5' }],
    ['input[0].content', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'a' }] }] }],
  ])('whose %s has no bounded cost are refused', async (param, change) => {
    const { openai } = meteredClient('someone', {}, responses.url);
    const refusal = openai.responses.create({ ...ask, ...change } as typeof ask);
    await expect(refusal).rejects.toBeInstanceOf(NotMeteredError);
    await expect(refusal).rejects.toMatchObject({ param });
  });
});
