import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import Type from 'typebox';
import type { GatewayContext } from './context.js';

/** How a list of any length may be asked for with `Accept`, beside JSON. */
export const ROW_FORMATS = { 'text/csv': Type.String(), 'application/x-ndjson': Type.String() } as const;
export type RowFormat = keyof typeof ROW_FORMATS;

/** A row as it is sent: one value per column. */
export type FlatRow = Readonly<Record<string, string | number | null>>;

/** Rows of one chunk of an answer. */
const ROWS_PER_CHUNK = 200;

/** What `Accept` prefers; null for JSON, which is also the answer to a request that accepts none of these. */
export function rowFormatIn(ctx: GatewayContext): RowFormat | null {
  ctx.vary('Accept');
  const accepted = ctx.accepts(['application/json', ...Object.keys(ROW_FORMATS)]);
  return accepted === false || !(accepted in ROW_FORMATS) ? null : accepted as RowFormat;
}

/**
 * Answers 200 with all rows, as fast as the client takes them: at most a chunk waits in memory. `rows` is ended when the
 * client has all of them or is gone. A failure after the first row ends the connection, so that a client sees that rows
 * are missing.
 */
export function replyRows<Row>(
  ctx: GatewayContext, format: RowFormat, columns: readonly string[], rows: AsyncGenerator<Row, void, void>, present: (row: Row) => FlatRow,
): void {
  const chunks = format === 'text/csv' ? csvOf(columns, rows, present) : linesOf(rows, present);
  const body = Readable.from(chunks);
  // A generator that was never asked for a value does not end those that it reads from.
  body.once('close', () => { rows.return().catch(() => undefined); });
  body.once('error', () => { ctx.res.destroy(); });
  ctx.status = 200;
  ctx.res.setHeader('Content-Type', format === 'text/csv' ? 'text/csv; charset=utf-8; header=present' : format);
  ctx.body = body;
}

async function* csvOf<Row>(columns: readonly string[], rows: AsyncIterable<Row>, present: (row: Row) => FlatRow): AsyncGenerator<string> {
  yield stringify([columns], CSV);
  for await (const chunk of inChunks(rows)) {
    yield stringify(chunk.map((row) => {
      const flat = present(row);
      return columns.map((name) => cell(flat[name] ?? null));
    }), CSV);
  }
}

async function* linesOf<Row>(rows: AsyncIterable<Row>, present: (row: Row) => FlatRow): AsyncGenerator<string> {
  for await (const chunk of inChunks(rows)) yield chunk.map((row) => `${JSON.stringify(present(row))}\n`).join('');
}

async function* inChunks<Row>(rows: AsyncIterable<Row>): AsyncGenerator<Row[]> {
  let chunk: Row[] = [];
  for await (const row of rows) {
    chunk.push(row);
    if (chunk.length < ROWS_PER_CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** RFC 4180. */
const CSV = { record_delimiter: '\r\n' } as const;
const PLAIN_NUMBER = /^-?\d+(?:\.\d+)?$/;
/** What a spreadsheet takes for the beginning of a formula, the full-width forms included. */
const FORMULA = /^(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/;

/** Texts of callers must not become formulas where a file is opened: such a text gets an apostrophe in front. */
const cell = (value: string | number | null): string | number | null =>
  (typeof value === 'string' && FORMULA.test(value) && !PLAIN_NUMBER.test(value) ? `'${value}` : value);
