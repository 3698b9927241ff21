/** Contains no slash, so that a price name can be parsed. */
export const isBookName = (text: string): boolean => /^[a-z][a-z0-9-]{0,31}$/.test(text);

/**
 * The price name that a hold or a charge stores. `model` is the requested one; the version may be that of another model,
 * the default. Injective: neither book nor version contains a slash, and the model is the rest.
 */
export const priceName = (book: string, version: number, model: string): string => `${book}/${version}/${model}`;

export type ParsedPriceName = { readonly book: string; readonly version: number; readonly model: string };

/** @throws RangeError for text that `priceName` cannot produce. */
export function parsePriceName(name: string): ParsedPriceName {
  const match = /^([a-z][a-z0-9-]{0,31})\/([1-9]\d{0,14})\/([\s\S]*)$/.exec(name);
  if (match === null) throw new RangeError(`no such price: ${name}`);
  const [, book = '', version = '', model = ''] = match;
  return { book, version: Number(version), model };
}
