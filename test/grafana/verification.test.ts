import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alertExpressions, dashboardExpressions } from '../../examples/observability/expressions.js';
import { prometheusApi, type PrometheusApi } from '../../examples/observability/prometheus-api.js';
import { findPrometheus, startPrometheus, type Prometheus, type RunningPrometheus } from '../support/prometheus.js';
import { temporaryFolder, type Folder } from '../support/servers.js';

/** What `npm run verify:observability` stands on: it must see an empty panel as empty, and leave out none. */

const programs = await findPrometheus();

test('every variable of the dashboards is replaced', () => {
  expect(dashboardExpressions().expressions.filter(({ expr }) => expr.includes('$'))).toEqual([]);
});

test('of an alert its value is asked, without what it is compared with, and the whole', () => {
  const lag = alertExpressions().filter(({ where }) => /(rule|alert) JournalLag/.test(where));
  const value = 'max (cg_journal_lag_seconds{job="credit-gateway"})';
  expect(lag.map(({ expr, isEventful }) => [expr, isEventful])).toEqual([
    [value, false], [value, false], [`${value} > 5`, true], [`${value} > 30`, true],
  ]);
});

(typeof programs === 'string'
  ? describe.skip
  : describe)(`a Prometheus that scrapes nothing${typeof programs === 'string' ? ` (SKIPPED: ${programs})` : ''}`, () => {
  let folder: Folder;
  let prometheus: RunningPrometheus;
  let api: PrometheusApi;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const config = join(folder.path, 'prometheus.yml');
    writeFileSync(config, 'scrape_configs: []\n');
    prometheus = await startPrometheus(programs as Prometheus, folder, config);
    api = prometheusApi(prometheus.url);
  });
  afterAll(async () => {
    await prometheus.stop();
    folder.remove();
  });

  test.each<[string, object]>([
    ['vector(2)', { number: 2, series: 1 }],
    ['1 + 1', { number: 2, series: 1 }],
    ['vector(0) / 0 or label_replace(vector(3), "a", "b", "", "")', { number: 3, series: 2 }],
    ['vector(0) / 0', { problem: 'no number' }],
    ['cg_journal_lag_seconds', { problem: 'no series' }],
  ])('%s', async (expr, answer) => {
    expect(await api.query(expr)).toEqual(answer);
  });

  test('an expression that is none says where', async () => {
    expect(await api.query('sum(')).toEqual({ problem: expect.stringContaining('parse error') });
  });

  test('no target is not a target that answers', async () => {
    expect(await api.isScraping()).toBe(false);
    expect(await api.rules()).toEqual([]);
  });
});
