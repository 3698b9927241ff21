import { setTimeout } from 'node:timers/promises';
import { percentile } from '../statistics.js';
import { encode, type Burst, type BurstAnswer, type BurstResult } from './burst.js';
import { openConnection } from './raw-client.js';

/**
 * The load generator where there is no wrk: a process of Node, so that it does not use the event loop under test. Each
 * message from its parent is one burst; the answer is its result.
 */
const MICROS_PER_MS = 1_000;

async function run({ port, connections, requests, perSecond = 0 }: Burst): Promise<BurstResult> {
  const encoded = requests.map((request) => Buffer.from(encode(request)));
  const answers: BurstAnswer[] = [];
  const latenciesMs: number[] = [];
  const opened = await Promise.all(Array.from({ length: connections }, () => openConnection(port)));
  let next = 0;
  let nextAtMs = 0;

  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(opened.map(async (connection) => {
    for (let request = encoded[next]; request !== undefined; request = encoded[next]) {
      next += 1;
      if (perSecond > 0) {
        nextAtMs -= Math.log(1 - Math.random()) * 1_000 / perSecond;
        await setTimeout(Math.max(0, nextAtMs - (performance.now() - startedAt)));
      }
      const sentAt = performance.now();
      const answer = await connection.exchange(request);
      latenciesMs.push(performance.now() - sentAt);
      answers.push({ ...answer, atMs: performance.now() - startedAt });
    }
  }));
  const durationMs = performance.now() - startedAt;
  for (const connection of opened) connection.close();
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    durationMs, answers, latencyMs: { p50: percentile(latenciesMs, 0.5), p99: percentile(latenciesMs, 0.99) },
    cpuMs: (user + system) / MICROS_PER_MS,
  };
}

process.on('message', (burst: Burst) => {
  run(burst).then(
    (result) => { process.send?.(result); },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => { process.exit(0); });
