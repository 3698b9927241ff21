import cluster from 'node:cluster';
import { AggregatorRegistry, type PrometheusContentType, type Registry } from 'prom-client';

/**
 * Metrics of a node:cluster: a scrape reaches any one worker, but must see all of them. The worker asks the primary,
 * the primary collects from every worker (prom-client's own protocol) and answers with the sum.
 */
type Question = { readonly type: 'cg:metrics'; readonly id: number };
type Answer = Question & { readonly text: string | null };

/** Longer than prom-client waits for a worker (5 s). */
const ANSWER_TIMEOUT_MS = 6_000;

/** In the primary: answers the workers' questions from now on. */
export function serveClusterMetrics(): void {
  const aggregator = new AggregatorRegistry<PrometheusContentType>();
  cluster.on('message', (worker, message: unknown) => {
    if (!isOurs(message)) return;
    const answer = (text: string | null): void => {
      if (worker.isConnected()) worker.send({ type: 'cg:metrics', id: message.id, text } satisfies Answer);
    };
    aggregator.clusterMetrics().then(answer, () => { answer(null); });
  });
}

/** In a worker: the text of all workers together, or only of this one when the primary does not answer. */
export function clusterMetricsText(registry: Registry): () => Promise<string> {
  AggregatorRegistry.setRegistries([registry]);
  new AggregatorRegistry<PrometheusContentType>(); // Constructing one is what makes this worker answer the primary.
  const waiting = new Map<number, (text: string | null) => void>();
  let lastId = 0;
  process.on('message', (message: unknown) => {
    if (isOurs(message)) waiting.get(message.id)?.((message as Answer).text);
  });
  return async () => {
    const id = (lastId += 1);
    const text = await new Promise<string | null>((resolve) => {
      const timer = setTimeout(() => { resolve(null); }, ANSWER_TIMEOUT_MS);
      waiting.set(id, (answer) => { clearTimeout(timer); resolve(answer); });
      process.send?.({ type: 'cg:metrics', id } satisfies Question);
    });
    waiting.delete(id);
    return text ?? registry.metrics();
  };
}

const isOurs = (message: unknown): message is Question =>
  typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'cg:metrics';
