import { invalid } from '../../kit/errors.js';
import type { Db } from './connect.js';

/** An expression of SQL that is never null, and its type. */
export type SortKey = readonly [sql: string, type: 'bigint' | 'text' | 'timestamptz'];

/** A list that can be filtered, sorted by each of `sorts`, and read page by page. */
export type ListSource = {
  readonly columns: string;
  /** What is behind `from`. May use bindings that have the names of filters; absent filters are null. */
  readonly from: string;
  /** Together they tell every row apart. */
  readonly key: readonly SortKey[];
  readonly sorts: Readonly<Record<string, SortKey>>;
  /** A condition by the name of its filter, whose value is the binding of that name, as text. */
  readonly filters: Readonly<Record<string, string>>;
};

export type ListQuery = {
  /** Only those that are set. */
  readonly filters: Readonly<Record<string, string>>;
  readonly sort: string;
  readonly isDescending: boolean;
  /** `next` of the page before. */
  readonly after: readonly string[] | null;
  readonly limit: number;
};

/** `next`: where the next page begins; null on the last one. */
export type ListPage<Row> = { readonly rows: readonly Row[]; readonly next: readonly string[] | null };

/**
 * One page of a list, with the rows after a place in its order, so that the last page costs what the first one does.
 *
 * @throws GatewayError invalid_request for a place or a value that cannot be in this list.
 */
export async function readListPage<Row extends object>(db: Db, source: ListSource, query: ListQuery): Promise<ListPage<Row>> {
  const { filters, sort, isDescending, after, limit } = query;
  const first = source.sorts[sort];
  if (first === undefined) throw invalid('query.sort', `must be one of ${Object.keys(source.sorts).join(', ')}`);
  const order = [first, ...source.key];
  if (after !== null && after.length !== order.length) throw invalid('query.after', 'must be of the page before');
  const conditions = Object.entries(source.filters).flatMap(([name, sql]) => (filters[name] === undefined ? [] : [`(${sql})`]));
  const position = Object.fromEntries((after ?? []).map((value, index) => [`after${index}`, value]));
  if (after !== null) {
    const places = order.map(([, type], index) => `:after${index}::text::${type}`);
    conditions.push(`(${order.map(([sql]) => sql).join(', ')}) ${isDescending ? '<' : '>'} (${places.join(', ')})`);
  }
  const direction = isDescending ? 'desc' : 'asc';
  const unset = Object.fromEntries(Object.keys(source.filters).map((name) => [name, null]));
  const { rows } = await db.raw<{ rows: (Row & { readonly position: readonly string[] })[] }>(
    `select ${source.columns}, array[${order.map(([sql]) => `(${sql})::text`).join(', ')}] as position
       from ${source.from} ${conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`}
      order by ${order.map(([sql]) => `${sql} ${direction}`).join(', ')} limit :limit::integer`,
    { ...unset, ...filters, ...position, limit: limit + 1 },
  ).catch((error: unknown) => { throw isOfValue(error) ? invalid('query', 'has a value that cannot be in this list') : error; });
  const page = rows.slice(0, limit);
  return { rows: page, next: rows.length > limit ? page.at(-1)?.position ?? null : null };
}

/** Postgres' class 22: a value is not of its type. */
const isOfValue = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && String((error as { readonly code?: unknown }).code).startsWith('22');
