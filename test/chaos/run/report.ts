import type { Finding } from '../../support/finding.js';
import type { Traffic } from './caller.js';
import type { Options } from './options.js';
import type { ClientRecord } from './record.js';
import type { ToldBooks } from './told-books.js';

export type Report = {
  readonly redis: Options['redis'];
  readonly seed: number;
  readonly seconds: number;
  /** In the order in which they are told. */
  readonly figures: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly leftOut: readonly string[];
  readonly violations: readonly Finding[];
};

const sum = (counts: ReadonlyMap<string, number>, prefix: string): number =>
  [...counts].reduce((total, [name, count]) => (name.startsWith(prefix) ? total + count : total), 0);

type Facts = {
  readonly record: ClientRecord; readonly traffic: Traffic; readonly counts: ReadonlyMap<string, number>; readonly books: ToldBooks;
  readonly covered: number; readonly swallowed: number; readonly healMs: number; readonly findings: readonly Finding[];
};

export function figuresOf({ record, traffic, counts, books, covered, swallowed, healMs, findings }: Facts): Record<string, number> {
  const all = [...counts.values()].reduce((total, count) => total + count, 0);
  const [kills, pauses] = [sum(counts, 'kill '), sum(counts, 'pause ')];
  return {
    'operations wanted': record.ops.length, 'acknowledged': traffic.acknowledged, 'refused': traffic.refused,
    'tries with an unknown outcome': traffic.unknown, 'tries that were not executed': traffic.notExecuted, 'answered 202': traffic.pending,
    'longest until definite, ms': Math.round(traffic.slowestMs),
    'kills': kills, 'pauses': pauses, 'other faults': all - kills - pauses, 'replies lost': swallowed,
    'entries in Postgres': books.entries.length, 'epochs raised': books.losses.length,
    'entries named as lost': books.losses.reduce((total, { entries }) => total + entries, 0),
    'acknowledged and in a named loss': covered, 'from heal to drained, ms': Math.round(healMs),
    'comparisons': findings.reduce((total, { compared }) => total + compared, 0),
    'violations': findings.reduce((total, { wrongCount }) => total + wrongCount, 0),
  };
}

export function tableOf({ redis, seed, seconds, figures, faults, leftOut, violations }: Report): string {
  const rows = Object.entries(figures);
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `chaos on ${redis === 'cluster' ? 'a Redis Cluster' : 'one Redis'}, seed ${seed}, ${seconds} s of faults`,
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value.toLocaleString('en').padStart(9)}`),
    `  faults: ${Object.entries(faults).map(([name, count]) => `${name} ${count}`).join(', ')}`,
    ...(leftOut.length === 0 ? [] : [`  left out: ${leftOut.join(', ')}`]),
    ...violations.flatMap(({ check, wrongCount, wrong }) => [`VIOLATED (${wrongCount}): ${check}`, ...wrong.map((each) => `    ${each}`)]),
  ].join('\n');
}
