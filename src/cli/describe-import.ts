import type { ImportItem, ImportPlan, PriceChange } from '../credits/prices/plan-import.js';

type Section = { readonly status: ImportItem['status']; readonly title: string };

const SECTIONS: readonly Section[] = [
  { status: 'new', title: 'new' },
  { status: 'changed', title: 'changed' },
  { status: 'needs_force', title: 'left out without --force' },
  { status: 'skipped', title: 'skipped' },
];

/** The difference between a book and a price map, as readable lines; prices are credits per million tokens. */
export function describeImport({ items, unused }: ImportPlan): string[] {
  const withStatus = (status: ImportItem['status']): ImportItem[] => items.filter((item) => item.status === status);
  const sections = SECTIONS.flatMap(({ status, title }) => {
    const found = withStatus(status);
    return found.length === 0 ? [] : [`${title} (${found.length})`, ...found.map((item) => `  ${describeItem(item)}`), ''];
  });
  const counts = [...SECTIONS, { status: 'unchanged', title: 'unchanged' } as const].map(({ status, title }) =>
    `${withStatus(status).length} ${title}`);
  const fields = unused.size === 0 ? [] : [
    'price fields that are not used, and in how many entries', ...[...unused].map(([field, count]) => `  ${field} ${count}`), '',
  ];
  return [...sections, ...fields, `${items.length} entries: ${counts.join(', ')}`];
}

function describeItem({ model, provider, changes, reason, notes }: ImportItem): string {
  const isKnown = changes.some(({ from }) => from !== null);
  const prices = changes.map(isKnown ? describeChange : ({ what, to }) => `${what} ${to ?? 0}`).join(', ');
  const name = provider === '' ? model : `${provider} ${model}`;
  return `${[name, reason, prices].filter((part) => part !== '').join(': ')}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

const describeChange = ({ what, from, to, factor }: PriceChange): string =>
  `${what} ${from ?? 'not sold'} -> ${to ?? 'not sold'}${factor === null ? '' : ` ×${Number(factor.toPrecision(3))}`}`;
