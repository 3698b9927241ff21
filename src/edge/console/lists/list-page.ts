import { html, type Html } from '../../http/html.js';
import type { Known } from '../overview.js';
import { banner, card, table, type Column } from '../parts.js';
import { listPath, type Asked, type ConsoleList, type Figure, type ListFilter, type ListRows } from './list.js';

export type ListView<Row> = {
  readonly list: ConsoleList<Row>;
  readonly asked: Asked;
  readonly found: Known<ListRows<Row>>;
  readonly figures: Known<readonly Figure[]>;
  readonly canAct: boolean;
  readonly nowMs: number;
};

/** The page of a list: its figures, its filters, and the rows that were found. */
export function listBody<Row>(view: ListView<Row>): Html {
  const { list, asked: { texts, query }, found, figures } = view;
  const order = { sort: `${query.isDescending ? '-' : ''}${query.sort}` };
  const told = 'value' in found && found.value.figures !== undefined ? { value: found.value.figures } : figures;
  return html`<div class="head"><div><h1>${list.title}</h1>
<p class="lead">${list.lead}</p></div>
<a class="button quiet" href="${listPath(`${list.path}.csv`, texts, order)}">Download CSV</a></div>
<div data-live="figures">${'value' in told
  ? html`<div class="cards">${told.value.map((each) => card(each.title, each.value, each.note, each.level ?? ''))}</div>`
  : html`<p class="note">The figures could not be read.</p>`}</div>
${list.filters.length === 0 ? [] : filtersOf(view, order.sort)}
<div data-live="rows">${'value' in found
  ? rowsOf(view, found.value)
  : banner('bad', 'The list could not be read. Reload the page to try again.')}</div>`;
}

function filtersOf<Row>({ list, asked: { texts } }: ListView<Row>, sort: string): Html {
  return html`<form class="filters" method="get" action="${list.path}" aria-label="Filters">
${list.filters.map((filter) => html`<div><label for="f-${filter.name}">${filter.label}${filter.hint === undefined
  ? []
  : html` <span class="hint">${filter.hint}</span>`}</label>${fieldOf(filter, texts[filter.name] ?? '')}</div>
`)}<input type="hidden" name="sort" value="${sort}">
<div class="go"><button>Filter</button>${Object.keys(texts).length === 0
  ? []
  : html` <a class="button quiet" href="${list.path}">Clear</a>`}</div></form>`;
}

function fieldOf({ name, is, none = 'All' }: ListFilter, value: string): Html {
  if (is === 'text') {
    return html`<input type="search" id="f-${name}" name="${name}" value="${value}" maxlength="320" autocomplete="off" spellcheck="false">`;
  }
  if (is === 'moment') return html`<input type="datetime-local" id="f-${name}" name="${name}" value="${value}">`;
  return html`<select id="f-${name}" name="${name}"><option value="">${none}</option>${is.map(([each, label]) =>
    html`<option value="${each}"${each === value ? html` selected` : []}>${label}</option>`)}</select>`;
}

function rowsOf<Row>({ list, asked: { texts, query }, canAct, nowMs }: ListView<Row>, { rows, next, warning }: ListRows<Row>): Html {
  const sort = `${query.isDescending ? '-' : ''}${query.sort}`;
  const acts = canAct && list.rowActions !== undefined ? list.rowActions : null;
  const shown = list.columns.flatMap(({ cell, ...column }) => (cell === undefined ? [] : [{ ...column, cell }]));
  const columns: Column[] = [
    ...shown.map(({ head, is, sort: by }): Column => ({
      head, ...(is === undefined ? {} : { is }),
      ...(by === undefined ? {} : { order: orderOf(list.path, texts, by, sort, is === 'number') }),
    })),
    ...(acts === null ? [] : [{ head: 'Actions' }]),
  ];
  const isFirst = query.after === null;
  const isFiltered = Object.keys(texts).length > 0;
  return html`${warning === undefined ? [] : banner('bad', warning)}
${canAct && list.actions !== undefined ? list.actions(rows) : []}
${rows.length === 0 && !isFiltered && isFirst
    ? html`<div class="empty"><h2>Nothing here yet</h2><p>${list.empty}</p></div>`
    : table(list.title, columns, rows.map((row) => [
      ...shown.map(({ cell }) => cell(row, nowMs)), ...(acts === null ? [] : [acts(row)]),
    ]), 'Nothing matches these filters.')}
${isFirst && next === null ? [] : html`<nav class="pages" aria-label="Pages">${isFirst
  ? []
  : html`<a class="button quiet" href="${listPath(list.path, texts, { sort })}">First page</a>`}${next === null
  ? []
  : html` <a class="button quiet" href="${listPath(list.path, texts, { sort, after: next })}">Next page</a>`}</nav>`}`;
}

/** A click sorts by the column; another one turns the order round. Numbers begin with the largest. */
function orderOf(
  path: string, texts: Readonly<Record<string, string>>, by: string, sort: string, isNumber: boolean,
): NonNullable<Column['order']> {
  const is = sort === by ? 'ascending' : sort === `-${by}` ? 'descending' : null;
  const next = is === null ? isNumber : is === 'ascending';
  return { is, href: listPath(path, texts, { sort: `${next ? '-' : ''}${by}` }) };
}
