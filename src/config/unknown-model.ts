import { isBookName } from '../ledger/price-name.js';

/** What a book does about a model it does not know: takes its stated default, or refuses. Never free (issue 4). */
export type OnUnknown = 'default' | 'refuse';

export type UnknownModelPolicy = { readonly overall: OnUnknown; readonly books: ReadonlyMap<string, OnUnknown> };

export const DEFAULT_UNKNOWN_MODEL: UnknownModelPolicy = { overall: 'default', books: new Map() };

export const onUnknown = ({ overall, books }: UnknownModelPolicy, book: string): OnUnknown => books.get(book) ?? overall;

/**
 * Reads UNKNOWN_MODEL: `refuse`, or book by book, such as `default,tokens=refuse`. Undefined when it is neither.
 * `default` refuses as well where a book states no default.
 */
export function parseUnknownModel(text: string): UnknownModelPolicy | undefined {
  let overall: OnUnknown = 'default';
  const books = new Map<string, OnUnknown>();
  for (const part of text.split(',')) {
    const [, book, choice] = /^(?:([^=]+)=)?(default|refuse)$/.exec(part.trim()) ?? [];
    if (choice !== 'default' && choice !== 'refuse') return undefined;
    if (book === undefined) overall = choice;
    else if (isBookName(book)) books.set(book, choice);
    else return undefined;
  }
  return { overall, books };
}
