import type { ListedPrice } from '../../../credits/prices/list-prices.js';
import { DIMENSIONS, isPiece, type Dimension, type PriceVersion } from '../../../credits/prices/price.js';
import { html } from '../../http/html.js';
import { badge, count, plural } from '../parts.js';
import { proseColumn, textColumn, timeColumn } from './columns.js';
import { listPath, type ConsoleList, type ListColumn, type ListQuery, type ListRows } from './list.js';
import { memoryPage, mentions } from './memory-list.js';

export type PriceReads = {
  /** Every version of every book, the newest first. */
  readonly prices: () => readonly ListedPrice[];
};

const PATH = '/console/prices';
/** Dimensions with a column of their own; the others are told together. */
const SHOWN = ['input', 'output', 'cachedRead'] as const;
const HEADS: Readonly<Record<(typeof SHOWN)[number], string>> = { input: 'Input', output: 'Output', cachedRead: 'Cached' };

const priceOf = (row: PriceVersion, dimension: Dimension): string => row.prices[dimension] ?? '';
const UNITS: Readonly<Record<PriceVersion['unit'], string>> = { 1: 'token', 1_000: '1K tokens', 1_000_000: '1M tokens' };
const unitOf = ({ unit }: PriceVersion): string => UNITS[unit];

const since = timeColumn<ListedPrice>(
  'In effect from', ({ effectiveFromMs }) => (effectiveFromMs === 0 ? null : effectiveFromMs), 'the beginning',
);
const whoAndWhy = ({ createdBy, note }: ListedPrice): string => (note === '' ? createdBy : `${createdBy}: ${note}`);

const columns: readonly ListColumn<ListedPrice>[] = [
  {
    head: 'Model', sort: 'model', csv: ({ model }) => model,
    cell: ({ book, model, provider }) =>
      html`<a class="mono name" href="${listPath(PATH, { book, model, show: 'all' })}" title="All versions">${model}</a>${provider === ''
        ? [] : html`<small>${provider}</small>`}`,
  },
  textColumn('Book', ({ book }) => book, 'book'), { head: 'Provider', sort: 'provider', csv: ({ provider }) => provider },
  ...SHOWN.map((dimension): ListColumn<ListedPrice> => ({
    head: HEADS[dimension], is: 'number', cell: (row) => priceOf(row, dimension), csv: (row) => row.prices[dimension],
  })),
  textColumn('Per', unitOf), proseColumn('More', moreOf),
  {
    head: 'State', csv: ({ when, state }) => `${when}, ${state}`,
    cell: ({ when, state, isDefault }) => html`${badge(
      when === 'current' && state === 'active' ? 'good' : when === 'scheduled' ? 'notice' : 'unknown', when === 'current' ? state : when,
    )}${isDefault ? html` ${badge('notice', 'default')}` : []}`,
  },
  { head: 'Version', sort: 'version', csv: ({ version }) => version },
  {
    head: 'In effect from', is: 'text', sort: 'from', csv: since.csv ?? (() => null),
    cell: (row, nowMs) => html`${since.cell?.(row, nowMs) ?? ''}<small>version ${count(row.version)}, ${whoAndWhy(row)}</small>`,
  },
  { head: 'Who and why', csv: whoAndWhy },
];

function moreOf(row: ListedPrice): string {
  const others = DIMENSIONS.filter((dimension) => !SHOWN.some((each) => each === dimension) && row.prices[dimension] !== null);
  return [
    ...(row.moneyPerCredit === null ? [] : [`money, ${row.moneyPerCredit} for a credit`]),
    ...(row.aliasOf === null ? [] : [`another name for ${row.aliasOf}`]),
    ...others.map((dimension) => `${dimension} ${priceOf(row, dimension)}${isPiece(dimension) ? ' each' : ''}`),
    ...(row.tiers.length === 0 ? [] : [`${count(row.tiers.length)} more rates by length or tier`]),
    ...(row.marginPercent === '0' ? [] : [`margin ${row.marginPercent} %`]),
  ].join(', ');
}

/** Prices of all books, now or as they ever were. */
export const priceList = ({ prices }: PriceReads): ConsoleList<ListedPrice> => ({
  path: PATH, title: 'Prices', sort: 'model', columns,
  lead: 'What models cost, by price book. A change is a new version; a version never changes.',
  filters: [
    { name: 'model', label: 'Model', hint: 'contains', is: 'text' }, { name: 'book', label: 'Book', hint: 'its name', is: 'text' },
    { name: 'show', label: 'Show', none: 'Current', is: [['scheduled', 'Scheduled'], ['all', 'All versions']] },
  ],
  empty: 'Without prices every model is unknown. Import a price map.',
  actions: () => html`<div class="actions"><a class="button" href="${PATH}/import">Preview an import</a></div>`,
  read: (query: ListQuery): Promise<ListRows<ListedPrice>> => {
    const all = prices();
    const { show, ...filters } = query.filters;
    const shown = show === 'all' ? all : all.filter(({ when }) => when === (show ?? 'current'));
    const current = all.filter(({ when }) => when === 'current');
    const scheduled = all.filter(({ when }) => when === 'scheduled').length;
    return Promise.resolve({
      ...memoryPage(shown, columns, {
        model: ({ model, aliasOf }, value) => mentions(value, model, aliasOf), book: ({ book }, value) => book === value,
      }, { ...query, filters }),
      figures: [
        { title: 'Prices', value: count(current.length), note: `in ${plural(new Set(current.map(({ book }) => book)).size, 'book')}` },
        { title: 'Scheduled', value: count(scheduled), note: 'take effect later', level: scheduled > 0 ? 'notice' : 'good' },
        { title: 'Versions', value: count(all.length), note: 'ever written' },
      ],
    });
  },
});
