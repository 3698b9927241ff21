import type { Micros } from '../kit/money/micros.js';
import { AMOUNTS, figuresOf, type AmountName } from '../ledger/figures.js';
import type { Columns } from '../stores/postgres/unnest.js';

/** One column per amount of an account: `of` says where a row has them. */
export const amountColumns = <Row>(of: (row: Row) => Readonly<Record<AmountName, Micros>>): Columns<Row> =>
  figuresOf(AMOUNTS, (name) => ['bigint', (row: Row) => of(row)[name]] as const);
