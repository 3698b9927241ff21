import { cpus } from 'node:os';
import type { Figure, Table } from '../part.js';
import type { Plot } from '../plot.js';
import { median, sum } from '../statistics.js';
import { WHERES, type Measured, type MeasuredPair, type Tally, type What } from './holds-legs.js';
import { SIDES, type Side, type Stage } from './holds-stage.js';

/** Holds at half of the maximum rate of a side. */
export type Paced = { readonly round: number; readonly side: Side; readonly perSecond: number; readonly p50: number; readonly p99: number };

const NAMES: Readonly<Record<Side, string>> = {
  bare: 'bare Koa, @koa/bodyparser', byHand: 'bare Koa, body read by hand', gateway: 'gateway', postgres: 'Postgres-only',
  noWait: 'Postgres-only, no wait for the disk', orm: 'check-then-write',
};

/** Ratios are of one round, so that a disturbance longer than a burst affects both sides. */
export function holdFigures(tally: Tally, paced: readonly Paced[]): Figure[] {
  const bursts = (side: Side, what: What, isHot = false): Measured[] =>
    tally.bursts.filter((each) => each.side === side && each.what === what && each.isHot === isHot);
  const ratio = <Each extends { readonly round: number }>(
    ours: readonly Each[], theirs: readonly Each[], of: (each: Each) => number,
  ): number[] =>
    ours.flatMap((each) => theirs.filter(({ round }) => round === each.round).map((other) => of(each) / of(other)));
  const cpu = ({ cpuMicros }: Measured): number => cpuMicros.server;
  const speed = ({ perSecond }: Measured): number => perSecond;
  const everything = ({ cpuMicros: { server, redis, worker, postgres } }: MeasuredPair): number => server + redis + worker + postgres;
  const pairs = (side: Side): MeasuredPair[] => tally.pairs.filter((each) => each.side === side && !each.isHot);
  const bare = bursts('bare', 'hold');
  return [
    {
      id: 'P1', name: 'processor time of the API per hold ÷ per answer of bare Koa', target: { atMost: 1.25 },
      values: ratio(bursts('gateway', 'hold'), bare, cpu), limitedBy: 'see docs/performance.md',
    },
    {
      id: 'P1', name: 'the same per settle', target: { atMost: 1.25 }, values: ratio(bursts('gateway', 'settle'), bare, cpu),
      limitedBy: 'as holds',
    },
    {
      id: 'P2', name: 'processor time of everything per hold and settle ÷ the same of Postgres-only', target: { atMost: 0.6 },
      values: ratio(pairs('gateway'), pairs('postgres'), everything), limitedBy: 'the API and what the worker writes to Postgres',
    },
    {
      id: 'P3', name: 'holds per second ÷ answers of bare Koa per second', target: { atLeast: 0.7 },
      values: ratio(bursts('gateway', 'hold'), bare, speed), limitedBy: 'the processor of the API, or that of stores, worker and load',
    },
    {
      id: 'P4', name: 'holds per second ÷ Postgres-only, 64 users', target: { atLeast: 2 },
      values: ratio(bursts('gateway', 'hold'), bursts('postgres', 'hold'), speed), limitedBy: 'as P3',
    },
    {
      id: 'P4', name: 'holds per second ÷ Postgres-only, one hot account', target: { atLeast: 8 },
      values: ratio(bursts('gateway', 'hold', true), bursts('postgres', 'hold', true), speed), limitedBy: 'the row lock of Postgres-only',
    },
    {
      id: 'P4', name: 'holds per second ÷ check-then-write', target: { atLeast: 25 },
      values: ratio(bursts('gateway', 'hold'), bursts('orm', 'hold'), speed), limitedBy: 'as P3',
    },
    {
      id: 'P5', name: 'p99 of a hold ÷ p99 of bare Koa, each at half of its maximum', target: { atMost: 2 },
      values: ratio(paced.filter(({ side }) => side === 'gateway'), paced.filter(({ side }) => side === 'bare'), ({ p99 }) => p99),
      limitedBy: 'turns of the event loop, and the worker on the processor of Redis',
    },
  ];
}

export function holdTables({ load, cores }: Pick<Stage, 'load' | 'cores'>, tally: Tally, paced: readonly Paced[]): Table[] {
  const of = (list: readonly number[], digits: number): string => median(list).toFixed(digits);
  const bursts = SIDES.flatMap((side) => [false, true].flatMap((isHot) => (['hold', 'settle'] as const).flatMap((what) => {
    const all = tally.bursts.filter((each) => each.side === side && each.what === what && each.isHot === isHot);
    return all.length === 0 ? [] : [[
      `${NAMES[side]}${isHot ? ', one account' : ''}`, what, of(all.map(({ perSecond }) => perSecond), 0), of(all.map(({ p50 }) => p50), 2),
      of(all.map(({ p99 }) => p99), 2),
      of(all.map(({ cpuMicros }) => cpuMicros.server), 0), of(all.map(({ cpuMicros }) => cpuMicros.load), 0),
    ]];
  })));
  const pairs = SIDES.flatMap((side) => {
    const all = tally.pairs.filter((each) => each.side === side && !each.isHot);
    if (all.length === 0) return [];
    const each = WHERES.map((where) => median(all.map(({ cpuMicros }) => cpuMicros[where])));
    return [[NAMES[side], ...each.map((micros) => (micros === 0 ? '' : micros.toFixed(0))), sum(each.slice(0, -1)).toFixed(0)]];
  });
  return [
    {
      title: `As fast as possible: medians; ${cpus().length} processors${cores === null ? '' : ', of which the server has one'}`,
      columns: ['', '', 'per s', 'p50 ms', 'p99 ms', 'server µs', `${load.name} µs`], rows: bursts,
    },
    {
      title: 'Processor time of a hold and its settle, until Postgres has both: medians, in µs',
      columns: ['', ...WHERES, 'all but load'], rows: pairs,
    },
    {
      title: 'Holds at half of the maximum: medians',
      columns: ['', 'per s', 'p50 ms', 'p99 ms'],
      rows: (['bare', 'gateway'] as const).map((side) => {
        const all = paced.filter((each) => each.side === side);
        return [
          NAMES[side], of(all.map(({ perSecond }) => perSecond), 0), of(all.map(({ p50 }) => p50), 2), of(all.map(({ p99 }) => p99), 2),
        ];
      }),
    },
  ];
}

/** Holds per second by side, and where the processor time of a hold and its settle goes. */
export function holdPlots(tally: Tally): Plot[] {
  const speed = (side: Side, isHot: boolean): number => median(
    tally.bursts.filter((each) => each.side === side && each.what === 'hold' && each.isHot === isHot).map(({ perSecond }) => perSecond));
  const bars = SIDES.flatMap((side) => [false, true].map((isHot) => (
    { name: `${NAMES[side]}${isHot ? ', one account' : ''}`, values: { 'holds per second': speed(side, isHot) } })));
  const cpu = SIDES.flatMap((side) => {
    const all = tally.pairs.filter((each) => each.side === side && !each.isHot);
    const values = Object.fromEntries(WHERES.filter((where) => where !== 'load').map((where) =>
      [where, median(all.map(({ cpuMicros }) => cpuMicros[where]))]));
    return all.length === 0 ? [] : [{ name: NAMES[side], values }];
  });
  return [
    { file: 'holds-per-second', title: 'Holds per second', bars: bars.filter(({ values }) => !Number.isNaN(values['holds per second'])) },
    { file: 'processor-time', title: 'Processor time of a hold and its settle, in µs', bars: cpu },
  ];
}
