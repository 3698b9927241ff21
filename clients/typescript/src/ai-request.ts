import type { LanguageModelMiddleware } from 'ai';
import type { InputText } from './counting.js';
import { NotMeteredError, wholeNumber, type MeteredRequest, type Payer } from './metering.js';

export type WrapGenerate = NonNullable<LanguageModelMiddleware['wrapGenerate']>;
export type WrapStream = NonNullable<LanguageModelMiddleware['wrapStream']>;
export type CallParams = Parameters<WrapStream>[0]['params'];
export type Model = Parameters<WrapStream>[0]['model'];
type Content = Exclude<CallParams['prompt'][number]['content'], string>[number];

/** The name under which `providerOptions` says who pays. It is not sent to the provider. */
const NAMESPACE = 'creditGateway';

/** What a call says about who pays, and the call without it. @throws NotMeteredError */
export function payerOf(params: CallParams): { readonly payer: Payer; readonly params: CallParams } {
  const { [NAMESPACE]: said, ...others } = params.providerOptions ?? {};
  if (said === undefined) return { payer: {}, params };
  const payer: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(said)) {
    if (value === undefined) continue;
    const isRight = name === 'metadata' ? typeof value === 'object' && value !== null : typeof value === 'string';
    if (!isRight || !['account', 'spender', 'feature', 'id', 'metadata'].includes(name)) {
      const param = `providerOptions.${NAMESPACE}.${name}`;
      throw new NotMeteredError(param, 'is not account, spender, feature, id (text) or metadata (an object)');
    }
    payer[name] = value;
  }
  return { payer, params: { ...params, providerOptions: others } };
}

export const readCall = (params: CallParams, model: Model): MeteredRequest => ({
  model: model.modelId,
  serviceTier: serviceTierOf(params),
  input: (images) => inputOf(params, images),
  maxOutputTokens: wholeNumber('maxOutputTokens', params.maxOutputTokens),
  answers: 1,
  signal: params.abortSignal,
});

function serviceTierOf({ providerOptions = {} }: CallParams): 'priority' | 'flex' | undefined {
  const tiers = Object.values(providerOptions).map((options) => options['serviceTier']);
  return (['priority', 'flex'] as const).find((tier) => tiers.includes(tier));
}

/** Members of `providerOptions` that make the model read what is not in the call. */
const READS_MORE: readonly string[] = ['previousResponseId', 'conversation'];

function inputOf({ prompt, tools = [], responseFormat, providerOptions = {} }: CallParams, images: boolean): InputText {
  for (const [provider, options] of Object.entries(providerOptions)) {
    const more = READS_MORE.find((name) => options[name] !== undefined && options[name] !== null);
    const param = `providerOptions.${provider}.${String(more)}`;
    if (more !== undefined) throw new NotMeteredError(param, 'adds input that is not in the call: give inputTokens');
  }
  const texts: string[] = [];
  let pictures = 0;
  const addMedia = (mediaType: string): void => {
    const isImage = mediaType.startsWith('image/');
    if (!isImage) throw new NotMeteredError('prompt', `a file of ${mediaType} has no known count of tokens: give inputTokens`);
    if (!images) throw new NotMeteredError('prompt', 'has a picture: give tokensPerImage or inputTokens');
    pictures += 1;
  };
  for (const { content } of prompt) {
    if (typeof content === 'string') texts.push(content);
    else for (const part of content) texts.push(...textsOf(part, addMedia));
  }
  for (const tool of tools) {
    if (tool.type !== 'function') throw new NotMeteredError('tools', `${tool.id} adds input that is not in the call: give inputTokens`);
    texts.push(JSON.stringify([tool.name, tool.description, tool.inputSchema, tool.inputExamples]));
  }
  if (responseFormat?.type === 'json') texts.push(JSON.stringify(responseFormat));
  if (Object.keys(providerOptions).length > 0) texts.push(JSON.stringify(providerOptions));
  return { messages: prompt.length, texts, images: pictures };
}

function textsOf(part: Content, addMedia: (mediaType: string) => void): readonly string[] {
  switch (part.type) {
    case 'text':
    case 'reasoning':
      return [part.text];
    case 'file':
      addMedia(part.mediaType);
      return [];
    case 'tool-call':
      return [part.toolName, JSON.stringify(part.input ?? null)];
    case 'tool-result':
      return [part.toolName, ...resultTexts(part.output, addMedia)];
    case 'tool-approval-response':
      return [part.reason ?? ''];
  }
}

type ToolOutput = Extract<Content, { type: 'tool-result' }>['output'];

function resultTexts(output: ToolOutput, addMedia: (mediaType: string) => void): readonly string[] {
  if (output.type !== 'content') return [JSON.stringify('value' in output ? output.value : output.reason ?? '')];
  return output.value.flatMap((each) => {
    if (each.type === 'text') return [each.text];
    addMedia(each.type.startsWith('image-') ? 'image/*' : 'mediaType' in each ? each.mediaType ?? 'unknown type' : 'unknown type');
    return [];
  });
}
