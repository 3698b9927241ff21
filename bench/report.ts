import { availableParallelism } from 'node:os';
import type { Acknowledged } from './acknowledged.js';
import type { Measured, What, Where } from './bursts.js';
import { median, percentile, sum } from './statistics.js';

/** The goals: this share of a bare Koa's throughput, and at most this difference between few and many lots. */
const RATIO_GOAL = 0.6;
const DIFFERENCE_MAX = 0.15;
const SHOWN_MAX = 5;

export type Run = {
  readonly measured: readonly Measured[];
  readonly manyLots: number;
  readonly rounds: number;
  readonly options: Readonly<Record<string, string>>;
  /** Entries missing in Postgres when the load ended, and how long it took to drain them. */
  readonly behind: number;
  readonly drainMs: number;
  readonly acknowledged: readonly Acknowledged[];
  readonly refused: ReadonlyMap<string, number>;
  readonly losses: readonly string[];
};

export function report(run: Run): string {
  const { measured, manyLots, rounds, options } = run;
  const { requests = '', connections = '', accounts = '' } = options;
  return [
    '',
    `medians of ${rounds} rounds; ${requests} requests a burst over ${connections} connections; ${accounts} accounts with 1 `
      + `lot, ${accounts} with ${manyLots}; Node ${process.version}, ${availableParallelism()} cores for everything`,
    '',
    row('', ['per s', 'p50 ms', 'p99 ms', 'of bare', 'lowest', 'highest']),
    speedRow('bare Koa', measured.filter(({ what }) => what === 'bare'), []),
    ...[1, manyLots].flatMap((lots) => (['hold', 'settle'] as const).map((what) =>
      speedRow(`${what}, ${lotsText(lots)}`, of(measured, what, lots), ratios(of(measured, what, lots), of(measured, 'bare', lots))))),
    '',
    ...(['hold', 'settle'] as const).map((what) => verdict(run, what)),
    `${manyLots} lots against 1, in the same round: ${(['hold', 'settle'] as const).map((what) => difference(run, what)).join(', ')}`,
    '',
    row('processor µs a request', ['server', 'redis', 'worker', 'postgres', 'load']),
    ...(['bare', 'hold', 'settle'] as const).map((what) => cpuRow(what, measured.filter((each) => each.what === what))),
    '',
    ...promises(run),
  ].join('\n');
}

const of = (measured: readonly Measured[], what: What, lots: number): Measured[] =>
  measured.filter((each) => each.what === what && each.lots === lots);

/** Computed per round, so that a disturbance longer than a burst affects both sides. */
const ratios = (ours: readonly Measured[], theirs: readonly Measured[]): number[] =>
  ours.map(({ perSecond, round }) => perSecond / (theirs.find((each) => each.round === round)?.perSecond ?? Number.NaN));

const lotsText = (lots: number): string => (lots === 1 ? '1 lot' : `${lots} lots`);
const percent = (share: number): string => `${share >= 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;
const NAME_WIDTH = 24;
const COLUMN_WIDTH = 10;
const row = (name: string, columns: readonly string[]): string =>
  name.padEnd(NAME_WIDTH) + columns.map((each) => each.padStart(COLUMN_WIDTH)).join('');

function speedRow(name: string, bursts: readonly Measured[], toBare: readonly number[]): string {
  const latencies = bursts.flatMap(({ latenciesMs }) => latenciesMs);
  return row(name, [
    median(bursts.map(({ perSecond }) => perSecond)).toFixed(0), percentile(latencies, 0.5).toFixed(2),
    percentile(latencies, 0.99).toFixed(2),
    ...(toBare.length === 0 ? [] : [median(toBare), Math.min(...toBare), Math.max(...toBare)].map((each) => each.toFixed(3))),
  ]);
}

function verdict({ measured, manyLots }: Run, what: 'hold' | 'settle'): string {
  const all = [1, manyLots].flatMap((lots) => ratios(of(measured, what, lots), of(measured, 'bare', lots)));
  const ratio = median(all);
  return `${what} : bare = ${ratio.toFixed(3)} (aim ${RATIO_GOAL}: ${ratio >= RATIO_GOAL ? 'reached' : 'missed'})`;
}

function difference({ measured, manyLots }: Run, what: 'hold' | 'settle'): string {
  const change = median(ratios(of(measured, what, manyLots), of(measured, what, 1))) - 1;
  return `${what} ${percent(change)} (${Math.abs(change) < DIFFERENCE_MAX ? 'flat' : 'NOT FLAT'})`;
}

function cpuRow(what: What, bursts: readonly Measured[]): string {
  const mean = (where: Where): string =>
    (sum(bursts.map(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest[where])) / bursts.length).toFixed(0);
  return row(what === 'bare' ? 'bare Koa' : what, [mean('server'), mean('redis'), mean('worker'), mean('postgres'), mean('load')]);
}

function promises({ behind, drainMs, acknowledged, refused, losses }: Run): string[] {
  const settled = acknowledged.filter(({ charged }) => charged !== undefined);
  const refusals = [...refused].map(([said, count]) => `  ${count} × ${said}`);
  return [
    `journal: ${behind} entries behind when the load ended; in Postgres ${drainMs.toFixed(0)} ms later`,
    ...(refusals.length === 0 ? [] : ['refused:', ...refusals.slice(0, SHOWN_MAX)]),
    losses.length === 0
      ? `verified: ${acknowledged.length} holds and `
        + `${settled.length} settles acknowledged, all of them in Postgres with their amounts; Redis and Postgres agree on every balance`
      : `LOST: ${losses.length} differences\n${losses.slice(0, SHOWN_MAX).map((each) => `  ${each}`).join('\n')}`,
  ];
}
