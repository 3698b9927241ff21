/** Counts the tokens of a text that arrives in parts. */
export type TokenCounter = {
  /** Adds text; answers the tokens of everything so far. */
  add(text: string): number;
};

/**
 * Estimates: prose in an alphabet has four characters or more to a token, code about three. From here on, a character (CJK,
 * emoji, in UTF-16 units) is about a token by itself. So the estimate is rather too high than too low; only random text such as
 * base64 has more tokens.
 */
const CHARACTERS_PER_TOKEN = 3;
const FIRST_WHOLE_TOKEN = 0x2e80;

/** How many times too high an estimate may be for prose. */
export const ESTIMATE_SLACK = 2;

/** A counter that needs no tokenizer. */
export function estimator(): TokenCounter {
  let [whole, thirds] = [0, 0];
  return {
    add(text) {
      for (let index = 0; index < text.length; index += 1) {
        if (text.charCodeAt(index) < FIRST_WHOLE_TOKEN) thirds += 1;
        else whole += 1;
      }
      return whole + Math.ceil(thirds / CHARACTERS_PER_TOKEN);
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
