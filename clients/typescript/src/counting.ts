/** Counts the tokens of a text that arrives in parts. */
export type TokenCounter = {
  /** Adds text; answers the tokens of everything so far. */
  add(text: string): number;
};

/**
 * More bytes than this make a token in prose of every language, and in code about as many. So the count without a tokenizer
 * is too high rather than too low; only random text such as base64 has more tokens.
 */
const BYTES_PER_TOKEN = 3;
const encoder = new TextEncoder();

/** A counter that needs no tokenizer: the UTF-8 bytes of all text, divided by three and rounded up. */
export function byteCounter(): TokenCounter {
  let bytes = 0;
  return {
    add(text) {
      bytes += encoder.encode(text).length;
      return Math.ceil(bytes / BYTES_PER_TOKEN);
    },
  };
}

/** The longest beginning of a text that has no more than so many tokens. */
export function beginningOf(text: string, tokens: number, counter: () => TokenCounter): string {
  const characters = Array.from(text);
  let [fits, tooLong] = [0, characters.length + 1];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (counter().add(characters.slice(0, middle).join('')) <= tokens) fits = middle;
    else tooLong = middle;
  }
  return characters.slice(0, fits).join('');
}

/** What a message costs beside its text, and what begins an answer. OpenAI documents 3 and 3 for its chat models. */
const TOKENS_PER_MESSAGE = 4;
const TOKENS_OF_ANSWER = 3;

/** What of a request is counted as its input. */
export type InputText = {
  readonly messages: number;
  readonly texts: readonly string[];
  readonly images: number;
};

export const countInput = ({ messages, texts, images }: InputText, counter: TokenCounter, tokensPerImage: number): number => {
  const ofTexts = texts.reduce((_, text) => counter.add(text), 0);
  return ofTexts + messages * TOKENS_PER_MESSAGE + images * tokensPerImage + TOKENS_OF_ANSWER;
};
