/** What a metric of the catalogue consists of. */

/** Values that the catalogue does not list; the code that sets them must keep their number small. */
export const OPEN = null;

export type Labels = Readonly<Record<string, readonly string[] | typeof OPEN>>;

/** How the values of a cluster's processes are combined. `max` is for values that every process reads from one place. */
export type Aggregator = 'sum' | 'max' | 'min' | 'first' | 'average';

export type MetricSpec = {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Labels;
  readonly buckets?: readonly number[];
  readonly aggregator?: Aggregator;
};

type Extras = Pick<MetricSpec, 'buckets' | 'aggregator'>;

export const counter = <const L extends Labels>(name: string, help: string, labels: L) =>
  ({ name, type: 'counter', help, labels }) as const;
/** By default a gauge is read from a shared place, so the values of processes are not added. */
export const gauge = <const L extends Labels>(name: string, help: string, labels: L, extras: Extras = { aggregator: 'max' }) =>
  ({ name, type: 'gauge', help, labels, ...extras }) as const;
export const histogram = <const L extends Labels>(name: string, help: string, labels: L, buckets: readonly number[]) =>
  ({ name, type: 'histogram', help, labels, buckets }) as const;
