import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';

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

/** A process whose event loop is blocked for longer is left out. */
const COLLECT_WITHIN_MS = 2_000;
/** For the primary's whole answer. Prometheus itself gives up after ten seconds. */
const SCRAPE_WITHIN_MS = 5_000;

/** In the primary: answers the other processes from now on. `own`: the primary's metrics, where it does some of the work. */
export function serveClusterMetrics(own?: Registry): void {
  /** What each process said last. */
  const known = new Map<number, Samples>();
  let departed: Samples = [];
  const collecting = new Map<number, { readonly from: Set<number>; readonly samples: Map<number, Samples>; readonly done: () => void }>();
  let lastId = 0;

  const collect = async (): Promise<Map<number, Samples>> => {
    const id = (lastId += 1);
    const asked = [...known.keys()].flatMap((each) => cluster.workers?.[each] ?? []).filter((worker) => worker.isConnected());
    const samples = new Map<number, Samples>();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, COLLECT_WITHIN_MS);
      const done = (): void => { clearTimeout(timer); resolve(); };
      collecting.set(id, { from: new Set(asked.map((worker) => worker.id)), samples, done });
      for (const worker of asked) tell(worker, { type: 'cg:collect', id });
      if (asked.length === 0) done();
    });
    collecting.delete(id);
    return samples;
  };
  const collected = (worker: Worker, id: number, metrics: Samples): void => {
    known.set(worker.id, metrics);
    const round = collecting.get(id);
    if (round === undefined) return;
    round.samples.set(worker.id, metrics);
    round.from.delete(worker.id);
    if (round.from.size === 0) round.done();
  };
  const text = async (): Promise<string> => {
    const [answered, ownSamples] = await Promise.all([collect(), own?.getMetricsAsJSON() ?? []]);
    const silent = [...known].filter(([id]) => !answered.has(id)).map(([, samples]) => countsOf(samples));
    return AggregatorRegistry.aggregate([ownSamples, ...answered.values(), ...silent, departed]).metrics();
  };

  cluster.on('message', (worker, message: unknown) => {
    if (!isOurs(message)) return;
    if (worker.isDead()) return; // its counts are among the departed
    if (message.type === 'cg:hello') known.set(worker.id, []);
    if (message.type === 'cg:collected') collected(worker, message.id, message.metrics);
    if (message.type !== 'cg:scrape') return;
    const answer = (scraped: string | null): void => { tell(worker, { type: 'cg:scraped', id: message.id, text: scraped }); };
    text().then(answer, () => { answer(null); });
  });
  cluster.on('exit', ({ id }) => {
    const last = countsOf(known.get(id) ?? []);
    known.delete(id);
    for (const { from, done } of collecting.values()) if (from.delete(id) && from.size === 0) done();
    departed = added(departed, last);
  });
}

/** In one of the other processes: the text of all together. Throws when the primary does not answer: part of a sum would be a lie. */
export function clusterMetricsText(registry: Registry): () => Promise<string> {
  const waiting = new Map<number, (text: string | null) => void>();
  let lastId = 0;
  process.on('message', (message: unknown) => {
    if (!isOurs(message)) return;
    if (message.type === 'cg:scraped') waiting.get(message.id)?.(message.text);
    if (message.type !== 'cg:collect') return;
    void registry.getMetricsAsJSON().then((metrics) => { process.send?.({ type: 'cg:collected', id: message.id, metrics } satisfies Message); });
  });
  process.send?.({ type: 'cg:hello' } satisfies Message);
  return async () => {
    const id = (lastId += 1);
    const text = await new Promise<string | null>((resolve) => {
      const timer = setTimeout(() => { resolve(null); }, SCRAPE_WITHIN_MS);
      waiting.set(id, (answer) => { clearTimeout(timer); resolve(answer); });
      process.send?.({ type: 'cg:scrape', id } satisfies Message);
    });
    waiting.delete(id);
    if (text === null) throw new Error('the first process of the cluster did not answer with its metrics');
    return text;
  };
}

/** The sum of both. An aggregate's metrics are its samples already. */
const added = (a: Samples, b: Samples): Samples => AggregatorRegistry.aggregate([a, b]).getMetricsAsArray() as unknown as Samples;

function tell(worker: Worker, message: Message): void {
  if (worker.isConnected()) worker.send(message);
}

/** What goes on counting when its process does not. Gauges of one that is silent say nothing about now. */
const countsOf = (samples: Samples): Samples => samples.filter(({ type }) => (type as unknown) === 'counter' || (type as unknown) === 'histogram');

const isOurs = (message: unknown): message is Message =>
  typeof message === 'object' && message !== null && String((message as { type?: unknown }).type).startsWith('cg:');
