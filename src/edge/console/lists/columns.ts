import { toCredits } from '../../../kit/money/credits.js';
import type { Micros } from '../../../kit/money/micros.js';
import { html } from '../../http/html.js';
import { accountLink, count, credits, when } from '../parts.js';
import type { ListColumn, ListFilter } from './list.js';

/** Columns and filters that several lists have. */

/** Credits. A column without a sort is not sorted by. */
export const creditsColumn = <Row>(head: string, of: (row: Row) => Micros, sort?: string): ListColumn<Row> => ({
  head, is: 'number', cell: (row) => credits(of(row)), csv: (row) => toCredits(of(row)), ...(sort === undefined ? {} : { sort }),
});

export const countColumn = <Row>(head: string, of: (row: Row) => number, sort?: string): ListColumn<Row> => ({
  head, is: 'number', cell: (row) => count(of(row)), csv: of, ...(sort === undefined ? {} : { sort }),
});

/** A time; `none` where there is none. */
export const timeColumn = <Row>(head: string, of: (row: Row) => number | null, none: string, sort?: string): ListColumn<Row> => ({
  head, ...(sort === undefined ? {} : { sort }),
  cell: (row, nowMs) => {
    const atMs = of(row);
    return atMs === null ? none : when(atMs, nowMs);
  },
  csv: (row) => {
    const atMs = of(row);
    return atMs === null ? null : new Date(atMs).toISOString();
  },
});

export const textColumn = <Row>(head: string, of: (row: Row) => string | null, sort?: string): ListColumn<Row> => ({
  head, cell: (row) => of(row) ?? '', csv: of, ...(sort === undefined ? {} : { sort }),
});

/** Text of any length. */
export const proseColumn = <Row>(head: string, of: (row: Row) => string | null): ListColumn<Row> =>
  ({ ...textColumn(head, of), is: 'text' });

export const codeColumn = <Row>(head: string, of: (row: Row) => string | null, sort?: string): ListColumn<Row> => ({
  ...textColumn(head, of, sort), cell: (row) => html`<span class="mono">${of(row) ?? ''}</span>`,
});

export const accountColumn = <Row extends { readonly accountId: string }>(sort?: string): ListColumn<Row> => ({
  head: 'Account', cell: ({ accountId }) => accountLink(accountId), csv: ({ accountId }) => accountId,
  ...(sort === undefined ? {} : { sort }),
});

export const ACCOUNT_FILTER: ListFilter = { name: 'account', label: 'Account', hint: 'the whole id', is: 'text' };
export const PERIOD_FILTERS: readonly ListFilter[] = [
  { name: 'from', label: 'From', hint: 'UTC', is: 'moment' }, { name: 'to', label: 'To', hint: 'UTC', is: 'moment' },
];

/** The texts that are there, with a dot between them. */
export const joinTexts = (...texts: readonly (string | null)[]): string =>
  [...new Set(texts.filter((text): text is string => text !== null && text !== ''))].join(' · ');
