import type { AccountTotals } from '../../test/support/books-postgres.js';
import type { Finding } from '../../test/support/finding.js';
import type { Traffic as HttpTraffic } from '../../test/support/patient-client.js';
import type { Told } from '../../test/support/told.js';
import { HOURS } from './calendar.js';
import type { DayOptions } from './options.js';
import type { Fate } from './traffic.js';

export type DayFacts = {
  readonly options: DayOptions;
  readonly seconds: number;
  readonly totals: readonly AccountTotals[];
  readonly kinds: readonly { readonly kind: string; readonly count: number }[];
  readonly findings: readonly Finding[];
  readonly told: Told;
  readonly http: HttpTraffic;
  readonly fates: ReadonlyMap<Fate, number>;
};

const MICROS_PER_CREDIT = 1_000_000;
const AMOUNTS = ['granted', 'available', 'held', 'captured', 'expired', 'removed', 'debt'] as const;
/** What stands between the columns, so that a line reads as the equation it is. */
const SIGNS = ['=', '+', '+', '+', '+', '-', ''];

const grouped = (value: number): string => value.toLocaleString('en-US').replaceAll(',', ' ');
const credits = (micros: number): string => {
  const [whole = '0', fraction = ''] = (micros / MICROS_PER_CREDIT).toFixed(6).split('.');
  return `${grouped(Number(whole))}.${fraction}`;
};
const list = (facts: readonly (readonly [string, number])[]): string =>
  facts.map(([name, value]) => `${name} ${grouped(value)}`).join(', ');

/** The conservation report: what there is, what it adds up to, and whether every check was passed. */
export function conservationReport(facts: DayFacts): string {
  const { options, seconds, kinds, told, http, fates, findings } = facts;
  const unanswered = told.charges.filter(({ seq }) => seq === null).length;
  const wrong = findings.reduce((sum, { wrongCount }) => sum + wrongCount, 0);
  return [
    '',
    `CONSERVATION REPORT: ${HOURS} hours in ${Math.round(seconds)} s, ${options.users} users, seed ${options.seed}`,
    '',
    ...table(facts.totals),
    '',
    `entries      ${list(kinds.map(({ kind, count }) => [kind, count]))}`,
    `sessions     ${grouped(told.sessions.length)}: ${list([...fates])}`,
    `refused      ${list([['sessions', told.refusedSessions.length], ['charges', told.refusedCharges.length]])}`,
    `callers      ${list([['requests', http.requests], ['sent again', http.retries], ['sent twice at once', told.doubled]])}`,
    `uncertain    ${grouped(http.unknown)} tries with an unknown outcome, `
      + `${grouped(http.refused)} certainly not executed; ${grouped(unanswered)} could not be repeated`,
    '',
    ...findings.flatMap(check),
    '',
    wrong === 0 ? 'PASS: the books balance' : `FAIL: ${grouped(wrong)} things are wrong`,
    '',
  ].join('\n');
}

/** One line per account and one for all: I1, with the difference, which must be nothing. */
function table(totals: readonly AccountTotals[]): string[] {
  const sum = (name: (typeof AMOUNTS)[number]): number => totals.reduce((all, row) => all + row[name], 0);
  const all = {
    accountId: 'all', entries: totals.reduce((count, row) => count + row.entries, 0),
    ...Object.fromEntries(AMOUNTS.map((name) => [name, sum(name)])),
  };
  const rows = [...totals, all as unknown as AccountTotals].map((row) => {
    const off = row.granted - row.available - row.held - row.captured - row.expired - row.removed + row.debt;
    return [row.accountId, grouped(row.entries), ...AMOUNTS.map((name) => credits(row[name])), credits(off)];
  });
  const head = ['account', 'entries', ...AMOUNTS, 'off by'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], signs: readonly string[]): string =>
    cells.map((cell, column) =>
      `${column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)} ${signs[column - 2] ?? ''}`).join(' ').trimEnd();
  const rule = '-'.repeat(line(head, SIGNS).length);
  const lines = rows.map((row) => line(row, SIGNS));
  return [line(head, SIGNS), rule, ...lines.slice(0, -1), rule, ...lines.slice(-1)];
}

function check({ check: name, compared, wrongCount, wrong }: Finding): string[] {
  const verdict = wrongCount > 0 ? 'WRONG' : compared === 0 ? '  -  ' : '  ok ';
  const first = `${verdict}  ${name.padEnd(80)} ${grouped(compared).padStart(8)}${wrongCount > 0 ? `, ${grouped(wrongCount)} wrong` : ''}`;
  return [first, ...wrong.map((each) => `         ${each}`)];
}
