import type { InputText } from './counting.js';
import { NotMeteredError, wholeNumber, type MeteredRequest } from './metering.js';

/** A request as JSON: what a caller without types may send counts too. */
export type Json = Readonly<Record<string, unknown>>;
export const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
export const objectsOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isJson) : []);

const isThere = (value: unknown): boolean => value !== undefined && value !== null;
const elsewhere = (param: string): never => {
  throw new NotMeteredError(param, 'adds input that is not counted in the request: give inputTokens');
};

const LIMITS = ['max_completion_tokens', 'max_tokens'] as const;

/** @throws NotMeteredError */
export function readChat(body: Json, signal: AbortSignal | undefined): MeteredRequest {
  if (isThere(body['audio']) || (Array.isArray(body['modalities']) && body['modalities'].includes('audio'))) {
    throw new NotMeteredError('modalities', 'an answer in sound has another price than the text that is held for');
  }
  const answers = wholeNumber('n', body['n']) ?? 1;
  const limits = LIMITS.map((name) => wholeNumber(name, body[name])).filter((each) => each !== undefined);
  if (answers > 1 && limits.length === 0) throw new NotMeteredError('n', 'more than one answer needs max_completion_tokens');
  return {
    signal, model: modelOf(body), serviceTier: serviceTierOf(body), answers,
    maxOutputTokens: limits.length === 0 ? undefined : Math.min(...limits),
    input: (images) => chatInput(body, images),
  };
}

/** As the `openai` client decides it: whatever is truthy streams. */
export const isStream = ({ stream }: Json): boolean => Boolean(stream);

/** The request with this maximum, under the names that the caller uses, and with its usage in the stream. */
export function limitChat(body: Json, maxOutputTokens: number | undefined): Json {
  const options = isJson(body['stream_options']) ? body['stream_options'] : {};
  const limited = isStream(body) ? { ...body, stream: true, stream_options: { ...options, include_usage: true } } : body;
  if (maxOutputTokens === undefined) return limited;
  const used = LIMITS.filter((name) => isThere(body[name]));
  const names = used.length === 0 ? ['max_completion_tokens'] : used;
  return { ...limited, ...Object.fromEntries(names.map((name) => [name, maxOutputTokens])) };
}

/** @throws NotMeteredError */
export function readResponse(body: Json, signal: AbortSignal | undefined): MeteredRequest {
  if (body['background'] === true) throw new NotMeteredError('background', 'its usage is not known when the call ends');
  return {
    signal, model: modelOf(body), serviceTier: serviceTierOf(body), answers: 1,
    maxOutputTokens: wholeNumber('max_output_tokens', body['max_output_tokens']),
    input: (images) => responseInput(body, images),
  };
}

export const limitResponse = (body: Json, maxOutputTokens: number | undefined): Json => ({
  ...body, ...(isStream(body) ? { stream: true } : {}), ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
});

function modelOf({ model }: Json): string {
  if (typeof model !== 'string' || model === '') throw new NotMeteredError('model', 'must be the name of a model');
  return model;
}

/** `auto` is what the provider's project says, which the price book is to follow. `scale` is paid in advance. */
function serviceTierOf({ service_tier: tier }: Json): 'priority' | 'flex' | undefined {
  if (tier === 'priority' || tier === 'flex') return tier;
  const isStandard = !isThere(tier) || ['auto', 'default', 'scale'].includes(String(tier));
  if (!isStandard) throw new NotMeteredError('service_tier', 'has no known price');
  return undefined;
}

function chatInput(body: Json, images: boolean): InputText {
  if (isThere(body['web_search_options'])) elsewhere('web_search_options');
  const gathered = gatherer(images);
  for (const [index, message] of objectsOf(body['messages']).entries()) {
    const param = `messages[${index}]`;
    if (isThere(message['audio'])) elsewhere(`${param}.audio`);
    gathered.message();
    gathered.content(`${param}.content`, message['content']);
    gathered.json({ ...message, role: undefined, content: undefined });
  }
  gathered.tools(body['tools']);
  for (const name of ['functions', 'response_format', 'prediction']) if (isThere(body[name])) gathered.json(body[name]);
  return gathered.all();
}

/** Members of a request that make the model read what is not in it. */
const READS_MORE = ['previous_response_id', 'conversation', 'prompt'];
/** Items of the input that are text as they are. */
const TEXT_ITEMS: ReadonlySet<unknown> = new Set(['function_call', 'custom_tool_call', 'reasoning']);
const OUTPUT_ITEMS: ReadonlySet<unknown> = new Set(['function_call_output', 'custom_tool_call_output']);

function responseInput(body: Json, images: boolean): InputText {
  for (const name of READS_MORE) if (isThere(body[name])) elsewhere(name);
  const gathered = gatherer(images);
  if (isThere(body['instructions'])) gathered.json(body['instructions']);
  const { input } = body;
  if (typeof input === 'string') gathered.content('input', input);
  for (const [index, item] of objectsOf(input).entries()) {
    const param = `input[${index}]`;
    gathered.message();
    if (item['type'] === undefined || item['type'] === 'message') gathered.content(`${param}.content`, item['content']);
    else if (OUTPUT_ITEMS.has(item['type'])) gathered.content(`${param}.output`, item['output']);
    else if (TEXT_ITEMS.has(item['type'])) gathered.json(item);
    else elsewhere(param);
  }
  gathered.tools(body['tools']);
  if (isThere(body['text'])) gathered.json(body['text']);
  return gathered.all();
}

const TEXT_PARTS: ReadonlySet<unknown> = new Set(['text', 'input_text', 'output_text', 'refusal']);
const IMAGE_PARTS: ReadonlySet<unknown> = new Set(['image_url', 'input_image']);
const OWN_TOOLS: ReadonlySet<unknown> = new Set(['function', 'custom']);

/** Collects what a request has to read. */
function gatherer(images: boolean) {
  const texts: string[] = [];
  let [messages, pictures] = [0, 0];
  const json = (value: unknown): void => {
    const text = JSON.stringify(value);
    if (text !== '{}') texts.push(text);
  };
  return {
    json,
    message: () => { messages += 1; },
    content: (param: string, content: unknown) => {
      if (typeof content === 'string') texts.push(content);
      for (const part of objectsOf(content)) {
        if (IMAGE_PARTS.has(part['type'])) {
          if (!images) throw new NotMeteredError(param, 'has a picture: give tokensPerImage or inputTokens');
          pictures += 1;
        } else if (TEXT_PARTS.has(part['type'])) {
          texts.push(...[part['text'], part['refusal']].filter((text) => typeof text === 'string'));
        } else {
          throw new NotMeteredError(param, `a part of the type ${String(part['type'])} has no known count of tokens: give inputTokens`);
        }
      }
    },
    tools: (tools: unknown) => {
      for (const tool of objectsOf(tools)) {
        if (!OWN_TOOLS.has(tool['type'])) elsewhere('tools');
        json(tool);
      }
    },
    all: (): InputText => ({ messages: Math.max(1, messages), texts, images: pictures }),
  };
}
