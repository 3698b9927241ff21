import Type, { type TSchema } from 'typebox';
import { invalid } from '../../kit/errors.js';
import { LIST_MAX } from '../../kit/limits.js';
import type { GatewayContext } from '../http/context.js';
import { readCursor, writeCursor } from '../http/cursor.js';
import { queryNumber, queryText } from '../http/query-fields.js';

const LIMIT_DEFAULT = 100;
const CURSOR_LENGTH_MAX = 1_000;

/** The query of every list of `/v1`: `query: { ...ListQuery, … }`. */
export const ListQuery = {
  limit: Type.Optional(Type.Integer({
    minimum: 1, maximum: LIST_MAX, default: LIMIT_DEFAULT, description: 'at most this many items of one page',
  })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: CURSOR_LENGTH_MAX, description: '`nextCursor` of the page before' })),
};

/** The answer of every list of `/v1`. */
export const ListOf = <Item extends TSchema>(item: Item) => Type.Object({
  data: Type.Array(item),
  nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'for the next page; null on the last one' }),
});

export const limitIn = (ctx: GatewayContext): number => queryNumber(ctx, 'limit', 1, LIST_MAX) ?? LIMIT_DEFAULT;

/**
 * The position in `cursor`, which `read` makes of the parts that `listPage` was given, or null if they are not its own. A cursor
 * is a position and no secret: a forged one only begins elsewhere.
 *
 * @throws GatewayError invalid_request for what is no cursor of this list.
 */
export function cursorIn<Position>(ctx: GatewayContext, read: (parts: readonly unknown[]) => Position | null): Position | undefined {
  const text = queryText(ctx, 'cursor', CURSOR_LENGTH_MAX);
  if (text === undefined) return undefined;
  const parts = readCursor(text);
  const position = parts === null ? null : read(parts);
  if (position === null) throw invalid('query.cursor', 'must be nextCursor of an earlier page of this list');
  return position;
}

/** A page of at most `limit` rows, of which one more was read to see whether another page follows. */
export function listPage<Row>(
  rows: readonly Row[], limit: number, present: (row: Row) => object, positionOf: (row: Row) => readonly unknown[],
): { readonly data: readonly object[]; readonly nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { data: page.map(present), nextCursor: rows.length > limit && last !== undefined ? writeCursor(positionOf(last)) : null };
}

/** A list that is short by its nature, on one page. */
export const wholeList = (data: readonly object[]): object => ({ data, nextCursor: null });
