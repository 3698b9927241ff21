import type { PriceHistory } from './price-history.js';
import type { PriceVersion } from './price.js';

/** Every version of the prices of a book, newest first. */
export function versionsOf(history: PriceHistory, book: string, upTo = history.lastVersion()): PriceVersion[] {
  const rows: PriceVersion[] = [];
  for (let version = upTo; version > 0; version -= 1) {
    const row = history.byVersion(version)?.row;
    if (row?.book === book) rows.push(row);
  }
  return rows;
}

/**
 * What a book's prices are at a moment, in one word: it changes with every new version, and when one that waited takes effect.
 * Null: the book never had a price. `upTo`: without the versions that were written later.
 */
export function bookRevision(history: PriceHistory, book: string, nowMs: number, upTo?: number): string | null {
  const rows = versionsOf(history, book, upTo);
  const [newest] = rows;
  return newest === undefined ? null : `${newest.version}-${rows.filter(({ effectiveFromMs }) => effectiveFromMs <= nowMs).length}`;
}
