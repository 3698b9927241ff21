import { invalid } from '../../../kit/errors.js';
import { isStorable } from '../../../kit/ids.js';
import type { ListPage, ListQuery } from '../../../stores/postgres/list-page.js';
import type { GatewayContext } from '../../http/context.js';
import { readCursor, writeCursor } from '../../http/cursor.js';
import type { Html } from '../../http/html.js';
import type { Cell, Level } from '../parts.js';

/** What every list of the console is made of: one mechanism for its page, its filters, its order, its pages and its CSV. */

export type ListColumn<Row> = {
  readonly head: string;
  readonly is?: 'number' | 'text';
  /** The name of the order that its head sorts by; absent: it cannot be sorted by. */
  readonly sort?: string;
  /** Absent: only in CSV. */
  readonly cell?: (row: Row, nowMs: number) => Cell;
  /** The plain value for CSV: amounts in credits, times in ISO 8601. Absent: not in CSV. */
  readonly csv?: (row: Row) => string | number | null;
};

export type ListFilter = {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  /** `moment`: a minute in UTC, which `read` gets as ms. A list of words is a choice, with what each is called. */
  readonly is: 'text' | 'moment' | readonly Choice[];
  /** How a choice calls no filter. */
  readonly none?: string;
};
export type Choice = readonly [value: string, label: string];

/** A number above a list, to be seen at a glance. */
export type Figure = { readonly title: string; readonly value: string; readonly note: string; readonly level?: Level };

export type { ListQuery };
export type ListRows<Row> = ListPage<Row> & {
  /** What is missing from the rows, such as those of a broker that does not answer. */
  readonly warning?: string;
  /** For lists whose figures follow from all rows. */
  readonly figures?: readonly Figure[];
};

export type ConsoleList<Row> = {
  readonly path: string;
  readonly title: string;
  readonly lead: string;
  readonly filters: readonly ListFilter[];
  readonly columns: readonly ListColumn<Row>[];
  /** The first order; a minus in front is descending. */
  readonly sort: string;
  /** Shown when there is nothing at all: what it is for, and what to do next. */
  readonly empty: Html | string;
  readonly read: (query: ListQuery) => Promise<ListRows<Row>>;
  /** Absent: `read` tells them. */
  readonly figures?: () => Promise<readonly Figure[]>;
  /** How long a read may take; by default as long as any part of a page. */
  readonly withinMs?: number;
  /** Between the filters and the rows, for those who may change something. */
  readonly actions?: (rows: readonly Row[]) => Html;
  /** What can be done with a row, for those who may change something. */
  readonly rowActions?: (row: Row) => Html;
  /** Rows change while they are looked at: the page refreshes itself. */
  readonly isLive?: boolean;
};

export const ROWS_PER_PAGE = 50;
const FILTER_LENGTH_MAX = 320;
const CURSOR_LENGTH_MAX = 2_000;

/** What a list is asked for, as its URL has it. `texts`: the filters as the form shows them. */
export type Asked = { readonly query: ListQuery; readonly texts: Readonly<Record<string, string>> };

/** @throws GatewayError invalid_request for a filter, an order or a place that the list does not have. */
export function askedOf<Row>(ctx: GatewayContext, list: Pick<ConsoleList<Row>, 'filters' | 'columns' | 'sort'>): Asked {
  const given = (name: string, lengthMax = FILTER_LENGTH_MAX): string => {
    const value = ctx.query[name] ?? '';
    if (typeof value !== 'string' || value.length > lengthMax || !isStorable(value)) {
      throw invalid(`query.${name}`, `${name} must be one text of at most ${lengthMax} characters`);
    }
    return value.trim();
  };
  const texts: Record<string, string> = {};
  const filters: Record<string, string> = {};
  for (const filter of list.filters) {
    const text = given(filter.name);
    if (text === '') continue;
    texts[filter.name] = text;
    filters[filter.name] = valueOf(filter, text);
  }
  const order = given('sort') || list.sort;
  const isDescending = order.startsWith('-');
  const sort = order.replace(/^-/, '');
  const sorts = list.columns.flatMap((column) => column.sort ?? []);
  if (!sorts.includes(sort)) throw invalid('query.sort', `sort must be one of ${sorts.join(', ')}`);
  return { query: { filters, sort, isDescending, after: placeOf(given('after', CURSOR_LENGTH_MAX)), limit: ROWS_PER_PAGE }, texts };
}

function valueOf({ name, is }: ListFilter, text: string): string {
  if (is === 'text') return text;
  if (is === 'moment') {
    const atMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? Date.parse(`${text}:00Z`) : Number.NaN;
    if (Number.isNaN(atMs)) throw invalid(`query.${name}`, `${name} must be a minute, such as 2026-11-20T03:12`);
    return String(atMs);
  }
  if (is.some(([value]) => value === text)) return text;
  throw invalid(`query.${name}`, `${name} must be one of ${is.map(([value]) => value).join(', ')}`);
}

function placeOf(cursor: string): readonly string[] | null {
  if (cursor === '') return null;
  const parts = readCursor(cursor);
  if (!parts?.every((part): part is string => typeof part === 'string' && isStorable(part))) {
    throw invalid('query.after', 'after must be of the page before');
  }
  return parts;
}

/** The address of a list with filters and an order, and the page that begins after a place. */
export function listPath(
  path: string, texts: Readonly<Record<string, string>>,
  { sort, after }: { readonly sort?: string; readonly after?: readonly string[] } = {},
): string {
  const query = new URLSearchParams({
    ...texts, ...(sort === undefined ? {} : { sort }), ...(after === undefined ? {} : { after: writeCursor(after) }),
  }).toString();
  return query === '' ? path : `${path}?${query}`;
}
