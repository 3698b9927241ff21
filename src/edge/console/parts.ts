import { toCredits } from '../../kit/money/credits.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Facts } from '../../ledger/facts.js';
import { listFacts } from '../../ledger/list-facts.js';
import { html, type Html } from '../http/html.js';

/** Building blocks of the pages. */

/** `unknown`: the value could not be read, so it must not look good. */
export type Level = 'good' | 'notice' | 'bad' | 'unknown';

export const badge = (level: Level, text: string | Html): Html => html`<span class="badge ${level}">${text}</span>`;

export const banner = (level: Level, ...texts: readonly (string | Html)[]): Html =>
  html`<div class="banner ${level}" role="note">${texts.map((text) => html`<p>${text}</p>`)}</div>`;

/** A number of credits with thousands separators. */
export const amount = (number: number): string => number.toLocaleString('en-US', { maximumFractionDigits: 6 });

/** Credits with all six decimal places where needed. */
export const credits = (micros: Micros): string => amount(toCredits(micros));

/** Credits with a sign; '' for 0. */
export const change = (micros: Micros): string => (micros === 0 ? '' : `${micros > 0 ? '+' : '−'}${credits(Math.abs(micros) as Micros)}`);

export const count = (value: number): string => value.toLocaleString('en-US');

/** A number with what it counts. */
export const plural = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`;

/** Why a request was refused, where its code alone would not tell. */
const REASONS: Readonly<Record<string, string>> = {
  idempotency_mismatch: 'key or hold id used for another request', limit_exceeded: 'more than an account may have',
  check_negative: 'a check answered no', not_permitted: 'a check answered not permitted', internal: 'a fault of the gateway',
};

/** The code of a refusal in words. */
export const reasonName = (code: string): string => REASONS[code] ?? code.replaceAll('_', ' ');

/** A time, in UTC to the second. */
export function moment(atMs: number): Html {
  const iso = new Date(atMs).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}

/** A time, and its distance from now. */
export const when = (atMs: number, nowMs: number): Html => html`${moment(atMs)} <small>${distance(atMs - nowMs)}</small>`;

const UNITS = [['d', 86_400], ['h', 3_600], ['min', 60], ['s', 1]] as const;

export function duration(seconds: number): string {
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? ['s', 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

/** How far away a time is: `3 min ago`, `in 20 s`. */
export function distance(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1_000);
  if (seconds === 0) return 'now';
  return ms < 0 ? `${duration(seconds)} ago` : `in ${duration(seconds)}`;
}

/** `order`: what a click on the head does, and how the rows are sorted by it now. */
export type Column = {
  readonly head: string;
  readonly is?: 'number' | 'text';
  readonly order?: { readonly href: string; readonly is: 'ascending' | 'descending' | null };
};
export type Cell = Html | string | number;

/** A narrow screen shows tables with more columns as one block per row. */
const PHONE_COLUMNS_MAX = 4;

/** A table whose first column is the header of its rows, or the text `none` when there are no rows. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Cell[])[], none: string): Html {
  if (rows.length === 0) return html`<p class="note">${none}</p>`;
  const isWide = columns.length > PHONE_COLUMNS_MAX;
  const cell = (value: Cell, index: number): Html => {
    const { head, is } = columns[index] ?? { head: '' };
    if (index === 0) return html`<th scope="row" class="${is ?? ''}">${value}</th>`;
    return html`<td class="${is ?? ''}"${isWide ? html` data-head="${head}"` : []}>${value}</td>`;
  };
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table${isWide ? html` class="wide"` : []}>
<caption>${caption}</caption>
<thead><tr>${columns.map(headOf)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>
`)}</tbody></table></div>`;
}

const headOf = ({ head, is, order }: Column): Html => (order === undefined
  ? html`<th scope="col" class="${is ?? ''}">${head}</th>`
  : html`<th scope="col" class="${is ?? ''}" aria-sort="${order.is ?? 'none'}"><a href="${order.href}">${head}</a></th>`);

export type Fact = readonly [label: string, value: Cell];

export const facts = (list: readonly Fact[]): Html =>
  html`<dl class="panel">${list.map(([label, value]) => html`<dt>${label}</dt><dd>${value}</dd>`)}</dl>`;

export const card = (title: string, value: Cell, note: Cell, level: Level | '' = ''): Html =>
  html`<div class="card ${level}"><h2>${title}</h2><p class="value">${value}</p><p>${note}</p></div>`;

export const accountPath = (accountId: string): string => `/console/accounts/${encodeURIComponent(accountId)}`;
export const holdPath = (accountId: string, holdId: string): string => `${accountPath(accountId)}/holds/${encodeURIComponent(holdId)}`;

/** The page of the audit trail, with a search. */
export const auditPath = (search: Readonly<Record<string, string>> = {}): string => {
  const query = new URLSearchParams(search).toString();
  return query === '' ? '/console/audit' : `/console/audit?${query}`;
};

export const accountLink = (accountId: string): Html => html`<a class="mono" href="${accountPath(accountId)}">${accountId}</a>`;
export const holdLink = (accountId: string, holdId: string): Html =>
  html`<a class="mono" href="${holdPath(accountId, holdId)}">${holdId}</a>`;

/** Fields that the pages show separately. */
const TOLD_APART: ReadonlySet<string> = new Set(['actor', 'reason', 'source']);
/** Fields of dialects that are amounts in micro-credits. */
const AMOUNTS: ReadonlySet<string> = new Set(['estimate']);

/** The facts of an entry or of a hold, by their names. */
export function aboutFacts(about: string): Fact[] {
  const told = listFacts(about);
  if (told === null) return about === '' ? [] : [['text', html`<code>${about}</code>`]];
  return told.flatMap(([name, each]): Fact[] => {
    if (each === null || each === undefined || each === '' || TOLD_APART.has(name)) return [];
    if (name === 'pricedBy') return [['price', priceWords(each)]];
    if (AMOUNTS.has(name) && Number.isSafeInteger(each)) return [[name, `${credits(each as Micros)} credits`]];
    return [[name, typeof each === 'string' ? each : html`<code>${JSON.stringify(each)}</code>`]];
  });
}

/** Which entry of a price book priced a model that has no price of its very name. */
function priceWords(pricedBy: unknown): Cell {
  const { model, rule } = pricedBy as { readonly model?: unknown; readonly rule?: unknown };
  return rule === 'default'
    ? html`${badge('notice', 'default price')} the model is in no price book`
    : `of ${String(model)}, found by the rule ${String(rule)}`;
}

/** What a hold is for, or a usage was: the model of a stream, the feature of a process, or nothing. */
export function subjectOf(facts: Facts): string | null {
  if (facts.type === 'stream') return facts.modelId;
  return facts.type === 'process' ? facts.feature : null;
}
