import pg from 'pg';
import type { Trx } from './connect.js';
import type { Columns, ColumnValue } from './unnest.js';

/** Writes rows into a table, in the transaction of the caller. */
export type CopyTarget<Row> = (trx: Trx, rows: readonly Row[]) => Promise<void>;

/**
 * Rows of a batch by COPY: Postgres writes them many at a time and plans nothing, which takes it half of the time of an INSERT.
 * Columns are those of `unnestSource`; one of `times` has milliseconds since 1970 (`at_ms`), and its column of the table has no `_ms`.
 */
export function copyInto<Row>(table: string, columns: Columns<Row>, times: readonly string[]): CopyTarget<Row> {
  const names = Object.keys(columns);
  const values = Object.entries(columns).map(([name, [, value]]): ((row: Row) => string) =>
    (times.includes(name) ? (row) => timeText(value(row)) : (row) => fieldText(value(row))));
  const text = `copy ${table} (${names.map((name) => (times.includes(name) ? name.slice(0, -'_ms'.length) : name)).join(', ')}) from stdin`;
  return async (trx, rows) => {
    if (rows.length === 0) return;
    let data = '';
    for (const row of rows) {
      let line = '';
      for (const value of values) line += (line === '' ? '' : '\t') + value(row);
      data += `${line}\n`;
    }
    const connection = await connectionOf(trx);
    // The connection may have gone back to the pool while this waited for its turn.
    if (trx.isCompleted()) throw new Error(`the transaction of a copy into ${table} has ended`);
    await new Promise<void>((resolve, reject) => {
      connection.query(new CopyQuery(text, Buffer.from(data)), (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  };
}

/**
 * Sends the rows right behind the statement, so it takes one round trip and may be one of several statements under way on a connection
 * with `pipeline`. When the statement fails, Postgres passes over the rows.
 */
class CopyQuery extends pg.Query {
  override readonly submit: pg.Query['submit'];

  constructor(text: string, data: Buffer) {
    super(text);
    this.submit = (connection) => {
      const wire = connection as unknown as Wire;
      wire.stream.cork();
      wire.query(text);
      wire.sendCopyFromChunk(data);
      wire.endCopyFrom();
      wire.stream.uncork();
    };
  }

  /** Postgres is ready for the rows, which have been sent. */
  handleCopyInResponse(): void { /* nothing is left to do */ }
}

/** What pg has for COPY, without types. */
type Wire = {
  readonly stream: { cork(): void; uncork(): void };
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
};

type CopyConnection = { query(query: pg.Query, callback: (error: Error | null | undefined) => void): void };

/** The connection of a transaction: knex has no COPY. */
const connectionOf = (trx: Trx): Promise<CopyConnection> =>
  (trx.client as { acquireConnection(): Promise<CopyConnection> }).acquireConnection();

const SPECIAL = /[\\\t\n\r]/;
const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A value in the text format of COPY. */
export function fieldText(value: ColumnValue): string {
  if (typeof value !== 'string') return value === null ? '\\N' : String(value);
  return SPECIAL.test(value) ? value.replace(/[\\\t\n\r]/g, (character) => ESCAPED[character] ?? character) : value;
}

/** Postgres writes years beyond 9999 without a sign. Throws RangeError for what is no time. */
function timeText(ms: ColumnValue): string {
  if (ms === null) return '\\N';
  const text = new Date(Number(ms)).toISOString();
  return text.startsWith('+') ? text.slice(1).replace(/^0+/, '') : text;
}
