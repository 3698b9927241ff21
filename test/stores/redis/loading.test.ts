import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { hotPathOptions } from '../../../src/stores/redis/connect.js';
import { redisAt } from '../../../src/stores/redis/location.js';
import { openConnection } from '../../../src/stores/redis/open-redis.js';
import { connectQueue } from '../../../src/stores/redis/queue-connections.js';
import { until } from '../../chaos/lab.js';

/** ioredis waits for the estimate, or for 10 s, unless it is told otherwise. */
const ESTIMATE_SECONDS = 600;
const ASKS = 4;
const cleanups: (() => unknown)[] = [];
afterEach(() => { for (const cleanup of cleanups.splice(0)) cleanup(); });

/** Answers like a Redis that loads its data, with an estimate that is far too long, until it was asked so many times by each. */
async function loadingRedis(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let asked = 0;
    sockets.add(socket);
    socket.on('data', (sent) => {
      for (const [, command] of sent.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        if (command?.toLowerCase() !== 'info') {
          socket.write('+OK\r\n');
          continue;
        }
        asked += 1;
        const text = asked < ASKS ? `loading:1\r\nloading_eta_seconds:${ESTIMATE_SECONDS}\r\n` : 'loading:0\r\nredis_version:7.0.0\r\n';
        socket.write(`$${text.length}\r\n${text}\r\n`);
      }
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a Redis that loads its data is used as soon as it is done, whatever its estimate was', async () => {
  const url = await loadingRedis();
  const hot = openConnection(redisAt(url), '', hotPathOptions(5_000), () => undefined);
  const queues = connectQueue(redisAt(url), 'cg', () => undefined);
  cleanups.unshift(() => { hot.disconnect(); queues.close(); });
  // Three waits of ioredis' own would take half a minute.
  await until('all connections', () => [hot, queues.producer, queues.worker].every(({ status }) => status === 'ready'), 20_000);
  expect(hot.status).toBe('ready');
}, 30_000);
