import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { panelsOf, targetsOf, type Dashboard } from '../../grafana/src/classic.js';
import { allDashboards, allExpressions } from '../../grafana/src/dashboards.js';
import { PROMETHEUS_METRICS } from '../../grafana/src/expressions.js';
import { DASHBOARDS_FOLDER, toText } from '../../grafana/src/files.js';
import { PROCESS_METRICS } from '../../grafana/src/promql.js';
import { AFTER_MESSAGE, BEFORE_MESSAGE, PROBES } from '../../grafana/src/requests.js';
import { RUNBOOK_SECTIONS } from '../../grafana/src/runbook.js';
import { listRoutes } from '../../src/compose/app.js';
import { processRoutes, type ProcessRouteDeps } from '../../src/edge/credits-process/process.routes.js';
import { METRICS } from '../../src/kit/metrics/catalogue.js';
import type { MetricSpec } from '../../src/kit/metrics/metric-spec.js';
import { projectRoot } from '../../src/kit/paths.js';
import { fakeGateway, type FakeGateway } from '../support/fake-gateway.js';
import { dashboardSchema } from './dashboard-schema.js';
import { readPromql } from './read-promql.js';

const COLUMNS = 24;
const PANELS_MAX = 20;
const SPARE_TIME_MS = 60_000;

const dashboards = allDashboards();
const each = dashboards.map(({ file, dashboard }) => [file, dashboard] as const);

test('the committed files are what the code writes; if not: npm run dashboards', () => {
  expect(readdirSync(DASHBOARDS_FOLDER).sort()).toEqual(dashboards.map(({ file }) => file).sort());
  const stale = dashboards.filter(({ file, dashboard }) => readFileSync(join(DASHBOARDS_FOLDER, file), 'utf8') !== toText(dashboard));
  expect(stale.map(({ file }) => file)).toEqual([]);
});

test('Grafana is told of the data source that dashboards begin with, and where they are', () => {
  const provisioned = (path: string): unknown => parse(readFileSync(join(projectRoot, 'grafana', 'provisioning', path), 'utf8'));
  expect(provisioned('datasources/prometheus.yml')).toMatchObject({
    datasources: [{ uid: 'prometheus', type: 'prometheus', url: '${PROMETHEUS_URL}' }],
  });
  expect(provisioned('dashboards/credit-gateway.yml')).toMatchObject({
    providers: [{ type: 'file', allowUiUpdates: false, options: { path: '/var/lib/grafana/dashboards' } }],
  });
  for (const { dashboard } of dashboards) {
    expect(dashboard.templating.list?.[0]).toMatchObject({
      name: 'datasource', type: 'datasource', query: 'prometheus', current: { value: 'prometheus' },
    });
  }
});

test('uids and titles tell dashboards apart', () => {
  expect(new Set(dashboards.map(({ dashboard }) => dashboard.uid)).size).toBe(dashboards.length);
  expect(new Set(dashboards.map(({ dashboard }) => dashboard.title)).size).toBe(dashboards.length);
});

describe.each(each)('%s', (_, dashboard) => {
  test('every panel says what it shows, in a unit', () => {
    const bare = panelsOf(dashboard).filter(({ title = '', description = '', fieldConfig }) =>
      title === '' || !/[.?]$/.test(description) || (fieldConfig?.defaults.unit ?? '') === '');
    expect(bare.map(({ id, title }) => ({ id, title }))).toEqual([]);
  });

  test('ids are positive and unique, rows included', () => {
    const ids = (dashboard.panels ?? []).map(({ id = 0 }) => id);
    expect(ids.filter((id, index) => id <= 0 || ids.indexOf(id) !== index)).toEqual([]);
  });

  test('panels lie side by side in 24 columns, and there are not too many', () => {
    expect(panelsOf(dashboard).length).toBeLessThanOrEqual(PANELS_MAX);
    expect(misplaced(dashboard)).toEqual([]);
  });

  test('every panel asks the chosen data source; refIds tell its queries apart', () => {
    for (const panel of panelsOf(dashboard)) {
      const refIds = targetsOf(panel).map(({ refId }) => refId);
      expect({ title: panel.title, refIds }).toEqual({ title: panel.title, refIds: [...new Set(refIds)] });
      expect(refIds.length).toBeGreaterThan(0);
      expect([
        panel.datasource, ...targetsOf(panel).map(({ datasource }) => datasource),
      ]).toEqual([panel, ...refIds].map(() => ({ type: 'prometheus', uid: '${datasource}' })));
    }
  });

  test('every variable that is used is declared, and the other way round', () => {
    const { templating, ...rest } = dashboard;
    const declared = (templating.list ?? []).map(({ name }) => name);
    const texts = JSON.stringify([rest, (templating.list ?? []).map(({ query, datasource }) => ({ query, datasource }))]);
    const used = [...texts.matchAll(/\$\{?([a-z]\w*)/g)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual([...declared].sort());
  });

  test('every expression is PromQL over metrics that exist', () => {
    const annotations = (dashboard.annotations.list ?? []).map(({ name, expr = '' }) => ({ where: `annotation ${name}`, expr }));
    const targets = panelsOf(dashboard).flatMap((panel) => targetsOf(panel).map(({ expr }) => ({ where: panel.title ?? '', expr })));
    const wrong = [...targets, ...annotations].flatMap(({ where, expr }) => {
      const { errors, metrics } = readPromql(expr);
      const unknown = metrics.filter((name) => !KNOWN.has(name)).map((name) => `${name} is no metric`);
      return [...errors, ...unknown, ...(metrics.length === 0 ? ['names no metric'] : [])].map((problem) => `${where}: ${problem}`);
    });
    expect(wrong).toEqual([]);
  });

  test('links lead to the runbook', () => {
    const links = panelsOf(dashboard).flatMap((panel) => panel.links ?? []).map(({ url }) => url);
    const known = RUNBOOK_SECTIONS.map((section) => `\${runbook}#${section}`);
    expect(links.filter((url) => !known.includes(url ?? ''))).toEqual([]);
  });
});

test('every section of the runbook that a panel points to is there', () => {
  const path = join(projectRoot, 'docs', 'runbook.md');
  const headings = [
    ...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm),
  ].map(([, heading = '']) => heading.trim().toLowerCase().replaceAll(/[^\w\- ]/g, '').replaceAll(' ', '-'));
  expect(RUNBOOK_SECTIONS.filter((section) => !headings.includes(section))).toEqual([]);
});

test('every section that is listed is pointed to', () => {
  const texts = JSON.stringify(dashboards);
  expect(RUNBOOK_SECTIONS.filter((section) => !texts.includes(`\${runbook}#${section}"`))).toEqual([]);
});

test('an expression that is no PromQL, or names no metric of ours, is found', () => {
  expect(readPromql('sum (rate(cg_made_up_total{job="x"}[$__rate_interval]))')).toEqual({ errors: [], metrics: ['cg_made_up_total'] });
  expect(readPromql('sum (rate(cg_made_up_total{job="x"}[$__rate_interval])').errors).not.toEqual([]);
  expect(KNOWN.has('cg_made_up_total')).toBe(false);
});

test('all expressions of all panels, with where they are', () => {
  const all = allExpressions();
  expect(all.length).toBeGreaterThan(dashboards.length);
  expect(all.filter(({ dashboard, panel, refId, expr }) => [dashboard, panel, refId, expr].includes(''))).toEqual([]);
});

describe('by the types that Grafana publishes', () => {
  let problems: (dashboard: unknown) => string[];
  beforeAll(() => { problems = dashboardSchema(); }, SPARE_TIME_MS);

  test.each(each)('%s is a dashboard', (_, dashboard) => {
    expect(problems(JSON.parse(toText(dashboard)))).toEqual([]);
  });

  test.each<[string, (dashboard: Loose) => void]>([
    ['a title that is a number', (dashboard) => { dashboard['title'] = 7; }],
    ['an unknown field', (dashboard) => { dashboard['titel'] = 'x'; }],
    ['a target without an expression', ({ panels }) => { delete panels[1]?.targets[0]?.['expr']; }],
    ['a colour mode that does not exist', ({ panels }) => { Object.assign(panels[1]?.options ?? {}, { colorMode: 'pink' }); }],
  ])('%s is found', (_, spoil) => {
    const spoilt = JSON.parse(readFileSync(join(DASHBOARDS_FOLDER, 'overview.json'), 'utf8')) as Loose;
    spoil(spoilt);
    expect(problems(spoilt)).not.toEqual([]);
  });
});

describe('routes that dashboards name', () => {
  let gateway: FakeGateway;
  beforeAll(async () => { gateway = await fakeGateway(); });
  afterAll(() => gateway.stop());

  test('are routes of the gateway, or `unmatched`', () => {
    const routes = new Set([...listRoutes(gateway.deps).map(({ path }) => path), 'unmatched']);
    processRoutes((_, path) => { routes.add(path); }, {} as ProcessRouteDeps); // the fake has no credits process
    expect([...BEFORE_MESSAGE, ...AFTER_MESSAGE, ...PROBES].filter((route) => !routes.has(route))).toEqual([]);
  });
});

type Loose = Record<string, unknown> & { readonly panels: { readonly targets: Record<string, unknown>[]; readonly options: object }[] };

const SUFFIXES = { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] } as const;
const KNOWN: ReadonlySet<string> = new Set([
  ...Object.values<MetricSpec>(METRICS).flatMap(({ name, type }) => SUFFIXES[type].map((suffix) => `${name}${suffix}`)),
  ...PROCESS_METRICS, ...PROMETHEUS_METRICS,
]);

/** Panels that stick out, or lie on another. */
function misplaced({ panels = [] }: Dashboard): string[] {
  const taken = new Map<string, string>();
  return panels.flatMap(({ title = '', gridPos }) => {
    if (gridPos === undefined || gridPos.w < 1 || gridPos.h < 1 || gridPos.x < 0 || gridPos.x + gridPos.w > COLUMNS) {
      return [`${title} is outside`];
    }
    const overlaps = new Set<string>();
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        const other = taken.get(`${x},${y}`);
        if (other !== undefined) overlaps.add(`${title} lies on ${other}`);
        taken.set(`${x},${y}`, title);
      }
    }
    return [...overlaps];
  });
}
