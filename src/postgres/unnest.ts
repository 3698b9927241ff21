import type { Knex } from 'knex';

/**
 * The rows of a batch as one `unnest(…)` source: one array per column, each bound under its column's name, so that no
 * two columns can be swapped by position (style R5 for SQL).
 */
export type Columns<Row> = Readonly<Record<string, readonly [type: ColumnType, value: (row: Row) => ColumnValue]>>;
export type ColumnType = 'text' | 'bigint' | 'integer' | 'boolean' | 'double precision';
export type ColumnValue = string | number | boolean | null;

export type UnnestSource<Row> = {
  /** `unnest(?::text[], …) as <alias> (<names>)`; belongs after `from`. */
  readonly sql: string;
  readonly names: readonly string[];
  bind(rows: readonly Row[]): Knex.RawBinding[];
};

export function unnestSource<Row>(alias: string, columns: Columns<Row>): UnnestSource<Row> {
  const names = Object.keys(columns);
  const definitions = Object.values(columns);
  return {
    sql: `unnest(${definitions.map(([type]) => `?::${type}[]`).join(', ')}) as ${alias} (${names.join(', ')})`,
    names,
    // knex' types know arrays of one type only; nulls among them are as good.
    bind: (rows) => definitions.map(([, value]) => rows.map(value) as string[]),
  };
}

/** SQL that reads a column of milliseconds since 1970 as timestamptz. Exact: a double holds microseconds until 2255. */
export const fromMs = (column: string): string => `to_timestamp(${column} / 1000)`;

/** SQL that reads a timestamptz as milliseconds since 1970. */
export const toMs = (column: string): string => `(extract(epoch from ${column}) * 1000)::bigint`;
