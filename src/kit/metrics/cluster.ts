import cluster, { type Worker } from 'node:cluster';
import type { Registry } from 'prom-client';
import { startDeadline } from '../deadline.js';
import { shared } from '../shared.js';
import { slices } from '../slices.js';
import { combine, START_TIME, takeSnapshot, textOf, type Snapshot } from './snapshot.js';

/**
 * Metrics of a node:cluster: a scrape reaches only one process but must return the values of all. That process asks the
 * primary, which collects from every process and from itself, and answers with the sum.
 *
 * prom-client has its own protocol for this, but with it one process that hangs fails every scrape, and the counts of a
 * process that ends disappear: Prometheus would read the smaller sum as a restart and count all of it again. Here the
 * last known counts of a process that does not answer or has ended stay in the sum.
 */
type Message =
  /** From a scraped process to the primary, and the answer. Null: it failed. */
  | { readonly type: 'cg:scrape'; readonly id: number }
  | { readonly type: 'cg:scraped'; readonly id: number; readonly text: string | null }
  /** From a process that can answer from now on. */
  | { readonly type: 'cg:hello' }
  /** From the primary to every such process, and the answer. */
  | { readonly type: 'cg:collect'; readonly id: number }
  | { readonly type: 'cg:collected'; readonly id: number; readonly metrics: Snapshot };

/** One collection: the processes that have not answered yet, and what to call when all have. */
type Round = { readonly waitsFor: Set<number>; readonly done: () => void };

/** How long the primary waits for each process; one whose event loop is blocked for longer is left out. */
const COLLECT_WITHIN_MS = 2_000;
/** How long a process waits for the primary's answer. Prometheus itself gives up after ten seconds. */
const SCRAPE_WITHIN_MS = 5_000;

/**
 * Called in the primary before the first fork: answers the other processes from now on. `own`: the primary's registry,
 * if it does part of the work. Returns a function that makes the combined text, for a primary that is scraped itself.
 */
export function serveClusterMetrics(own: () => Registry | undefined): () => Promise<string> {
  /** The last known samples of each process. */
  const known = new Map<number, Snapshot>();
  /** Of processes that have ended. More than one only until the next scrape, which adds them up. */
  let departed: readonly Snapshot[] = [];
  const rounds = new Map<number, Round>();
  let lastId = 0;

  /** Asks every process. Returns those that did not answer in time. */
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
  const text = shared(async (): Promise<string> => {
    const pause = slices();
    const registry = own();
    const [silent, ownSamples] = await Promise.all([collect(), registry === undefined ? [] : takeSnapshot(registry, pause)]);
    // Uses the current map: a process that ended in the meantime counts among the departed only.
    const others = [...known].map(([id, samples]) => (silent.has(id) ? lasting(samples) : samples));
    const gone = departed;
    const sum = await combine(gone, pause);
    departed = [sum, ...departed.slice(gone.length)]; // one that ended meanwhile was added at the end
    return textOf(await combine([ownSamples, ...others, sum], pause), pause);
  }, 0);

  cluster.on('message', (worker, message: unknown) => {
    if (!isOurs(message) || worker.isDead()) return; // the counts of a process that has ended are among the departed
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
    departed = [...departed, lasting(known.get(id) ?? [])];
    known.delete(id);
    for (const round of rounds.values()) heardFrom(id, round);
  });
  return text;
}

/** Called in the other processes: the combined text. Throws when the primary does not answer: a partial sum would be wrong. */
export function clusterMetricsText(registry: Registry): () => Promise<string> {
  const waiting = new Map<number, (text: string | null) => void>();
  let lastId = 0;
  process.on('message', (message: unknown) => {
    if (!isOurs(message)) return;
    if (message.type === 'cg:scraped') waiting.get(message.id)?.(message.text);
    if (message.type !== 'cg:collect') return;
    void takeSnapshot(registry, slices()).then((metrics) => {
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

function tell(worker: Worker | undefined, message: Message): void {
  if (worker?.isConnected() === true) worker.send(message);
}

/**
 * Samples that stay valid when their process does not answer or has ended: counts and its start do, other gauges do not. With the
 * start of one that ended, the latest start never decreases, so every start is one change of it.
 */
const lasting = (samples: Snapshot): Snapshot =>
  samples.filter(({ type, name }) => type === 'counter' || type === 'histogram' || name === START_TIME);

const isOurs = (message: unknown): message is Message =>
  typeof message === 'object' && message !== null && String((message as { type?: unknown }).type).startsWith('cg:');
