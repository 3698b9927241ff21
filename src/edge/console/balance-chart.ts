import type { BalancePoint } from '../../books/balance-at.table.js';
import { toCredits } from '../../kit/money/credits.js';
import { html, type Html } from '../http/html.js';
import { lineChart } from './charts/line-chart.js';
import type { Known } from './overview.js';
import { amount, count } from './parts.js';

const SPAN_MS = 30 * 86_400_000;
/** Entries that the chart reads. */
export const BALANCES_MAX = 1_000;

/** What an account could spend over the last 30 days, or since the first of its last thousand entries. */
export function balanceChart(balances: Known<readonly BalancePoint[]>, nowMs: number): Html {
  if ('missing' in balances) return html`<p class="note">The balance over time could not be read.</p>`;
  const all = balances.value;
  const [first] = all;
  const last = all.at(-1);
  if (first === undefined || last === undefined) return html``;
  const fromMs = Math.min(Math.max(first.atMs, nowMs - SPAN_MS), nowMs - 1);
  const before = all.findLast(({ atMs }) => atMs <= fromMs);
  const within = all.filter(({ atMs }) => atMs > fromMs);
  const shown = [...(before === undefined ? [] : [{ ...before, atMs: fromMs }]), ...within, { ...last, atMs: nowMs }];
  return html`<div class="charts one">${lineChart({
    title: 'Available over time', fromMs, toMs: nowMs,
    note: `credits after each of the last ${count(within.length + 1)} entries; from Postgres`,
    points: shown.map(({ atMs, available }) => ({ atMs, value: toCredits(available) })), say: amount, isStepped: true, empty: '',
  })}</div>`;
}
