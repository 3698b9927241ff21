import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { hotPathOptions } from '../../../src/stores/redis/connect.js';
import { redisAt } from '../../../src/stores/redis/location.js';
import { openConnection } from '../../../src/stores/redis/open-redis.js';
import { connectQueue } from '../../../src/stores/redis/queue-connections.js';
import { until } from '../../chaos/lab.js';

const cleanups: (() => unknown)[] = [];
afterEach(() => { for (const cleanup of cleanups.splice(0)) cleanup(); });

/** An address behind which a failover happens: each connection leads to a replica until `promote`, later ones to the master. */
async function failingOver(): Promise<{ readonly url: string; readonly promote: () => void }> {
  const sockets = new Set<Socket>();
  let isMaster = false;
  const server = createServer((socket) => {
    const leadsToMaster = isMaster;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (sent) => {
      for (const [, command = ''] of sent.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        if (command.toLowerCase() === 'info') socket.write('$11\r\nloading:0\r\n\r\n');
        else if (command.toLowerCase() !== 'set' || leadsToMaster) socket.write('+OK\r\n');
        else socket.write("-READONLY You can't write against a read only replica.\r\n");
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, promote: () => { isMaster = true; } };
}

test('after a failover every connection leaves the replica by itself: of requests, of jobs, and of the worker', async () => {
  const { url, promote } = await failingOver();
  const hot = openConnection(redisAt(url), '', hotPathOptions(5_000), () => undefined);
  const queues = connectQueue(redisAt(url), 'cg', () => undefined);
  cleanups.unshift(() => { hot.disconnect(); queues.close(); });
  const connections = [hot, queues.producer, queues.worker];
  await until('all connections', () => connections.every(({ status }) => status === 'ready'));
  promote();
  for (const connection of connections) {
    await until('a write', async () => connection.set('a', 'b').then(() => true, () => false), 20_000);
  }
  expect(connections.map(({ status }) => status)).toEqual(['ready', 'ready', 'ready']);
}, 60_000);
