/** Control characters, which a terminal would obey, and those that change how the text around them is shown. */
const INVISIBLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** One line for a terminal: an id may contain control characters, line breaks included. */
export const printable = (text: string): string =>
  text.replaceAll(INVISIBLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);

/**
 * The lines of a command for a terminal. Escaped as JSON does it, which by itself escapes the control characters of ASCII
 * only: JSON stays JSON.
 */
export const printableLines = (text: string): string =>
  text.replaceAll(INVISIBLE, (character) => (character === '\n' ? character : escaped(character)));

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`).join('');
