/**
 * The rows of a batch as one `unnest(…)` source: one array per column, bound by the column's name, so that columns
 * cannot be swapped by position (CONTRIBUTING.md#typescript).
 */
export type Columns<Row> = Readonly<Record<string, readonly [type: ColumnType, value: (row: Row) => ColumnValue]>>;
export type ColumnType = 'text' | 'bigint' | 'integer' | 'boolean' | 'double precision' | 'numeric';
export type ColumnValue = string | number | boolean | null;

export type UnnestSource<Row> = {
  /** `unnest(?::text[], …) as <alias> (<names>)`; belongs after `from`. */
  readonly sql: string;
  readonly names: readonly string[];
  /** One array literal per column. Built here: pg's own conversion takes twice the time of everything else in a batch. */
  bind(rows: readonly Row[]): string[];
};

export function unnestSource<Row>(alias: string, columns: Columns<Row>): UnnestSource<Row> {
  const names = Object.keys(columns);
  const definitions = Object.values(columns);
  return {
    sql: `unnest(${definitions.map(([type]) => `?::${type}[]`).join(', ')}) as ${alias} (${names.join(', ')})`,
    names,
    bind: (rows) => definitions.map(([, value]) => arrayLiteral(rows, value)),
  };
}

function arrayLiteral<Row>(rows: readonly Row[], valueOf: (row: Row) => ColumnValue): string {
  let literal = '{';
  for (const row of rows) {
    const value = valueOf(row);
    if (literal.length > 1) literal += ',';
    literal += typeof value === 'string' ? quoted(value) : value === null ? 'NULL' : String(value);
  }
  return `${literal}}`;
}

/** Inside quotes only the quote and the backslash are special. */
const quoted = (text: string): string => `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;

/** SQL that reads a column of milliseconds since 1970 as timestamptz. Exact: a double holds microseconds until 2255. */
export const fromMs = (column: string): string => `to_timestamp(${column} / 1000)`;

/** SQL that reads a timestamptz as milliseconds since 1970. */
export const toMs = (column: string): string => `(extract(epoch from ${column}) * 1000)::bigint`;
