import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';

/**
 * Counts tokens with the encoding of current OpenAI models. Other models count a little differently: the proxy pays by the
 * upstream's own usage where it sends one, and by this count otherwise.
 */

/** Text of a user may contain `<|endoftext|>`; here it is text like any other. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };
/** The encoder needs more than linear time for a text without spaces, so it gets no longer pieces. */
const PIECE_LENGTH_MAX = 256;
/** What every message and every answer costs beside their text, as OpenAI documents it for its chat models. */
const TOKENS_PER_MESSAGE = 3;
const TOKENS_OF_ANSWER = 3;

export type TokenCounter = {
  /** Adds text; answers all tokens so far. */
  add(text: string): number;
};

/** Counts a text that arrives in parts. Only the text after the last word boundary is encoded again with the next part. */
export function tokenCounter(): TokenCounter {
  let finished = 0;
  let tail = '';
  return {
    add(text) {
      tail += text;
      for (let end = boundary(tail); end > 0; end = boundary(tail)) {
        finished += countTokens(tail.slice(0, end), AS_TEXT);
        tail = tail.slice(end);
      }
      return finished + countTokens(tail, AS_TEXT);
    },
  };
}

/** Where the encoder always begins a new token: before the space in front of the last word. 0: nowhere yet. */
function boundary(text: string): number {
  const piece = text.slice(0, PIECE_LENGTH_MAX);
  const end = /^.*\S(?= \w)/s.exec(piece)?.[0].length ?? 0;
  return end === 0 && text.length > PIECE_LENGTH_MAX ? PIECE_LENGTH_MAX : end;
}

export const countText = (text: string): number => tokenCounter().add(text);

/** Characters that are counted before other requests have their turn: about ten milliseconds. */
const TURN_LENGTH = 16_384;

/** Tokens of the input. Tools and formats are counted as the JSON that they are, which is more than most models make of them. */
export const countInput = (messages: readonly object[], extras: readonly unknown[] = []): number =>
  textsOf(messages, extras).reduce((sum, text) => sum + countText(text), besideTexts(messages));

/** `countInput` for input of any size: a long one does not keep other requests waiting. */
export async function countInputInTurns(messages: readonly object[], extras: readonly unknown[] = []): Promise<number> {
  let tokens = besideTexts(messages);
  let turn = 0;
  for (const text of textsOf(messages, extras)) {
    const counter = tokenCounter();
    let counted = 0;
    for (let start = 0; start < text.length; start += TURN_LENGTH) {
      const part = text.slice(start, start + TURN_LENGTH);
      counted = counter.add(part);
      turn += part.length;
      if (turn < TURN_LENGTH) continue;
      turn = 0;
      await new Promise<void>((resolve) => { setImmediate(resolve); });
    }
    tokens += counted;
  }
  return tokens;
}

const besideTexts = ({ length }: readonly object[]): number => TOKENS_OF_ANSWER + length * TOKENS_PER_MESSAGE;

const textsOf = (messages: readonly object[], extras: readonly unknown[]): string[] =>
  [...messages.flatMap(textsIn), ...extras.flatMap((extra) => (extra === undefined ? [] : [JSON.stringify(extra)]))];

/** The texts in a value, without the names of its members. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
