import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { startDeadline } from '../deadline.js';

/**
 * Metrics of a node:cluster: a scrape reaches any one of its processes, but must see all of them. That process asks the
 * primary, which collects from every process and from itself, and answers with the sum.
 *
 * prom-client has such a protocol of its own, but there one process that hangs fails every scrape, and one that ends
 * takes its counts along: Prometheus would read the smaller sum as a restart and count all of it again. Here the counts
 * of a process that is silent or gone stay in the sum as they were last seen.
 */
type Message =
  /** From a process that is scraped to the primary, and back. Null: it failed. */
  | { readonly type: 'cg:scrape'; readonly id: number }
  | { readonly type: 'cg:scraped'; readonly id: number; readonly text: string | null }
  /** From a process that can be asked from now on. */
  | { readonly type: 'cg:hello' }
  /** From the primary to every such process, and back. */
  | { readonly type: 'cg:collect'; readonly id: number }
  | { readonly type: 'cg:collected'; readonly id: number; readonly metrics: Samples };

type Samples = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** One collection: whose answer is still to come, and what to do when none is. */
type Round = { readonly waitsFor: Set<number>; readonly done: () => void };

/** A process whose event loop is blocked for longer is left out. */
const COLLECT_WITHIN_MS = 2_000;
/** For the primary's whole answer. Prometheus itself gives up after ten seconds. */
const SCRAPE_WITHIN_MS = 5_000;

/**
 * In the primary: answers the other processes from now on; call it before the first fork. `own`: the primary's metrics,
 * where it does some of the work. Returns what makes the text of all together, for a primary that is scraped itself.
 */
export function serveClusterMetrics(own: () => Registry | undefined): () => Promise<string> {
  /** What each process said last. */
  const known = new Map<number, Samples>();
  let departed: Samples = [];
  const rounds = new Map<number, Round>();
  let lastId = 0;

  /** Asks every process. Answers which of them said nothing in time. */
  const collect = async (): Promise<ReadonlySet<number>> => {
    const id = (lastId += 1);
    const waitsFor = new Set(known.keys());
    await new Promise<void>((resolve) => {
      const cancel = startDeadline(COLLECT_WITHIN_MS, resolve);
      const done = (): void => { cancel(); resolve(); };
      rounds.set(id, { waitsFor, done });
      for (const each of waitsFor) tell(cluster.workers?.[each], { type: 'cg:collect', id });
      if (waitsFor.size === 0) done();
    });
    rounds.delete(id);
    return waitsFor;
  };
  const heardFrom = (worker: number, { waitsFor, done }: Round): void => {
    if (waitsFor.delete(worker) && waitsFor.size === 0) done();
  };
  const text = async (): Promise<string> => {
    const [silent, ownSamples] = await Promise.all([collect(), own()?.getMetricsAsJSON() ?? []]);
    // From what is known now: a process that ended meanwhile is among the departed, and only there.
    const others = [...known].map(([id, samples]) => (silent.has(id) ? countsOf(samples) : samples));
    return AggregatorRegistry.aggregate([ownSamples, ...others, departed]).metrics();
  };

  cluster.on('message', (worker, message: unknown) => {
    if (!isOurs(message) || worker.isDead()) return; // the counts of a dead one are among the departed
    if (message.type === 'cg:hello') known.set(worker.id, []);
    if (message.type === 'cg:collected') {
      known.set(worker.id, message.metrics);
      const round = rounds.get(message.id);
      if (round !== undefined) heardFrom(worker.id, round);
    }
    if (message.type !== 'cg:scrape') return;
    const answer = (scraped: string | null): void => { tell(worker, { type: 'cg:scraped', id: message.id, text: scraped }); };
    text().then(answer, () => { answer(null); });
  });
  cluster.on('exit', ({ id }) => {
    departed = added(departed, countsOf(known.get(id) ?? []));
    known.delete(id);
    for (const round of rounds.values()) heardFrom(id, round);
  });
  return text;
}

/** In one of the other processes: the text of all together. Throws when the primary does not answer: part of a sum would be a lie. */
export function clusterMetricsText(registry: Registry): () => Promise<string> {
  const waiting = new Map<number, (text: string | null) => void>();
  let lastId = 0;
  process.on('message', (message: unknown) => {
    if (!isOurs(message)) return;
    if (message.type === 'cg:scraped') waiting.get(message.id)?.(message.text);
    if (message.type !== 'cg:collect') return;
    void registry.getMetricsAsJSON().then((metrics) => {
      process.send?.({ type: 'cg:collected', id: message.id, metrics } satisfies Message);
    });
  });
  process.send?.({ type: 'cg:hello' } satisfies Message);
  return async () => {
    const id = (lastId += 1);
    const text = await new Promise<string | null>((resolve) => {
      const cancel = startDeadline(SCRAPE_WITHIN_MS, () => { resolve(null); });
      waiting.set(id, (answer) => { cancel(); resolve(answer); });
      process.send?.({ type: 'cg:scrape', id } satisfies Message);
    });
    waiting.delete(id);
    if (text === null) throw new Error('the first process of the cluster did not answer with its metrics');
    return text;
  };
}

/** The sum of both. An aggregate's metrics are its samples already. */
const added = (a: Samples, b: Samples): Samples => AggregatorRegistry.aggregate([a, b]).getMetricsAsArray() as unknown as Samples;

function tell(worker: Worker | undefined, message: Message): void {
  if (worker?.isConnected() === true) worker.send(message);
}

/** What goes on counting when its process does not. Gauges of one that is silent say nothing about now. */
const countsOf = (samples: Samples): Samples =>
  samples.filter(({ type }) => (type as unknown) === 'counter' || (type as unknown) === 'histogram');

const isOurs = (message: unknown): message is Message =>
  typeof message === 'object' && message !== null && String((message as { type?: unknown }).type).startsWith('cg:');
