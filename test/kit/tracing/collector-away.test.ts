import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { SpanExporter } from '@opentelemetry/sdk-trace-node';
import { watchExporter } from '../../../src/kit/tracing/watch-exporter.js';
import { send } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';

/** Accepts connections and never answers. */
const sockets = new Set<Socket>();
const silent = createServer((socket) => { sockets.add(socket.on('error', () => undefined)); });
let silentPort: number;
beforeAll(async () => {
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  silentPort = (silent.address() as AddressInfo).port;
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  await once(silent, 'close');
});

test.each([
  ['is down', () => 9], ['hangs', () => silentPort],
])('requests and stopping work while the collector %s', async (_, portOf) => {
  const gateway = await startGateway({
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${portOf()}`, OTEL_TRACES_SAMPLER_ARG: '1' },
  });
  const admin = await gateway.token({ sub: 'admin', role: 'admin' });
  for (let round = 0; round < 3; round += 1) {
    const { status } = await send(`${gateway.url}/api/credits/allocate`, 'POST', {
      token: admin, body: { userId: randomUUID(), credits: 5 },
    });
    expect(status).toBe(201);
    await sleep(400); // spans are exported once a second: some exports fail in this time
  }
  await gateway.stop();
});

test('failed exports are reported once a minute', () => {
  let nowMs = 1_000_000;
  const told: unknown[] = [];
  const refused = new Error('refused');
  const failing: SpanExporter = {
    export: (_spans, done) => { done({ error: refused } as Parameters<typeof done>[0]); }, shutdown: () => Promise.resolve(),
  };
  const exporter = watchExporter(failing, () => nowMs, (error) => told.push(error));
  const results: unknown[] = [];
  for (const ms of [0, 1_000, 58_999, 1, 1_000, 60_000]) {
    nowMs += ms;
    exporter.export([], ({ error }) => results.push(error));
  }
  expect(told).toEqual([refused, refused, refused]);
  expect(results).toHaveLength(6);
});
