import { isAtLimit, saidIn, usageOf } from './openai-answer.js';
import { isJson, objectsOf, type Json } from './openai-request.js';
import type { Counted, ReportedUsage } from './provider-usage.js';

/** How far a stream has come. */
export type Track = {
  /** Takes note of the next item; answers its text. */
  see(item: Json): string;
  /** The item as the caller asked for it; null: it did not ask for it. */
  shown(item: Json): Json | null;
  /** The item with less text; null: it cannot be shortened. */
  shortened(item: Json, text: string): Json | null;
  /** What a caller gets instead of the rest. */
  ending(counted: Counted): readonly Json[];
  /** Whether all of the answer has come; what follows is usage at most. */
  readonly isWhole: boolean;
  readonly isFailed: boolean;
  readonly isAtLimit: boolean;
  readonly usage: ReportedUsage | undefined;
};

const without = (value: Json, ...names: readonly string[]): Json =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

export function chatTrack(body: Json, answers: number): Track {
  const asksUsage = isJson(body['stream_options']) && body['stream_options']['include_usage'] === true;
  const finished = new Map<unknown, unknown>();
  let usage: ReportedUsage | undefined;
  let envelope: Json = {};
  return {
    see: (chunk) => {
      envelope = without(chunk, 'choices', 'usage');
      if (isJson(chunk['usage'])) usage = usageOf(chunk['usage']);
      const choices = objectsOf(chunk['choices']);
      for (const { index, finish_reason: reason } of choices) if (typeof reason === 'string') finished.set(index, reason);
      return choices.map(({ delta }) => saidIn(delta)).join('');
    },
    shown: (chunk) => {
      if (asksUsage || !('usage' in chunk)) return chunk;
      return isJson(chunk['usage']) && objectsOf(chunk['choices']).length === 0 ? null : without(chunk, 'usage');
    },
    shortened: (chunk, text) => {
      const [choice, ...others] = objectsOf(chunk['choices']);
      const delta = choice?.['delta'];
      if (choice === undefined || others.length > 0 || !isJson(delta) || delta['content'] !== saidIn(delta)) return null;
      return { ...chunk, choices: [{ ...choice, delta: { ...delta, content: text }, finish_reason: null }] };
    },
    ending: ({ inputTokens, outputTokens }) => {
      const open = Array.from({ length: answers }, (_, index) => index).filter((index) => finished.get(index) === undefined);
      const last = { ...envelope, ...(asksUsage ? { usage: null } : {}) };
      return [
        ...open.map((index) => ({ ...last, choices: [{ index, delta: {}, logprobs: null, finish_reason: 'length' }] })),
        ...(asksUsage ? [{
          ...envelope, choices: [],
          usage: { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens },
        }] : []),
      ];
    },
    get isWhole() { return finished.size >= answers; },
    get isFailed() { return false; },
    get isAtLimit() { return [...finished.values()].includes('length'); },
    get usage() { return usage; },
  };
}

const LAST_EVENTS: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete', 'response.failed', 'error']);

export function responseTrack(): Track {
  const output = collectedOutput();
  let response: Json = {};
  let [last, sequence] = ['', 0];
  return {
    see: (event) => {
      const type = String(event['type']);
      if (LAST_EVENTS.has(type)) last = type;
      if (isJson(event['response'])) response = event['response'];
      if (typeof event['sequence_number'] === 'number') sequence = event['sequence_number'];
      return output.see(type, event);
    },
    shown: (event) => event,
    shortened: (event, text) => {
      output.replaceLast(text);
      return { ...event, delta: text };
    },
    ending: ({ inputTokens, outputTokens }) => [{
      type: 'response.incomplete', sequence_number: sequence + 1,
      response: {
        ...response, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output: output.items(),
        usage: {
          input_tokens: inputTokens, input_tokens_details: { cached_tokens: 0 },
          output_tokens: outputTokens, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: inputTokens + outputTokens,
        },
      },
    }],
    get isWhole() { return last !== ''; },
    get isFailed() { return last === 'response.failed' || last === 'error'; },
    get isAtLimit() { return isAtLimit(response); },
    get usage() { return isJson(response['usage']) ? usageOf(response['usage']) : undefined; },
  };
}

/** The items of a response as far as they have come. */
function collectedOutput() {
  const items = new Map<unknown, Json>();
  const texts = new Map<unknown, Map<unknown, string>>();
  let lastPart: { readonly parts: Map<unknown, string>; readonly index: unknown; readonly before: string } | undefined;
  return {
    /** The text of an event. Sound is not text: it comes as base64. */
    see: (type: string, event: Json): string => {
      const { output_index: index, item, delta } = event;
      if (type.startsWith('response.output_item.') && isJson(item)) items.set(index, item);
      lastPart = undefined;
      if (!type.endsWith('.delta') || type === 'response.audio.delta' || typeof delta !== 'string') return '';
      if (type === 'response.output_text.delta') {
        const parts = texts.get(index) ?? new Map<unknown, string>();
        texts.set(index, parts);
        lastPart = { parts, index: event['content_index'], before: parts.get(event['content_index']) ?? '' };
        parts.set(lastPart.index, lastPart.before + delta);
      }
      return delta;
    },
    replaceLast: (text: string) => { lastPart?.parts.set(lastPart.index, lastPart.before + text); },
    items: (): readonly Json[] => [...items].map(([index, item]) => {
      const parts = texts.get(index);
      if (item['status'] === 'completed' || parts === undefined) return item;
      const content = [...parts.values()].map((text) => ({ type: 'output_text', text, annotations: [] }));
      return { ...item, status: 'incomplete', content };
    }),
  };
}
