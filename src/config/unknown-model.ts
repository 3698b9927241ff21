import { isBookName } from '../ledger/price-name.js';

/** What a book does with an unknown model: use its stated default, or refuse. Never free (issue 4). */
export type OnUnknown = 'default' | 'refuse';

export type UnknownModelPolicy = { readonly overall: OnUnknown; readonly books: ReadonlyMap<string, OnUnknown> };

export const DEFAULT_UNKNOWN_MODEL: UnknownModelPolicy = { overall: 'default', books: new Map() };

export const onUnknown = ({ overall, books }: UnknownModelPolicy, book: string): OnUnknown => books.get(book) ?? overall;

/**
 * Parses UNKNOWN_MODEL: `refuse`, or a policy per book, such as `default,tokens=refuse`. Undefined when it is neither.
 * `default` also refuses where a book states no default.
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
