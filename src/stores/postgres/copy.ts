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
  const values = Object.entries(columns).map(([name, [, value]]): ((row: Row, timeText: TimeText) => string) =>
    (times.includes(name) ? (row, timeText) => timeText(value(row)) : (row) => fieldText(value(row))));
  const text = `copy ${table} (${names.map((name) => (times.includes(name) ? name.slice(0, -'_ms'.length) : name)).join(', ')}) from stdin`;
  return async (trx, rows) => {
    if (rows.length === 0) return;
    const timeText = timeTexts();
    let data = '';
    for (const row of rows) {
      let separator = '';
      for (const value of values) {
        data += separator + value(row, timeText);
        separator = '\t';
      }
      data += '\n';
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

type TimeText = (ms: ColumnValue) => string;

/** Times as text, to the millisecond. Rows of a batch share few seconds. Throws RangeError for what is no time. */
function timeTexts(): TimeText {
  const seconds = new Map<number, string>();
  return (value) => {
    if (value === null) return '\\N';
    const ms = Number(value);
    const second = Math.floor(ms / MS_PER_SECOND);
    let text = seconds.get(second);
    if (text === undefined) seconds.set(second, text = secondText(second));
    return `${text}.${String(Math.floor(ms) - second * MS_PER_SECOND).padStart(3, '0')}Z`;
  };
}

const MS_PER_SECOND = 1_000;

/** Postgres writes years beyond 9999 without a sign. */
function secondText(second: number): string {
  const text = new Date(second * MS_PER_SECOND).toISOString().slice(0, -'.000Z'.length);
  return text.startsWith('+') ? text.slice(1).replace(/^0+/, '') : text;
}
