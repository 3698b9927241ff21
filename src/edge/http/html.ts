/** Text that is already HTML. Only `html` makes it, so nothing gets into a page unescaped by accident. */
export type Html = { readonly markup: string };

type Part = Html | string | number | readonly Part[];

/** A template whose values are escaped, unless they are HTML themselves; lists are joined. */
export const html = (strings: TemplateStringsArray, ...values: readonly Part[]): Html =>
  ({ markup: strings.map((text, index) => text + (index < values.length ? render(values[index] ?? '') : '')).join('') });

/** For the style sheet, whose text is ours and whose hash must stay what it is. */
export const verbatim = (markup: string): Html => ({ markup });

function render(part: Part): string {
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return part.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return 'markup' in part ? part.markup : part.map(render).join('');
}

/** The two marks that descriptions use: `code` and **strong**. */
export function prose(text: string): Html[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((piece) => {
    if (piece.startsWith('`')) return html`<code>${piece.slice(1, -1)}</code>`;
    return piece.startsWith('**') ? html`<strong>${piece.slice(2, -2)}</strong>` : html`${piece}`;
  });
}
