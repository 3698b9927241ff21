import type { Figure, PartResult, Table } from './part.js';
import { median } from './statistics.js';

/** How figures are shown: as text, and as files. */

const shown = (value: number): string =>
  (Number.isNaN(value) ? 'not measured' : Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2));

/** Undefined: it has no target. */
export function isMet({ target, values }: Figure): boolean | undefined {
  if (target === undefined || values.length === 0) return undefined;
  return 'atMost' in target ? median(values) <= target.atMost : median(values) >= target.atLeast;
}

const targetText = ({ target }: Figure): string =>
  (target === undefined ? '' : 'atMost' in target ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`);

/** The result of a part for a terminal. */
export function printed(name: string, { figures, tables, notes = [] }: PartResult): string {
  const rows = figures.map((figure) => {
    const met = isMet(figure);
    return [
      figure.id, figure.name, shown(median(figure.values)), `${shown(Math.min(...figure.values))} to ${shown(Math.max(...figure.values))}`,
      targetText(figure), met === undefined ? '' : met ? 'met' : 'MISSED',
    ];
  });
  return [
    ...tables.map(textTable),
    textTable({ title: `${name}: medians and spread`, columns: ['', '', 'median', 'spread', 'target', ''], rows }),
    ...notes.map((note) => `- ${note}`), '',
  ].join('\n');
}

function textTable({ title, columns, rows }: Table): string {
  const all = [columns, ...rows].map((row) => row.map(String));
  const widths = columns.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const isText = (column: number): boolean => rows.some((row) => typeof row[column] === 'string' && !/^[-\d.,]*$/.test(row[column]));
  const lines = all.map((row) => row.map((cell, column) =>
    (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd());
  return [title, ...lines.map((line) => `  ${line}`), ''].join('\n');
}

export function writeResults(_results: ReadonlyMap<string, PartResult>): void {
  // follows
}
