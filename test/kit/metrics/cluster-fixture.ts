import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { clusterMetricsText, serveClusterMetrics } from '../../../src/kit/metrics/cluster.js';
import { createMetrics } from '../../../src/kit/metrics/metrics.js';

/**
 * Run by cluster.test.ts: the first process and two others count events. One of the two is scraped while all work, while
 * the other hangs, after that one was killed, and after it was replaced. Prints the answers.
 */
type FromChild = 'ready' | { readonly scraped: string };

if (cluster.isPrimary) {
  const metrics = createMetrics({ version: '1' });
  metrics.count('replays', { operation: 'grant' }, 10);
  metrics.set('lagEntries', {}, 7);
  metrics.observe('jobSeconds', { job_name: 'drain', status: 'ok' }, 0.02);
  metrics.onScrape('poolMax', (set) => { set({ pool: 'api' }, 10); });
  serveClusterMetrics(() => metrics.registry);
  const start = async (): Promise<Worker> => {
    const worker = cluster.fork();
    await once(worker, 'message'); // the hello message
    return worker;
  };
  const [scraped, other] = [await start(), await start()];
  const scrape = async (): Promise<string> => {
    const told = new Promise<string>((resolve) => {
      const hear = (message: FromChild): void => {
        if (typeof message === 'string' || !('scraped' in message)) return;
        scraped.off('message', hear);
        resolve(message.scraped);
      };
      scraped.on('message', hear);
    });
    scraped.send('scrape');
    return told;
  };
  const all = await scrape();
  const pid = other.process.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  const hanging = await scrape();
  const gone = once(cluster, 'exit');
  process.kill(pid, 'SIGKILL');
  await gone;
  const killed = await scrape();
  await start();
  const replaced = await scrape();
  process.stdout.write(JSON.stringify({ all, hanging, killed, replaced }), () => { process.exit(0); });
} else {
  const metrics = createMetrics({ version: '1' });
  metrics.count('replays', { operation: 'grant' });
  metrics.set('lagEntries', {}, 5);
  metrics.set('redisUp', {}, cluster.worker?.id === 2 ? 0 : 1);
  metrics.http.begin();
  metrics.http.route('GET', '/x')('200', 0.003);
  metrics.onScrape('poolMax', (set) => { set({ pool: 'api' }, 10); });
  const text = clusterMetricsText(metrics.registry);
  process.on('message', (message: unknown) => {
    if (message === 'scrape') void text().then((scraped) => process.send?.({ scraped }));
  });
}
