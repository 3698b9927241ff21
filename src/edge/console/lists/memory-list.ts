import { invalid } from '../../../kit/errors.js';
import type { ListColumn, ListQuery, ListRows } from './list.js';

/** A filter of rows in memory. */
export type Keeps<Row> = Readonly<Record<string, (row: Row, value: string) => boolean>>;

/** Whether one of the texts contains a value, without case. */
export const mentions = (value: string, ...texts: readonly (string | null)[]): boolean =>
  texts.some((text) => text?.toLowerCase().includes(value.toLowerCase()) === true);

/**
 * One page of rows that are all in memory, because there are few by their nature. Sorted by the plain values of a column; rows that
 * are equal in it stay in their order. A place is a number of rows.
 */
export function memoryPage<Row>(
  all: readonly Row[], columns: readonly ListColumn<Row>[], keeps: Keeps<Row>, { filters, sort, isDescending, after, limit }: ListQuery,
): ListRows<Row> {
  const valueOf = columns.find((column) => column.sort === sort)?.csv ?? (() => null);
  const kept = all.filter((row) => Object.entries(filters).every(([name, value]) => keeps[name]?.(row, value) !== false));
  const sorted = kept.map((row) => ({ row, value: valueOf(row) })).sort((a, b) => compare(a.value, b.value) * (isDescending ? -1 : 1));
  const [from = '0', ...others] = after ?? [];
  if (!/^\d{1,9}$/.test(from) || others.length > 0) throw invalid('query.after', 'after must be of the page before');
  const end = Number(from) + limit;
  return { rows: sorted.slice(Number(from), end).map(({ row }) => row), next: sorted.length > end ? [String(end)] : null };
}

type Value = string | number | null;

/** Nothing comes first, then numbers, then texts. */
function compare(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const rank = (value: Value): number => (value === null ? 0 : typeof value === 'number' ? 1 : 2);
  if (rank(a) !== rank(b) || a === null || b === null) return rank(a) - rank(b);
  return a < b ? -1 : a > b ? 1 : 0;
}
