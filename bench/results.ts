import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../src/kit/paths.js';
import type { Figure, PartResult, Table } from './part.js';
import { svgOf } from './plot.js';
import { median } from './statistics.js';

/** How figures are shown: as text, and as files. */

const FOLDER = join(projectRoot, 'bench/results');
const [BEGIN, END] = ['<!-- bench:begin -->', '<!-- bench:end -->'];

const NOT_MEASURED = 'not measured';

function shown(value: number, unit = ''): string {
  if (Number.isNaN(value)) return NOT_MEASURED;
  return `${value.toFixed(Math.abs(value) >= 100 ? 0 : 2)}${unit === '' ? '' : ` ${unit}`}`;
}

/** A cell of a table; the median of nothing is no number. */
const cellText = (cell: string | number): string => (String(cell).startsWith('NaN') ? NOT_MEASURED : String(cell));

/** Undefined: it has no target, or was not measured. */
function isMet({ target, values }: Figure): boolean | undefined {
  const value = median(values);
  if (target === undefined || Number.isNaN(value)) return undefined;
  return 'atMost' in target ? value <= target.atMost : value >= target.atLeast;
}

const targetText = ({ target, unit = '' }: Figure): string =>
  (target === undefined ? '' : `${'atMost' in target ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`}${unit === '' ? '' : ` ${unit}`}`);

const spreadText = ({ values }: Figure): string =>
  (values.length < 2 || Number.isNaN(median(values)) ? '' : `${shown(Math.min(...values))} to ${shown(Math.max(...values))}`);

const metText = (figure: Figure): string => {
  const met = isMet(figure);
  return met === undefined ? '' : met ? 'met' : 'missed';
};

/** The result of a part for a terminal. */
export function printed(name: string, { figures, tables, notes = [] }: PartResult): string {
  const rows = figures.map((figure) => (
    [figure.id, figure.name, shown(median(figure.values), figure.unit), spreadText(figure), targetText(figure), metText(figure)]));
  return [
    ...tables.map(textTable),
    textTable({ title: `${name}: medians and spread`, columns: ['', '', 'median', 'spread', 'target', ''], rows }),
    ...notes.map((note) => `- ${note}`), '',
  ].join('\n');
}

function textTable({ title, columns, rows }: Table): string {
  const all = [columns, ...rows].map((row) => row.map(cellText));
  const widths = columns.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const isText = (column: number): boolean =>
    rows.some((row) => typeof row[column] === 'string' && !/^(?:[-\d.,]*|NaN)$/.test(row[column]));
  const lines = all.map((row) => row.map((cell, column) =>
    (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd());
  return [title, ...lines.map((line) => `  ${line}`), ''].join('\n');
}

type Kept = Pick<PartResult, 'figures' | 'tables'> & {
  readonly notes: readonly string[]; readonly measuredAt: string; readonly machine: string;
  readonly quick: boolean;
};

/** Writes what was measured to bench/results and into the README. Parts that were not run keep their last results. */
export function writeResults(results: ReadonlyMap<string, PartResult>, order: readonly string[], quick: boolean): void {
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, 'results.json');
  const machine = `${cpus().length} processors (${cpus()[0]?.model.trim() ?? 'unknown'}), Node ${process.version}`;
  const earlier = readJson(file);
  const kept = new Map<string, Kept>(order.flatMap((name) => {
    const result = results.get(name);
    if (result === undefined) return earlier[name] === undefined ? [] : [[name, earlier[name]]];
    for (const plot of result.plots ?? []) writeFileSync(join(FOLDER, `${plot.file}.svg`), svgOf(plot));
    const figures = result.figures.map((figure) => ({ ...figure, values: figure.values.map((value) => Number(value.toPrecision(4))) }));
    return [[name, { measuredAt: new Date().toISOString(), machine, quick, figures, tables: result.tables, notes: result.notes ?? [] }]];
  }));
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(kept), null, 1)}\n`);
  writeFileSync(join(FOLDER, 'table.md'), detailsOf(kept));
  writeBlock('README.md', figureTable(kept));
  for (const { blocks = {} } of results.values()) for (const [page, text] of Object.entries(blocks)) writeBlock(page, text);
}

/** Replaces what is between the marks of a page. */
function writeBlock(page: string, text: string): void {
  const path = join(projectRoot, page);
  const written = readFileSync(path, 'utf8');
  const [begin, end] = [written.indexOf(BEGIN), written.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${page} has no ${BEGIN} and ${END}`);
  writeFileSync(path, `${written.slice(0, begin + BEGIN.length)}\n${text}\n${written.slice(end)}`);
}

function readJson(file: string): Readonly<Record<string, Kept>> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, Kept>>;
  } catch {
    return {};
  }
}

const HINT = '\n**Some of these come from `--quick`, with few cold requests: they mean little.**';

const line = (cells: readonly (string | number)[]): string => `| ${cells.map(cellText).join(' | ')} |`;

const markdownTable = (columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');

/** The figures of all parts, in the order of their targets. */
function figureTable(kept: ReadonlyMap<string, Kept>): string {
  const parts = [...kept.values()];
  const figures = parts.flatMap((part) => part.figures).filter(({ target }) => target !== undefined);
  const number = ({ id }: Figure): number => Number(id.slice(1));
  const rows = figures.toSorted((a, b) => number(a) - number(b)).map((figure) => {
    const value = shown(median(figure.values), figure.unit);
    return [
      figure.id, figure.name, targetText(figure), isMet(figure) === false ? `**${value}**` : value, spreadText(figure), metText(figure),
      figure.limitedBy ?? '',
    ];
  });
  const machines = [...new Set(parts.map(({ machine }) => machine))].join('; ');
  const isQuick = parts.some(({ quick }) => quick);
  const last = parts.map(({ measuredAt }) => measuredAt).sort().at(-1)?.slice(0, 10) ?? '';
  const table = markdownTable(['', 'Figure', 'Target', 'Median', 'Spread', '', 'Limited by'], rows);
  return `${table}\n\n${machines}; ${last}.${isQuick ? HINT : ''}`;
}

function detailsOf(kept: ReadonlyMap<string, Kept>): string {
  const parts = [...kept].map(([name, { measuredAt, machine, tables, notes }]) => [
    `## ${name}`, `${machine}; ${measuredAt}.`, ...tables.map(({ title, columns, rows }) => `${title}.\n\n${markdownTable(columns, rows)}`),
    ...(notes.length === 0 ? [] : [notes.map((note) => `- ${note}`).join('\n')]),
  ].join('\n\n'));
  return `${['# Results of `npm run bench`', figureTable(kept), ...parts].join('\n\n')}\n`;
}
