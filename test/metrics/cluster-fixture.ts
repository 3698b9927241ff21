import cluster from 'node:cluster';
import { clusterMetricsText, serveClusterMetrics } from '../../src/metrics/cluster.js';
import { createMetrics } from '../../src/metrics/metrics.js';

/** Run by cluster.test.ts: two workers count one replay each; the first prints what a scrape of it would say. */
if (cluster.isPrimary) {
  serveClusterMetrics();
  const workers = [cluster.fork(), cluster.fork()];
  let ready = 0;
  cluster.on('message', (_, message: unknown) => {
    if (message === 'ready') ready += 1;
    if (ready === 2) { ready = 0; workers[0]?.send('scrape'); }
    if (message === 'done') for (const worker of workers) worker.kill();
  });
} else {
  const metrics = createMetrics({ version: '1', defaults: false });
  const text = clusterMetricsText(metrics.registry);
  metrics.count('replays', { operation: 'grant' });
  metrics.set('lagEntries', {}, 5);
  process.on('message', (message: unknown) => {
    if (message !== 'scrape') return;
    void text().then((scraped) => { process.stdout.write(scraped, () => process.send?.('done')); });
  });
  process.send?.('ready');
}
