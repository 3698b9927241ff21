export type Labels = Readonly<Record<string, string | number>>;

/** Labels as the text format writes them, such as `{a="b"}`; empty for none. */
export function labelsText(labels: Labels): string {
  let text = '';
  for (const label in labels) text += `${text === '' ? '{' : ','}${label}="${escaped(String(labels[label]))}"`;
  return text === '' ? '' : `${text}}`;
}

const SPECIAL = /[\\\n"]/;
/** Almost no label needs it, and to look is much cheaper than to replace. */
const escaped = (text: string): string =>
  (SPECIAL.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"') : text);
