import { versionsOf } from './book-revision.js';
import type { PriceHistory } from './price-history.js';
import type { PriceVersion } from './price.js';

/** A version, and whether it prices now, will later, or did. */
export type ListedPrice = PriceVersion & { readonly when: 'current' | 'scheduled' | 'past' };

/** Every version of every book, the newest first. */
export function listPrices(history: PriceHistory, nowMs: number): ListedPrice[] {
  const books = new Set<string>();
  for (let version = history.lastVersion(); version > 0; version -= 1) {
    const book = history.byVersion(version)?.row.book;
    if (book !== undefined) books.add(book);
  }
  return [...books].flatMap((book) => {
    const current = new Set(history.current(book, nowMs).map(({ row }) => row.version));
    const scheduled = new Set(history.scheduled(book, nowMs).map(({ row }) => row.version));
    return versionsOf(history, book).map((row): ListedPrice => ({
      ...row, when: current.has(row.version) ? 'current' : scheduled.has(row.version) ? 'scheduled' : 'past',
    }));
  });
}
