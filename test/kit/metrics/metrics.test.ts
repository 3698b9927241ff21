import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/kit/metrics/metrics.js';
import { fakeGateway, type FakeGateway } from '../../support/fake-gateway.js';

describe('HTTP metrics', () => {
  let gateway: FakeGateway;
  beforeAll(async () => { gateway = await fakeGateway(); });
  afterAll(async () => { await gateway.stop(); });
  const series = async (): Promise<string[]> =>
    (await gateway.metrics.text()).split('\n').filter((line) => line.startsWith('cg_http_request_duration_seconds_count'));

  test('are labelled by template, method and status', async () => {
    await gateway.call('GET', '/api/credits/balance', { token: await gateway.token({ sub: 'alice' }) });
    await gateway.call('GET', '/api/credits/balance');
    expect(await series()).toEqual(expect.arrayContaining([
      'cg_http_request_duration_seconds_count{method="GET",route="/api/credits/balance",status="200"} 1',
      'cg_http_request_duration_seconds_count{method="GET",route="/api/credits/balance",status="401"} 1',
    ]));
  });

  test('65 neither paths nor users nor request ids add series', async () => {
    const before = (await series()).length;
    for (let i = 0; i < 30; i += 1) {
      await gateway.call('GET', `/scan/${i}`);
      await gateway.call('PUT', `/api/credits/${i}`, {
        token: await gateway.token({ sub: `user-${i}` }), headers: { 'x-request-id': `id-${i}` },
      });
    }
    const after = await series();
    expect(after.length).toBe(before + 1);
    expect(after).toContain('cg_http_request_duration_seconds_count{method="any",route="unmatched",status="404"} 60');
    expect(await gateway.metrics.text()).not.toMatch(/user-\d|alice|id-\d|scan/);
  });

  test('requests in flight return to zero', async () => {
    expect(await gateway.metrics.text()).toContain('cg_http_requests_in_flight 0');
  });
});

describe('the other metrics', () => {
  test('observe what is reported', async () => {
    const metrics = createMetrics({ version: '9.9.9' });
    metrics.script('place-hold', 'placed', 0.001, false);
    metrics.script('place-hold', 'placed', 0.001, true);
    metrics.script('place-hold', 'error', 0.15, false);
    metrics.observe('jobSeconds', { job_name: 'drain', status: 'ok' }, 0.02);
    metrics.set('holdsOpen', {}, 7);
    metrics.set('lagEntries', {}, 12);
    metrics.set('lagSeconds', {}, 0.25);
    metrics.observe('drainEntries', {}, 500);
    metrics.count('outcomesUnknown', { operation: 'place-hold' });
    metrics.count('replays', { operation: 'grant' });
    metrics.watchRedis(() => ({ breaker: 'open', inFlight: 3 }));
    const lines = (await metrics.text()).split('\n');
    expect(lines).toEqual(expect.arrayContaining([
      'cg_script_duration_seconds_count{script="place-hold",status="placed"} 2',
      'cg_script_duration_seconds_count{script="place-hold",status="error"} 1',
      'cg_replays_total{operation="place-hold"} 1',
      'cg_replays_total{operation="grant"} 1',
      'cg_job_duration_seconds_count{job_name="drain",status="ok"} 1',
      'cg_holds_open 7',
      'cg_journal_lag_entries 12',
      'cg_journal_lag_seconds 0.25',
      'cg_drain_batch_entries_sum 500',
      'cg_outcomes_unknown_total{operation="place-hold"} 1',
      'cg_breaker_state 2',
      'cg_redis_commands_in_flight 3',
      `cg_build_info{version="9.9.9",node="${process.version}"} 1`,
    ]));
    expect(lines.some((line) => line.startsWith('nodejs_eventloop_lag'))).toBe(true);
  });

  test('two sets are independent', () => {
    expect(() => [createMetrics({ version: '1' }), createMetrics({ version: '1' })]).not.toThrow();
  });
});
