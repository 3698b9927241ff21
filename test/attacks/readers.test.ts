import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { until } from '../chaos/lab.js';
import { fakeGateway, type FakeGateway, type FakeGatewayOptions } from '../support/fake-gateway.js';

/** Clients that ask and do not read (docs/reliability.md#b4). */
let gateway: FakeGateway;
let clients: Socket[] = [];
/** The gateway's ends of the connections, and the requests that arrived and the answers that were sent whole. */
let sockets: Socket[] = [];
let sent = 0;
const open = async (bounds: FakeGatewayOptions['sockets']): Promise<void> => {
  gateway = await fakeGateway({ ...(bounds === undefined ? {} : { sockets: bounds }) });
  gateway.server.on('connection', (socket: Socket) => { sockets.push(socket); });
  gateway.server.on('request', (_: unknown, response: ServerResponse) => { response.once('finish', () => { sent += 1; }); });
};
afterEach(async () => {
  for (const client of clients) client.destroy();
  [clients, sockets, sent] = [[], [], 0];
  await gateway.stop();
});

/** A connection that has sent this; it reads nothing until it is told to. */
const client = (text = ''): Promise<Socket> => new Promise((resolve) => {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => {
    if (text !== '') socket.write(text);
    resolve(socket);
  });
  socket.pause().on('error', () => undefined);
  clients.push(socket);
});
/** Some MB to answer: more than the buffers of a connection take. */
const LARGE = 'GET /docs/reference.js HTTP/1.1\r\nHost: x\r\n\r\n';
const SMALL = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
const ended = async (): Promise<number> => {
  const { values } = await gateway.metrics.registry.getSingleMetric('cg_http_request_duration_seconds')?.get() ?? { values: [] };
  return values.filter((each) => (each as { metricName?: string }).metricName?.endsWith('_count') === true)
    .reduce((total, { value }) => total + value, 0);
};
const closed = async (reason: string): Promise<number | undefined> => {
  const { values } = await gateway.metrics.registry.getSingleMetric('cg_sockets_closed_total')?.get() ?? { values: [] };
  return values.find(({ labels }) => labels['reason'] === reason)?.value;
};
/** Every connection waits for its reader, or has waited too long. */
const isStuck = (): boolean => sockets.every(({ writableLength, destroyed }) => writableLength > 0 || destroyed);

test('of requests that are pipelined and never read one answer waits per connection, and the others are served', async () => {
  await open({ sendTimeoutMs: 400, checkEveryMs: 20 });
  await Promise.all(Array.from({ length: 8 }, () => client(LARGE.repeat(64))));
  await until('no connection takes more', () => sockets.length === 8 && isStuck());
  expect((await ended()) - sent).toBeLessThanOrEqual(8);
  expect((await gateway.call('GET', '/livez')).status).toBe(200);
  await until('all are closed', async () => (await closed('send_timeout')) === 8);
  await until('nothing is kept of them', () => sockets.slice(0, 8).every(({ destroyed }) => destroyed));
});

test('a connection with too many requests ahead of their answers is closed', async () => {
  await open({ pipelinedMax: 10 });
  await client(LARGE.repeat(12));
  await until('it is closed', async () => (await closed('pipelined')) === 1);
  expect(await ended()).toBeLessThanOrEqual(1);
});

test('a client that pipelines and reads, slowly, gets every answer in order', async () => {
  await open({ sendTimeoutMs: 2_000, checkEveryMs: 20 });
  const reader = await client(`${LARGE}${SMALL}`.repeat(20));
  await until('it has to wait for its reader', () => sockets.length === 1 && isStuck());
  let received = '';
  reader.on('data', (chunk) => { received += chunk.toString('latin1'); }).resume();
  await until('it has all', () => sent === 40);
  await until('all has arrived', () => received.match(/HTTP\/1\.1 200 OK/g)?.length === 40);
  expect([await closed('send_timeout'), await closed('pipelined')]).toEqual([0, 0]);
});

test('of all connections together only so much waits to be read; those that have waited longest are closed', async () => {
  await open({ unsentBytesMax: 1_000_000, checkEveryMs: 20 });
  await Promise.all(Array.from({ length: 8 }, () => client(LARGE.repeat(40))));
  await until('some are closed', async () => ((await closed('unsent')) ?? 0) > 0);
  await until('few bytes wait', () => sockets.reduce((total, each) => total + (each.destroyed ? 0 : each.writableLength), 0) <= 1_000_000);
  expect((await gateway.call('GET', '/livez')).status).toBe(200);
});

test('more connections than the process takes are not accepted', async () => {
  await open({ connectionsMax: 3 });
  await Promise.all(Array.from({ length: 5 }, () => client()));
  await until('two are refused', async () => (await closed('connections')) === 2);
  clients[0]?.destroy();
});

test('slow senders are closed in time, in their headers and in their bodies', async () => {
  await open(undefined);
  const { server } = gateway;
  expect([server.headersTimeout, server.requestTimeout]).toEqual([5_000, 10_000]);
  [server.headersTimeout, server.requestTimeout] = [200, 400];
  const token = await gateway.token({ sub: 'mallory' });
  const heads = 'POST /api/credits/check HTTP/1.1\r\nHost: x\r\n';
  const body = `${heads}Authorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
  const slow = await Promise.all([client(`${heads}X-Slow: `), client(body)]);
  const heard = slow.map((socket) => {
    let text = '';
    socket.on('data', (chunk) => { text += chunk.toString(); }).resume();
    // Each byte would renew a limit of idleness.
    const drip = setInterval(() => { socket.write(' '); }, 50);
    return new Promise<string>((resolve) => { socket.on('close', () => { clearInterval(drip); resolve(text.slice(0, 12)); }); });
  });
  expect(await Promise.all(heard)).toEqual(['HTTP/1.1 408', 'HTTP/1.1 408']);
  expect(gateway.ledger.calls).toEqual([]);
});
