import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { send } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';
import { startCollector } from './collector.js';

test('with a ratio of 1 everything is traced, jobs included, and a stop exports the remaining spans', async () => {
  const collector = await startCollector();
  const gateway = await startGateway({ environment: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_TRACES_SAMPLER_ARG: '1' } });
  try {
    const admin = await gateway.token({ sub: 'admin', role: 'admin' });
    const { status } = await send(`${gateway.url}/api/credits/allocate`, 'POST', {
      token: admin, body: { userId: randomUUID(), credits: 5 },
    });
    expect(status).toBe(201);
  } finally {
    await gateway.stop();
    await collector.stop();
  }
  const roots = collector.spans.filter(({ parentSpanId }) => parentSpanId === undefined).map(({ name }) => name);
  expect(roots).toContain('POST /api/credits/allocate');
  expect(roots.filter((name) => name.startsWith('job ')).length).toBeGreaterThan(0);
  // Statements and scripts only appear below another span: alone they would be noise.
  expect(roots.filter((name) => !/^(job |settlement message$|GET |POST )/.test(name))).toEqual([]);
});
