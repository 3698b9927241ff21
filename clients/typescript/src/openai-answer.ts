import { isJson, objectsOf, type Json } from './openai-request.js';
import type { ReportedUsage } from './provider-usage.js';

/** What the two APIs answer: their usage as the gateway counts it, and the texts that are counted where they report none. */

/** Usage of chat completions or of responses. */
export function usageOf(usage: unknown): ReportedUsage {
  if (!isJson(usage)) return {};
  const input = detailsOf(usage, 'prompt_tokens_details', 'input_tokens_details');
  const output = detailsOf(usage, 'completion_tokens_details', 'output_tokens_details');
  return {
    inputTokens: usage['prompt_tokens'] ?? usage['input_tokens'],
    cachedInputTokens: input['cached_tokens'], cacheWriteTokens: input['cache_write_tokens'],
    audioInputTokens: input['audio_tokens'], imageInputTokens: input['image_tokens'],
    outputTokens: usage['completion_tokens'] ?? usage['output_tokens'],
    reasoningTokens: output['reasoning_tokens'], audioOutputTokens: output['audio_tokens'], imageOutputTokens: output['image_tokens'],
  };
}

const detailsOf = (usage: Json, ...names: readonly string[]): Json => names.map((name) => usage[name]).find(isJson) ?? {};

/** All that was said in a message or in a part of one. `reasoning_content` and `reasoning`: of servers that show it. */
export function saidIn(message: unknown): string {
  if (!isJson(message)) return '';
  const calls = objectsOf(message['tool_calls']).flatMap(({ function: called, custom }) => [called, custom]);
  return [
    ...['content', 'refusal', 'reasoning_content', 'reasoning'].map((name) => message[name]),
    ...[...calls, message['function_call']].filter(isJson).flatMap((call) => [call['name'], call['arguments'], call['input']]),
  ].filter((text) => typeof text === 'string').join('');
}

export const saidInCompletion = (completion: Json): string =>
  objectsOf(completion['choices']).map(({ message }) => saidIn(message)).join('');

/** The texts of a response, whatever kind its items are of. */
export const saidInResponse = (response: Json): string => objectsOf(response['output']).flatMap((item) => [
  item['name'], item['arguments'], item['input'],
  ...[...objectsOf(item['content']), ...objectsOf(item['summary'])].flatMap(({ text, refusal }) => [text, refusal]),
]).filter((text) => typeof text === 'string').join('');

/** Whether an answer stopped at its maximum. */
export const isAtLimit = (answer: Json): boolean =>
  objectsOf(answer['choices']).some((choice) => choice['finish_reason'] === 'length') ||
  (isJson(answer['incomplete_details']) && answer['incomplete_details']['reason'] === 'max_output_tokens');
