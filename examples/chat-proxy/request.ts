import { ApiError, badMember } from './errors.js';
import { countInputInTurns } from './tokens.js';

/**
 * What a caller may ask for. Everything that can cost money is either counted here or refused: a member that is not in these
 * lists is 400, because an option that this proxy does not know may cost what it does not count.
 */

export type ChatRequest = {
  readonly model: string;
  readonly inputTokens: number;
  /** The most output tokens that the caller wants, or the default of this proxy. */
  readonly maxOutputTokens: number;
  readonly streams: boolean;
  readonly includesUsage: boolean;
  /** Whether the model may think tokens that are charged and not shown. */
  readonly mayReason: boolean;
  /** The body for the upstream. `limit` takes the place of `max_tokens` or `max_completion_tokens`. */
  upstreamBody(limit: number): Readonly<Record<string, unknown>>;
};

/** Without `max_tokens`. A hold for the largest answer of a model would keep a small balance from starting at all. */
export const DEFAULT_OUTPUT_TOKENS = 1_024;
/** No model writes more in one answer. */
export const OUTPUT_TOKENS_MAX = 131_072;
const MODEL_LENGTH_MAX = 200;
/** Models that think without being asked to. Add those of your provider. */
const REASONS = /(^|[/-])(o\d|gpt-5|r1)|reason|think/i;

/** Sent on as they are: they change what is written, not what a token costs. */
const PASSED_ON = [
  'temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'seed', 'stop', 'logit_bias', 'logprobs', 'top_logprobs',
  'response_format', 'tools', 'tool_choice', 'parallel_tool_calls', 'reasoning_effort', 'verbosity', 'user',
];
const READ_HERE = ['model', 'messages', 'max_tokens', 'max_completion_tokens', 'n', 'stream', 'stream_options'];
const ROLES: readonly unknown[] = ['system', 'developer', 'user', 'assistant', 'tool'];
const MESSAGE_MEMBERS = ['role', 'content', 'name', 'refusal', 'tool_calls', 'tool_call_id'];

type Members = Readonly<Record<string, unknown>>;
const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws ApiError 400 that names the first member that is wrong. */
export async function readRequest(parsed: unknown): Promise<ChatRequest> {
  if (!isMembers(parsed)) throw new ApiError(400, { message: 'The body must be a JSON object' });
  // OpenAI's API takes null for absent.
  const body: Members = Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== null));
  const unknown = Object.keys(body).find((name) => !PASSED_ON.includes(name) && !READ_HERE.includes(name));
  if (unknown !== undefined) throw badMember(unknown, 'is not supported by this proxy', 'unknown_parameter');
  const { model, messages, n = 1, stream = false, stream_options: options = {} } = body;
  if (typeof model !== 'string' || model.length > MODEL_LENGTH_MAX || !/^[!-~]+$/.test(model)) {
    throw badMember('model', 'must be the name of a model');
  }
  if (n !== 1) throw badMember('n', 'must be 1: every answer costs credits of its own', 'unsupported_value');
  if (typeof stream !== 'boolean') throw badMember('stream', 'must be true or false');
  if (!isMembers(options)) throw badMember('stream_options', 'must be an object');
  onlyMembers(options, ['include_usage'], 'stream_options');
  const { include_usage: includesUsage = false } = options;
  if (typeof includesUsage !== 'boolean') throw badMember('stream_options.include_usage', 'must be true or false');
  if (!stream && 'stream_options' in body) throw badMember('stream_options', 'is only allowed with stream: true');
  checkMessages(messages);
  checkTools(body['tools']);
  checkToolChoice(body['tool_choice']);
  const limit = readLimit(body);
  return {
    model, streams: stream, includesUsage, maxOutputTokens: limit.tokens,
    mayReason: REASONS.test(model) || (body['reasoning_effort'] ?? 'none') !== 'none',
    inputTokens: await countInputInTurns(messages, [body['tools'], body['response_format']]),
    upstreamBody: (tokens) => ({
      ...Object.fromEntries(PASSED_ON.filter((name) => name in body).map((name) => [name, body[name]])),
      model, messages, [limit.name]: tokens,
      // Also for a caller who wants JSON: only a stream can be counted while it runs.
      stream: true, stream_options: { include_usage: true },
    }),
  };
}

function readLimit(body: Members): { readonly name: string; readonly tokens: number } {
  if ('max_tokens' in body && 'max_completion_tokens' in body) throw badMember('max_tokens', 'contradicts max_completion_tokens: send one');
  const name = 'max_tokens' in body ? 'max_tokens' : 'max_completion_tokens';
  const { [name]: tokens = DEFAULT_OUTPUT_TOKENS } = body;
  if (typeof tokens !== 'number' || !Number.isInteger(tokens) || tokens < 1 || tokens > OUTPUT_TOKENS_MAX) {
    throw badMember(name, `must be an integer from 1 to ${OUTPUT_TOKENS_MAX}`);
  }
  return { name, tokens };
}

function checkMessages(messages: unknown): asserts messages is readonly object[] {
  if (!Array.isArray(messages) || messages.length === 0) throw badMember('messages', 'must be an array with a message in it');
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`;
    if (!isMembers(message)) throw badMember(path, 'must be an object');
    onlyMembers(message, MESSAGE_MEMBERS, path);
    if (!ROLES.includes(message['role'])) throw badMember(`${path}.role`, `must be one of ${ROLES.join(', ')}`);
    checkContent(message['content'] ?? '', `${path}.content`);
    for (const name of ['name', 'refusal', 'tool_call_id']) checkText(message[name] ?? '', `${path}.${name}`);
    checkCalls(message['tool_calls'] ?? [], `${path}.tool_calls`);
  }
}

/** Text only: pictures, sounds and files cost tokens that this proxy cannot count. */
function checkContent(content: unknown, path: string): void {
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) throw badMember(path, 'must be text, or an array of parts');
  for (const [index, part] of content.entries()) {
    const at = `${path}[${index}]`;
    if (!isMembers(part) || (part['type'] !== 'text' && part['type'] !== 'refusal')) {
      throw badMember(at, 'must be a text: this proxy takes no other parts', 'unsupported_value');
    }
    onlyMembers(part, ['type', part['type']], at);
    checkText(part[part['type']], `${at}.${part['type']}`);
  }
}

/** What an assistant called before. */
function checkCalls(calls: unknown, path: string): void {
  if (!Array.isArray(calls)) throw badMember(path, 'must be an array');
  for (const [index, call] of (calls as readonly unknown[]).entries()) {
    const at = `${path}[${index}]`;
    const called = isMembers(call) ? call['function'] : undefined;
    if (!isMembers(call) || call['type'] !== 'function' || !isMembers(called)) throw badMember(at, 'must be the call of a function');
    onlyMembers(call, ['id', 'type', 'function'], at);
    onlyMembers(called, ['name', 'arguments'], `${at}.function`);
    checkText(call['id'], `${at}.id`);
    for (const name of ['name', 'arguments']) checkText(called[name], `${at}.function.${name}`);
  }
}

function checkToolChoice(choice: unknown = 'auto'): void {
  if (typeof choice === 'string' || (isMembers(choice) && choice['type'] === 'function')) return;
  throw badMember('tool_choice', 'must be a word or a function', 'unsupported_value');
}

function checkText(value: unknown, path: string): void {
  if (typeof value !== 'string') throw badMember(path, 'must be text');
}

/** What is not listed may cost what nothing here counts. */
function onlyMembers(value: Members, names: readonly string[], path: string): void {
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) throw badMember(`${path}.${unknown}`, 'is not supported by this proxy', 'unknown_parameter');
}

/** Functions run at the caller's; other kinds of tools run at the provider's, for money that nothing here counts. */
function checkTools(tools: unknown = []): void {
  if (!Array.isArray(tools)) throw badMember('tools', 'must be an array');
  const index = tools.findIndex((tool) => !isMembers(tool) || tool['type'] !== 'function');
  if (index >= 0) throw badMember(`tools[${index}].type`, 'must be function', 'unsupported_value');
}
