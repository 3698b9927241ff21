import { median } from '../statistics.js';
import type { MeasuredPair, Where } from './holds-legs.js';

/** The arithmetic of docs/capacity.md, from what a hold and its settle were measured to take. */

const BASE_PER_SECOND = 500;
const TIMES = [1, 10, 100, 1_000];
const MICROS_PER_SECOND = 1_000_000;
/** How busy a process may be on average: the rest is for peaks, and for what a failed one leaves to the others. */
const BUSY_MAX = { server: 0.6, redis: 0.5, worker: 0.6, postgres: 0.6 } as const;
type Place = keyof typeof BUSY_MAX;
const PLACES: readonly Place[] = ['server', 'redis', 'worker', 'postgres'];
const NAMES: Readonly<Record<Place, string>> = {
  server: 'API processes', redis: 'Redis masters', worker: 'workers', postgres: 'processors of Postgres',
};

/** Markdown for the marked block. */
export function capacityText(pairs: readonly MeasuredPair[]): string {
  const ours = pairs.filter(({ side, isHot }) => side === 'gateway' && !isHot);
  const micros = (where: Where): number => median(ours.map(({ cpuMicros }) => cpuMicros[where]));
  const cost = PLACES.map((place) => `| ${NAMES[place]} | ${micros(place).toFixed(0)} µs | ${BUSY_MAX[place] * 100} % | ${
    Math.floor(MICROS_PER_SECOND * BUSY_MAX[place] / micros(place))} |`);
  const rows = TIMES.map((times) => {
    const perSecond = BASE_PER_SECOND * times;
    const needed = PLACES.map((place) => Math.ceil(perSecond * micros(place) / MICROS_PER_SECOND / BUSY_MAX[place]));
    return `| ${times} × | ${perSecond} | ${needed.join(' | ')} |`;
  });
  return [
    '| | processor time of a hold and its settle | busy at most | pairs per second of one |', '| --- | ---: | ---: | ---: |', ...cost, '',
    `| load | pairs per second | ${PLACES.map((place) => NAMES[place]).join(' | ')} |`,
    `| --- | ${['', ...PLACES].map(() => '---:').join(' | ')} |`,
    ...rows,
  ].join('\n');
}
