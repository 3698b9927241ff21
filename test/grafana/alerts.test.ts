import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { anchorOf, headingOf, yamlOf, type Alert } from '../../grafana/src/alert.js';
import { allAlerts, RULES_FILE, rulesYaml } from '../../grafana/src/alerts.js';
import { RUNBOOK_PAGE, RUNBOOK_SOURCE, runbookPage } from '../../grafana/src/runbook-page.js';
import { HOT_ROUTES, NOT_COUNTED } from '../../grafana/src/slo.js';
import { listRoutes, type AppDeps } from '../../src/compose/app.js';
import { projectRoot } from '../../src/kit/paths.js';
import { fakeGateway, type FakeGateway } from '../support/fake-gateway.js';
import { findPrometheus, promtool, type Prometheus } from '../support/prometheus.js';
import { splitCases } from './rule-cases.js';

const CASES = 'grafana/alerts/tests';

type Case = {
  readonly name: string;
  readonly promql_expr_test?: readonly { readonly expr: string; readonly exp_samples: readonly unknown[] }[];
};

const text = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
const names = [...new Set(allAlerts.map(({ name }) => name))];
const caseFiles = readdirSync(join(projectRoot, CASES)).filter((name) => name.endsWith('.test.yml'));

test('the committed rules are what grafana/src says; if not: npm run dashboards', () => {
  expect(text(RULES_FILE)).toBe(rulesYaml());
});

describe('every alert', () => {
  test('has one rule per severity and window', () => {
    const keys = allAlerts.map(keyOf);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });

  test('says the number that was measured', () => {
    expect(allAlerts.filter(({ description }) => !description.includes('$value')).map(keyOf)).toEqual([]);
  });

  test('names in its texts only labels that its value keeps', () => {
    const lost = allAlerts.flatMap((alert) => [...`${alert.summary} ${alert.description}`.matchAll(/\$labels\.(\w+)/g)]
      .flatMap(([, label = '']) =>
        (label === 'instance' || alert.when[0].value.includes(`by (${label})`) ? [] : [`${alert.name}: ${label}`])));
    expect(lost).toEqual([]);
  });

  test('has a case in which it fires, and one in which it just does not', () => {
    const asserted = caseFiles.flatMap((file) =>
      (parse(text(join(CASES, file))) as { tests: Case[] }).tests.flatMap((each) => each.promql_expr_test ?? []));
    const about = (
      alert: Alert,
    ) => asserted.filter(({ expr }) => expr.includes(`alertname="${alert.name}"`) && expr.includes(`severity="${alert.severity}"`) &&
      (alert.labels?.['window'] === undefined || expr.includes(`window="${alert.labels['window']}"`)));
    const untried = allAlerts.flatMap((alert) => [
      ...(about(alert).some(({ exp_samples }) => exp_samples.length > 0) ? [] : [`${keyOf(alert)} never fires`]),
      ...(about(alert).some(({ exp_samples }) => exp_samples.length === 0) ? [] : [`${keyOf(alert)} has no near miss`]),
    ]);
    expect(untried).toEqual([]);
  });

  test(`has its section in ${RUNBOOK_SOURCE}, and every section its alert`, () => {
    const sections = [...text(RUNBOOK_SOURCE).matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);
    expect(sections).toEqual(names.map(headingOf));
    expect(names.map(anchorOf)).toContain('journal-lag');
  });

  test('is told what it means, how to check and what to do', () => {
    const sections = text(RUNBOOK_SOURCE).split(/^### /m).slice(1);
    const incomplete = sections.filter((section) => !['**Means.**', '**Check.**', '**Do.**'].every((part) => section.includes(part)));
    expect(incomplete.map((section) => section.split('\n')[0])).toEqual([]);
  });
});

describe('links to the runbook', () => {
  const page = text(RUNBOOK_PAGE);
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);

  test('its page is what docs/runbook.md says; if not: npm run dashboards', () => {
    expect(page).toBe(runbookPage(text(RUNBOOK_SOURCE)));
    expect(new Set(ids).size).toBe(ids.length);
    expect(page.replace(/<pre>[\s\S]*?<\/pre>|<code>[\s\S]*?<\/code>/g, '')).not.toMatch(/\*\*|\]\(|^\||^#|```/m);
  });

  test('of every rule and every panel lead to a section, at the address that compose gives', () => {
    const compose = parse(text('docker-compose.yml')) as {
      readonly services: Readonly<Record<'prometheus' | 'grafana', {
        readonly environment: Readonly<Record<string, string>>; readonly volumes: readonly string[];
      }>>;
    };
    const base = /:-([^}]+)\}/.exec(compose.services.prometheus.environment['RUNBOOK_URL'] ?? '')?.[1] ?? '';
    const rules = [...text(RULES_FILE).matchAll(/runbook_url: "?(.+?)"?$/gm)].map(([, link = '']) =>
      link.replace('{{ $externalLabels.runbook }}', base));
    expect(rules).toHaveLength(allAlerts.length);
    const panels = readdirSync(join(projectRoot, 'grafana/dashboards')).flatMap((file) =>
      [...text(`grafana/dashboards/${file}`).matchAll(/"url": "\$\{runbook\}(#[\w-]+)"/g)].map(([, hash = '']) => base + hash));
    expect(panels.length).toBeGreaterThan(40);
    const folder = `./${RUNBOOK_PAGE.split('/').slice(0, -1).join('/')}:/usr/share/grafana/public/runbook:ro`;
    expect(compose.services.grafana.volumes).toContain(folder);
    for (const link of [...rules, ...panels]) {
      const { pathname, hash } = new URL(link);
      expect([link, pathname, ids.includes(hash.slice(1))]).toEqual([link, '/public/runbook/index.html', true]);
    }
  });
});

describe('the routes that the promises are about', () => {
  let gateway: FakeGateway;
  beforeAll(async () => { gateway = await fakeGateway(); });
  afterAll(() => gateway.stop());

  test('exist', () => {
    // Routes are made, not called: what they would call need not be there.
    const servers = {
      creditsProcess: {}, administration: {}, authenticateServer: () => Promise.reject(new Error('not called')),
    } as unknown as NonNullable<AppDeps['servers']>;
    const paths = new Set(listRoutes({ ...gateway.deps, servers }).map(({ path }) => path));
    expect([...HOT_ROUTES, ...NOT_COUNTED].filter((path) => path !== 'unmatched' && !paths.has(path))).toEqual([]);
  });
});

const programs = await findPrometheus();

(typeof programs === 'string'
  ? describe.skip
  : describe)(`with promtool${typeof programs === 'string' ? ` (SKIPPED: ${programs})` : ''}`, () => {
  /** What promtool complains of; nothing when all is well. */
  const complaint = async (folder: string, ...args: readonly string[]): Promise<string> => {
    const { ok, stdout, problem } = await promtool(programs as Prometheus, join(projectRoot, folder), ...args);
    return ok ? '' : `${stdout}\n${problem}`;
  };

  test('the rules are rules, and the configuration finds them', async () => {
    expect(await complaint('grafana', 'check', 'rules', join(projectRoot, RULES_FILE))).toBe('');
    expect(await complaint('grafana', 'check', 'config', 'prometheus.yml')).toBe('');
  });

  test('and what is none is not taken for one', async () => {
    expect(await complaint(CASES, 'check', 'rules', caseFiles[0] ?? '')).not.toBe('');
  });

  test.each(caseFiles)('%s', async (file) => {
    const folder = mkdtempSync(join(tmpdir(), 'credit-gateway-rules-'));
    try {
      expect(await complaint(CASES, 'test', 'rules', ...splitCases(join(CASES, file), RULES_FILE, folder))).toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a case whose answer is wrong is told, although it runs with few rules', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'credit-gateway-rules-'));
    const [first = ''] = splitCases(join(CASES, 'days.test.yml'), RULES_FILE, folder);
    writeFileSync(first, readFileSync(first, 'utf8').replace('exp_samples: []', 'exp_samples: [{ value: 1 }]'));
    expect(await complaint(CASES, 'test', 'rules', first)).not.toBe('');
    rmSync(folder, { recursive: true });
  });
});

test('a rule without labels of its own, with two conditions', () => {
  const alert: Alert = {
    name: 'TwoThings', severity: 'page', holdsFor: '1m', when: [{ value: 'a', is: '> 1' }, { value: 'b', is: '< 2' }],
    summary: 's', description: 'd',
  };
  expect(parse(yamlOf([{ name: 'g', alerts: [alert] }]))).toEqual({
    groups: [{ name: 'g', rules: [{
      alert: 'TwoThings', expr: '(a > 1) and (b < 2)', for: '1m', labels: { severity: 'page' },
      annotations: { summary: 's', description: 'd', runbook_url: '{{ $externalLabels.runbook }}#two-things' },
    }] }],
  });
});

function keyOf({ name, severity, labels }: Alert): string {
  return [name, severity, ...Object.values(labels ?? {})].join(' ');
}
